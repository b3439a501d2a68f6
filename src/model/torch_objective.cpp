// All classifiers of a stack are one matrix: [n, D] x [D, M K] for the logits, its transpose for the gradient.
#include "model/torch_objective.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "model/towers/device.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index kChunkNumbers = 16 << 20;
const std::vector<std::int64_t> kSamples{0, 2};  // all axes of [n, M, K] but the classifiers'

class TorchObjective : public StackedObjective {
 public:
  TorchObjective(RowSource source, Eigen::Index logits, const VectorD& shift, const std::string& device, bool float64,
                 bool keep, Eigen::Index chunk_rows)
      : source_(std::move(source)),
        logits_(logits),
        device_(open_device(device)),
        type_(float64 ? torch::kFloat64 : torch::kFloat32) {
    if (shift.size() > 0)
      shift_ = torch::from_blob(const_cast<double*>(shift.data()), {shift.size()}, torch::kFloat64).clone();
    chunk_rows_ = std::min(
        source_.rows,
        chunk_rows > 0 ? chunk_rows : std::max<Eigen::Index>(1, kChunkNumbers / std::max(source_.cols, logits)));
    if (!keep) return;
    for (Eigen::Index begin = 0; begin < source_.rows; begin += chunk_rows_) kept_.push_back(load(begin));
    source_.read = nullptr;
  }

  Eigen::Index rows() const override { return source_.rows; }
  Eigen::Index cols() const override { return source_.cols; }
  Eigen::Index logits() const override { return logits_; }

  void evaluate(std::span<Evaluation> stack) override {
    if (stack.empty()) return;
    const torch::InferenceMode no_gradients;
    const Eigen::Index M = std::ssize(stack), K = logits_, D = cols();
    torch::Tensor points = torch::empty({M, num_parameters()}, torch::kFloat64);
    torch::Tensor labels = torch::empty({M, rows()}, torch::kInt32);
    for (Eigen::Index m = 0; m < M; ++m) {
      std::copy_n(stack[m].point->data(), num_parameters(), points[m].data_ptr<double>());
      std::copy_n(stack[m].labels, rows(), labels[m].data_ptr<int>());
    }
    points = points.to(device_);
    labels = labels.t().to(device_, torch::kInt64);  // [N, M]
    const torch::Tensor weights = points.narrow(1, 0, K * D).reshape({M * K, D}).to(type_);
    const torch::Tensor bias = points.narrow(1, K * D, K).reshape({M * K}).to(type_);
    torch::Tensor weight_sum = torch::zeros({M * K, D}, points.options()),
                  bias_sum = torch::zeros({M * K}, points.options());
    torch::Tensor value = torch::zeros({M}, points.options()), curvature = torch::zeros({M}, points.options());
    for (Eigen::Index begin = 0, i = 0; begin < rows(); begin += chunk_rows_, ++i) {
      const torch::Tensor x = kept_.empty() ? load(begin) : kept_[i];  // [n, D]
      const torch::Tensor z = torch::addmm(bias, x, weights.t()).view({x.size(0), M, K});
      torch::Tensor residual =
          add_losses(z, labels.narrow(0, begin, x.size(0)), value, curvature).view({x.size(0), M * K});
      weight_sum += residual.t().mm(x).to(torch::kFloat64);
      bias_sum += residual.sum(0, false, torch::kFloat64);
    }
    const torch::Tensor gradient = torch::cat({weight_sum.view({M, K * D}), bias_sum.view({M, K})}, 1).cpu();
    value = value.cpu(), curvature = curvature.cpu();
    for (Eigen::Index m = 0; m < M; ++m) {
      *stack[m].gradient = Eigen::Map<const VectorD>(gradient[m].data_ptr<double>(), num_parameters());
      VectorD away = stack[m].point->head(K * D);
      if (stack[m].centre) away -= stack[m].centre->head(K * D);
      stack[m].gradient->head(K * D) += stack[m].lambda * away;
      stack[m].value = value[m].item<double>() + 0.5 * stack[m].lambda * away.squaredNorm();
      stack[m].curvature = curvature[m].item<double>();
    }
  }

 private:
  torch::Tensor load(Eigen::Index begin) const {
    const Eigen::Index count = std::min(chunk_rows_, rows() - begin);
    torch::Tensor x = torch::empty({count, cols()}, torch::kFloat32);
    source_.read(begin, count, x.data_ptr<float>());
    return (shift_.defined() ? x.to(torch::kFloat64) - shift_ : x).to(device_, type_);
  }

  /// z [n, M, K], labels [n, M]: adds to [M] each, returns probability - one-hot [n, M, K].
  static torch::Tensor add_losses(const torch::Tensor& z, const torch::Tensor& labels, torch::Tensor& value,
                                  torch::Tensor& curvature) {
    if (z.size(2) == 1) {
      const torch::Tensor sign = (1 - 2 * labels).unsqueeze(2).to(z.scalar_type()), against = sign * z;
      value += torch::softplus(against.to(torch::kFloat64)).sum(kSamples);
      const torch::Tensor p = torch::sigmoid(against);
      curvature += (p * (1 - p)).sum(kSamples, false, torch::kFloat64);
      return sign * p;
    }
    const torch::Tensor own = labels.unsqueeze(2), log_p = torch::log_softmax(z, 2);
    value -= log_p.gather(2, own).sum(kSamples, false, torch::kFloat64);
    torch::Tensor p = log_p.exp();
    curvature += (1 - p.square().sum(2)).sum(0, false, torch::kFloat64) / static_cast<double>(z.size(2) - 1);
    return p.scatter_add_(2, own, torch::full_like(own, -1, p.scalar_type()));
  }

  RowSource source_;
  Eigen::Index logits_, chunk_rows_ = 0;
  torch::Device device_;
  torch::ScalarType type_;
  torch::Tensor shift_;              // [D], float64
  std::vector<torch::Tensor> kept_;  // a chunk each
};

}  // namespace

std::unique_ptr<StackedObjective> torch_objective(RowSource features, Eigen::Index logits, const VectorD& shift,
                                                  const std::string& device, bool float64, bool keep,
                                                  Eigen::Index chunk_rows) {
  return std::make_unique<TorchObjective>(std::move(features), logits, shift, device, float64, keep, chunk_rows);
}

}  // namespace cliplab
