// A chunk of rows at a time: first logits, losses and residuals (probability - one-hot), a tile of rows a task; then
// the gradient, a panel of columns a task. No task shares a sum with another, so nothing is added up across threads.
#include "eval/softmax_objective.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <future>

#include "base/parallel.hpp"
#include "eval/products.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index kTile = 96;        // rows whose logits stay in the first-level cache
constexpr Eigen::Index kSumRows = 256;    // rows whose products are added up in the products' own type
constexpr Eigen::Index kClassGroup = 96;  // classes a gradient task
constexpr Eigen::Index kChunkNumbers = 4 << 20;
constexpr double kSmallWork = 2e6;  // multiply-adds under which a second thread costs more than it brings

/// Numbers in a row of features: an odd number of cache lines, so that columns of neighbouring rows do not collide.
Eigen::Index row_stride(Eigen::Index cols, std::size_t type_bytes) {
  const auto line = static_cast<Eigen::Index>(64 / type_bytes);
  return ((cols + line - 1) / line | 1) * line;
}

Eigen::Index rows_of_chunk(Eigen::Index rows, Eigen::Index stride, Eigen::Index columns,
                           const ObjectiveOptions& options) {
  const Eigen::Index wanted =
      options.chunk_rows > 0 ? options.chunk_rows : std::max(kTile, kChunkNumbers / std::max(stride, columns));
  return std::min((wanted + kTile - 1) / kTile * kTile, rows);
}

template <class T>
class SoftmaxObjective : public StackedObjective {
 public:
  SoftmaxObjective(RowSource source, Eigen::Index logits, const VectorD& shift, const ObjectiveOptions& options)
      : source_(std::move(source)), logits_(logits), shift_(shift), keep_(options.residence == Residence::kKeep) {
    stride_ = row_stride(source_.cols, sizeof(T));
    chunk_rows_ = rows_of_chunk(source_.rows, stride_, logits_, options);
    if (keep_) {
      kept_.resize(source_.rows * stride_);
      std::vector<float> raw(chunk_rows_ * source_.cols);
      for (Eigen::Index begin = 0; begin < source_.rows; begin += chunk_rows_)
        load(begin, std::min(chunk_rows_, source_.rows - begin), raw, kept_.data() + begin * stride_);
      source_.read = nullptr;
    }
  }

  Eigen::Index rows() const override { return source_.rows; }
  Eigen::Index cols() const override { return source_.cols; }
  Eigen::Index logits() const override { return logits_; }

  void evaluate(std::span<Evaluation> stack) override {
    if (stack.empty()) return;
    const Eigen::Index K = logits_, D = cols(), columns = K * std::ssize(stack);
    std::vector<const double*> weights;
    std::vector<double*> sums;
    bias_.setZero(kernel_.padded(columns));
    for (std::size_t m = 0; m < stack.size(); ++m) {
      stack[m].value = stack[m].curvature = 0;
      stack[m].gradient->setZero(num_parameters());
      for (Eigen::Index k = 0; k < K; ++k) {
        weights.push_back(stack[m].point->data() + k * D);
        sums.push_back(stack[m].gradient->data() + k * D);
        bias_[m * K + k] = static_cast<T>((*stack[m].point)[K * D + k]);
      }
    }
    packed_.resize(kernel_.padded(columns) * D);
    kernel_.pack(weights.data(), columns, D, packed_.data());
    for_each_chunk([&](Eigen::Index begin, Eigen::Index count, const T* x) {
      residuals(stack, begin, count, x);
      add_gradient(sums, count, x);
    });
    for (Evaluation& e : stack) {
      VectorD away = e.point->head(K * D);
      if (e.centre) away -= e.centre->head(K * D);
      e.value += 0.5 * e.lambda * away.squaredNorm();
      e.gradient->head(K * D) += e.lambda * away;
    }
  }

 private:
  using Row = Eigen::Map<Eigen::Array<T, 1, Eigen::Dynamic>>;
  // Eigen's memory: its sums depend on where a cache line begins, which std::vector leaves to chance.
  using Buffer = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  void load(Eigen::Index begin, Eigen::Index count, std::vector<float>& raw, T* to) const {
    source_.read(begin, count, raw.data());
    for (Eigen::Index i = 0; i < count; ++i) {
      const float* from = raw.data() + i * source_.cols;
      T* row = to + i * stride_;
      for (Eigen::Index d = 0; d < source_.cols; ++d)
        row[d] =
            shift_.size() == 0 ? static_cast<T>(from[d]) : static_cast<T>(static_cast<double>(from[d]) - shift_[d]);
      std::fill(row + source_.cols, row + stride_, T(0));
    }
  }

  /// body(begin, count, rows) in order; a streamed chunk is read while the one before it is worked on.
  template <class Body>
  void for_each_chunk(const Body& body) {
    const auto size = [&](Eigen::Index begin) { return std::min(chunk_rows_, rows() - begin); };
    if (keep_) {
      for (Eigen::Index begin = 0; begin < rows(); begin += chunk_rows_)
        body(begin, size(begin), kept_.data() + begin * stride_);
      return;
    }
    Buffer buffers[2];
    for (auto& buffer : buffers) buffer.resize(chunk_rows_ * stride_);
    std::vector<float> raw(chunk_rows_ * source_.cols);
    std::future<void> next;
    const auto fetch = [&](Eigen::Index begin, Buffer& buffer) {
      return std::async(std::launch::async, [&, begin] { load(begin, size(begin), raw, buffer.data()); });
    };
    next = fetch(0, buffers[0]);
    for (Eigen::Index begin = 0, i = 0; begin < rows(); begin += chunk_rows_, ++i) {
      next.get();
      if (begin + chunk_rows_ < rows()) next = fetch(begin + chunk_rows_, buffers[(i + 1) % 2]);
      body(begin, size(begin), buffers[i % 2].data());
    }
  }

  template <class Body>
  static void run(Eigen::Index tasks, double work, const Body& body) {
    if (work > kSmallWork) return parallel_for(tasks, body);
    for (Eigen::Index i = 0; i < tasks; ++i) body(i);
  }

  void residuals(std::span<Evaluation> stack, Eigen::Index begin, Eigen::Index count, const T* x) {
    const Eigen::Index K = logits_, columns = K * std::ssize(stack), width = kernel_.padded(columns);
    const Eigen::Index tiles = (count + kTile - 1) / kTile, M = std::ssize(stack);
    z_.resize(count * width);
    Eigen::ArrayXXd losses(M, tiles), curvatures(M, tiles);
    Eigen::ArrayXXd bias_sums(columns, tiles);
    run(tiles, static_cast<double>(count * columns * cols()), [&](Eigen::Index tile) {
      const Eigen::Index first = tile * kTile, rows = std::min(kTile, count - first);
      T* z = z_.data() + first * width;
      kernel_.logits(x + first * stride_, stride_, rows, cols(), packed_.data(), bias_.data(), columns, z);
      losses.col(tile).setZero(), curvatures.col(tile).setZero();
      if (K == 1)
        sigmoid(stack, begin + first, rows, z, width, losses.col(tile).data(), curvatures.col(tile).data());
      else
        softmax(stack, begin + first, rows, z, width, losses.col(tile).data(), curvatures.col(tile).data());
      const Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> block(z, rows, width);
      bias_sums.col(tile) = block.leftCols(columns).colwise().sum().transpose().template cast<double>();
    });
    for (Eigen::Index m = 0; m < M; ++m) {
      stack[m].value += losses.row(m).sum();
      stack[m].curvature += curvatures.row(m).sum();
      for (Eigen::Index tile = 0; tile < tiles; ++tile)
        stack[m].gradient->tail(K) += bias_sums.col(tile).segment(m * K, K).matrix();
    }
  }

  /// Logits to residuals. Everything is relative to the label's own logit, so that a tiny loss keeps its digits.
  void softmax(std::span<const Evaluation> stack, Eigen::Index begin, Eigen::Index rows, T* z, Eigen::Index width,
               double* losses, double* curvatures) const {
    const Eigen::Index K = logits_, M = std::ssize(stack);
    Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic> own(M, rows);  // the label's logit less the row's largest
    for (Eigen::Index i = 0; i < rows; ++i)
      for (Eigen::Index m = 0; m < M; ++m) {
        Row row(z + i * width + m * K, K);
        const int label = stack[m].labels[begin + i];
        const T top = row.maxCoeff();
        own(m, i) = row[label] - top;
        row -= top;
      }
    Row all(z, rows * width);
    all = all.exp();
    for (Eigen::Index m = 0; m < M; ++m)
      for (Eigen::Index i = 0; i < rows; ++i) {
        Row row(z + i * width + m * K, K);
        const int label = stack[m].labels[begin + i];
        row[label] = 0;
        const T others = row.sum(), mine = std::exp(own(m, i)), total = others + mine;
        losses[m] += own(m, i) == 0 ? std::log1p(static_cast<double>(others))
                                    : std::log(static_cast<double>(total)) - static_cast<double>(own(m, i));
        // Probabilities under 1e-30 are denormal or next to it in float32: products with them cost a hundred times as
        // much.
        row /= total;
        row = (row < T(1e-30)).select(T(0), row);
        const T wrong = others / total;
        curvatures[m] += static_cast<double>(wrong * (2 - wrong) - row.square().sum()) / static_cast<double>(K - 1);
        row[label] = -wrong;
      }
  }

  void sigmoid(std::span<const Evaluation> stack, Eigen::Index begin, Eigen::Index rows, T* z, Eigen::Index width,
               double* losses, double* curvatures) const {
    for (Eigen::Index i = 0; i < rows; ++i)
      for (Eigen::Index m = 0; m < std::ssize(stack); ++m) {
        T& logit = z[i * width + m];
        const double sign = stack[m].labels[begin + i] == 1 ? -1 : 1, against = sign * static_cast<double>(logit);
        const double e = std::exp(-std::abs(against)), p = against > 0 ? 1 / (1 + e) : e / (1 + e);
        losses[m] += std::max(against, 0.0) + std::log1p(e);
        curvatures[m] += p * (1 - p);
        logit = static_cast<T>(sign * p);
      }
  }

  void add_gradient(const std::vector<double*>& sums, Eigen::Index count, const T* x) {
    const Eigen::Index columns = std::ssize(sums), width = kernel_.padded(columns), panel = 2 * kernel_.lanes;
    const Eigen::Index panels = (cols() + panel - 1) / panel, groups = (columns + kClassGroup - 1) / kClassGroup;
    run(panels * groups, static_cast<double>(count * columns * cols()), [&](Eigen::Index task) {
      const Eigen::Index d = task % panels * panel, c = task / panels * kClassGroup;
      double* to[kClassGroup];
      const Eigen::Index classes = std::min(kClassGroup, columns - c);
      for (Eigen::Index k = 0; k < classes; ++k) to[k] = sums[c + k] + d;
      for (Eigen::Index i = 0; i < count; i += kSumRows)
        kernel_.gradient(z_.data() + i * width + c, width, x + i * stride_ + d, stride_, std::min(kSumRows, count - i),
                         classes, std::min(panel, cols() - d), to);
    });
  }

  const Products<T>& kernel_ = products<T>();
  RowSource source_;
  Eigen::Index logits_, stride_ = 0, chunk_rows_ = 0;
  VectorD shift_;
  bool keep_;
  Buffer kept_, packed_, bias_, z_;
};

}  // namespace

std::unique_ptr<StackedObjective> softmax_objective(RowSource features, Eigen::Index logits, const VectorD& shift,
                                                    const ObjectiveOptions& options) {
  if (options.float64) return std::make_unique<SoftmaxObjective<double>>(std::move(features), logits, shift, options);
  return std::make_unique<SoftmaxObjective<float>>(std::move(features), logits, shift, options);
}

std::size_t streamed_bytes(Eigen::Index rows, Eigen::Index cols, Eigen::Index logits, Eigen::Index stacked,
                           const ObjectiveOptions& options) {
  const std::size_t type = options.float64 ? sizeof(double) : sizeof(float);
  const Eigen::Index stride = row_stride(cols, type), chunk = rows_of_chunk(rows, stride, logits, options),
                     columns = logits * stacked;
  const std::size_t features =
      static_cast<std::size_t>(chunk * stride) * 2 * type + static_cast<std::size_t>(chunk * cols) * sizeof(float);
  const std::size_t block = static_cast<std::size_t>(chunk * (columns + 16)) * type;
  return features + block + static_cast<std::size_t>((columns + 16) * (cols + 1)) * (type + 2 * sizeof(double));
}

RowSource rows_of(const Matrix& features) {
  return {features.rows(), features.cols(), [&features](Eigen::Index begin, Eigen::Index count, float* to) {
            std::memcpy(to, features.data() + begin * features.cols(),
                        static_cast<std::size_t>(count * features.cols()) * sizeof(float));
          }};
}

VectorD mean_row(const RowSource& features) {
  VectorD sum = VectorD::Zero(features.cols);
  const Eigen::Index step =
      std::clamp<Eigen::Index>(kChunkNumbers / std::max<Eigen::Index>(1, features.cols), 1, features.rows);
  Matrix rows(step, features.cols);
  for (Eigen::Index begin = 0; begin < features.rows; begin += step) {
    const Eigen::Index count = std::min(step, features.rows - begin);
    features.read(begin, count, rows.data());
    for (Eigen::Index i = 0; i < count; ++i) sum += rows.row(i).cast<double>().transpose();
  }
  return sum / static_cast<double>(features.rows);
}

}  // namespace cliplab
