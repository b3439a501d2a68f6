// The objective in row blocks: a block of features is read once from memory for logits and gradient. Sixteen chunks
// with their own sums, added in order: the result does not depend on the number of threads.
#include "eval/logistic_regression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "eval/lbfgs.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index kBlock = 128;  // rows whose features stay in cache between the two products
constexpr int kChunks = 16;

template <class Scalar>
using Rows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// sum CE + lambda/2 |W|^2 over x [N, D] and its gradient; parameters are W [K, D] row-major, then b [K].
/// K = 1 for two classes (one logit), else C. Products in Scalar, sums over blocks in double.
template <class Scalar>
class Objective {
 public:
  Objective(const Rows<Scalar>& x, std::span<const int> labels, int num_classes, double lambda)
      : x_(x), labels_(labels), logits_(num_classes == 2 ? 1 : num_classes), lambda_(lambda) {}

  Eigen::Index size() const { return logits_ * (x_.cols() + 1); }

  double operator()(const VectorD& parameters, VectorD& gradient) const {
    const Eigen::Index K = logits_, D = x_.cols(), N = x_.rows();
    const Eigen::Map<const MatrixD> W(parameters.data(), K, D);
    const Rows<Scalar> weight = W.template cast<Scalar>();
    const Eigen::Matrix<Scalar, 1, Eigen::Dynamic> bias = parameters.tail(K).template cast<Scalar>().transpose();
    std::vector<VectorD> sums(kChunks);
    std::vector<double> losses(kChunks, 0.0);
    parallel_for(kChunks, [&](std::int64_t chunk) {
      sums[chunk].setZero(size());
      Eigen::Map<MatrixD> weight_sum(sums[chunk].data(), K, D);
      Rows<Scalar> z(kBlock, K), partial(K, D);
      for (Eigen::Index begin = N * chunk / kChunks, end = N * (chunk + 1) / kChunks; begin < end; begin += kBlock) {
        const Eigen::Index rows = std::min(kBlock, end - begin);
        auto block = z.topRows(rows);
        const auto samples = x_.middleRows(begin, rows);
        if (K < kFewLogits) dot_products(samples, weight, block);
        else block.noalias() = samples * weight.transpose();
        block.rowwise() += bias;
        losses[chunk] += K == 1 ? sigmoid_residual(block, begin) : softmax_residual(block, begin);
        if (K < kFewLogits) outer_products(block, samples, partial);
        else partial.noalias() = block.transpose() * samples;
        weight_sum += partial.template cast<double>();
        sums[chunk].tail(K) += block.template cast<double>().colwise().sum().transpose();
      }
    });
    gradient.setZero(size());
    double loss = 0;
    for (int chunk = 0; chunk < kChunks; ++chunk) gradient += sums[chunk], loss += losses[chunk];
    gradient.head(K * D) += lambda_ * parameters.head(K * D);
    return loss + 0.5 * lambda_ * parameters.head(K * D).squaredNorm();
  }

 private:
  // Below kFewLogits a general matrix product spends its time on packing the features; a sample's row and the weights
  // stay in the first-level cache here.
  static constexpr Eigen::Index kFewLogits = 32;

  template <class Samples, class Block>
  static void dot_products(const Samples& x, const Rows<Scalar>& weight, Block&& z) {
    for (Eigen::Index i = 0; i < x.rows(); ++i)
      for (Eigen::Index k = 0; k < weight.rows(); ++k) z(i, k) = x.row(i).dot(weight.row(k));
  }

  template <class Block, class Samples>
  static void outer_products(const Block& z, const Samples& x, Rows<Scalar>& sum) {
    sum.setZero();
    Eigen::Index i = 0;
    for (; i + 4 <= x.rows(); i += 4)
      for (Eigen::Index k = 0; k < sum.rows(); ++k)
        sum.row(k) += z(i, k) * x.row(i) + z(i + 1, k) * x.row(i + 1) + z(i + 2, k) * x.row(i + 2) + z(i + 3, k) * x.row(i + 3);
    for (; i < x.rows(); ++i)
      for (Eigen::Index k = 0; k < sum.rows(); ++k) sum.row(k) += z(i, k) * x.row(i);
  }

  /// Logits to (probability - one-hot); returns the summed cross-entropy.
  template <class Block>
  double softmax_residual(Block&& z, Eigen::Index begin) const {
    double loss = 0;
    for (Eigen::Index i = 0; i < z.rows(); ++i) {
      auto row = z.row(i);
      const Scalar top = row.maxCoeff();
      const Scalar own = row[labels_[begin + i]];
      row.array() = (row.array() - top).exp();
      const Scalar sum = row.sum();
      loss += std::log(static_cast<double>(sum)) + static_cast<double>(top) - static_cast<double>(own);
      // Probabilities under 1e-30 are denormal or next to it in float32: products with them cost a hundred times as much.
      row.array() = (row.array() < Scalar(1e-30)).select(Scalar(0), row.array() / sum);
      row[labels_[begin + i]] -= 1;
    }
    return loss;
  }

  template <class Block>
  double sigmoid_residual(Block&& z, Eigen::Index begin) const {
    double loss = 0;
    for (Eigen::Index i = 0; i < z.rows(); ++i) {
      const double logit = static_cast<double>(z(i, 0)), target = labels_[begin + i];
      loss += std::max(logit, 0.0) - logit * target + std::log1p(std::exp(-std::abs(logit)));
      z(i, 0) = static_cast<Scalar>(1 / (1 + std::exp(-logit)) - target);
    }
    return loss;
  }

  const Rows<Scalar>& x_;
  std::span<const int> labels_;
  Eigen::Index logits_;
  double lambda_;
};

void check_input(const Matrix& features, std::span<const int> labels, int num_classes, const FitOptions& options) {
  const std::string where = "logistic regression";
  if (num_classes < 2) fail(where, fmt::format("{} classes", num_classes), "at least 2");
  if (features.rows() == 0 || features.cols() == 0) fail(where, fmt::format("{} x {} features", features.rows(), features.cols()), "at least one sample and one feature");
  if (features.rows() != std::ssize(labels)) fail(where, fmt::format("{} feature rows and {} labels", features.rows(), labels.size()), "as many labels as rows");
  if (!(options.lambda > 0) || !std::isfinite(options.lambda)) fail(where, fmt::format("lambda {}", options.lambda), "a positive number");
  if (options.max_iterations < 0) fail(where, fmt::format("max_iterations {}", options.max_iterations), "0 or more");
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= num_classes) fail(where, fmt::format("label {} of sample {}", labels[i], i), fmt::format("a label in [0, {})", num_classes));
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    if (!features.row(i).allFinite()) fail(where, fmt::format("a feature of sample {} is NaN or infinite", i), "finite features");
}

/// Weights and bias in the parameters' layout and back; the bias takes up the centring: b' = b + W mean.
VectorD to_parameters(const LinearClassifier& classifier, const VectorD& mean, bool one_logit) {
  MatrixD W = classifier.weight.cast<double>();
  VectorD b = classifier.bias.cast<double>();
  if (one_logit) W = (W.row(1) - W.row(0)).eval(), b = (b.tail(1) - b.head(1)).eval();
  b += W * mean;
  VectorD parameters(W.size() + b.size());
  parameters << Eigen::Map<const VectorD>(W.data(), W.size()), b;
  return parameters;
}

LinearClassifier to_classifier(const VectorD& parameters, const VectorD& mean, int num_classes) {
  const Eigen::Index K = num_classes == 2 ? 1 : num_classes, D = mean.size();
  const Eigen::Map<const MatrixD> W(parameters.data(), K, D);
  const VectorD b = parameters.tail(K) - W * mean;
  LinearClassifier classifier;
  classifier.weight.setZero(num_classes, D);
  classifier.bias.setZero(num_classes);
  classifier.weight.bottomRows(K) = W.cast<float>();
  classifier.bias.tail(K) = b.cast<float>();
  return classifier;
}

template <class Scalar>
LinearClassifier fit(const Matrix& features, std::span<const int> labels, int num_classes, const FitOptions& options, FitReport* report,
                     const LinearClassifier* warm_start) {
  const VectorD mean = features.cast<double>().colwise().mean();
  Rows<Scalar> x(features.rows(), features.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) x.row(i) = (features.row(i).cast<double>() - mean.transpose()).template cast<Scalar>();
  const Objective<Scalar> objective(x, labels, num_classes, options.lambda);
  VectorD parameters = warm_start ? to_parameters(*warm_start, mean, num_classes == 2) : VectorD(VectorD::Zero(objective.size()));
  LbfgsOptions lbfgs{options.memory, options.max_iterations, options.gradient_tolerance, options.function_tolerance};
  const LbfgsResult result = minimize_lbfgs(
      [&](const VectorD& p, VectorD& g) {
        if (stop_requested()) throw Interrupted("stopped during a probe fit");
        return objective(p, g);
      },
      parameters, lbfgs);
  if (report) *report = {result.value, result.max_abs_gradient, result.iterations, result.evaluations, result.converged};
  return to_classifier(parameters, mean, num_classes);
}

}  // namespace

LinearClassifier fit_logistic_regression(const Matrix& features, std::span<const int> labels, int num_classes, const FitOptions& options,
                                         FitReport* report, const LinearClassifier* warm_start) {
  check_input(features, labels, num_classes, options);
  if (warm_start && (warm_start->weight.rows() != num_classes || warm_start->weight.cols() != features.cols()))
    fail("logistic regression", fmt::format("a warm start of {} x {}", warm_start->weight.rows(), warm_start->weight.cols()),
         fmt::format("{} x {}", num_classes, features.cols()));
  return options.precision == Precision::kFloat32 ? fit<float>(features, labels, num_classes, options, report, warm_start)
                                                  : fit<double>(features, labels, num_classes, options, report, warm_start);
}

double logistic_objective(const LinearClassifier& classifier, const Matrix& features, std::span<const int> labels, double lambda) {
  const int num_classes = static_cast<int>(classifier.weight.rows());
  check_input(features, labels, num_classes, {.lambda = lambda});
  const MatrixD x = features.cast<double>();
  const Objective<double> objective(x, labels, num_classes, lambda);
  VectorD gradient;
  return objective(to_parameters(classifier, VectorD::Zero(features.cols()), num_classes == 2), gradient);
}

}  // namespace cliplab
