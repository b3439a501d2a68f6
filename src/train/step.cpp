// Encodes this rank's pairs for the objective, and sums its gradients over the ranks.
#include "train/step.hpp"

#include <algorithm>
#include <numeric>

namespace cliplab {

using torch::Tensor;

GradientStep::GradientStep(Clip model, std::shared_ptr<Comm> comm, std::int64_t micro_batch)
    : model_(std::move(model)),
      comm_(std::move(comm)),
      micro_batch_(micro_batch),
      objective_(find_objective(model_->architecture().objective)),
      reducer_(model_->parameters(), *comm_) {}

StepInput GradientStep::input(const LocalPairs& pairs) {
  return {.model = model_,
          .comm = *comm_,
          .captions = pairs.tokens,
          .micro_batch = micro_batch_,
          .encode_image = [&](std::int64_t begin, std::int64_t count) { return encode_image(pairs, begin, count); },
          .encode_text = [&](std::int64_t begin, std::int64_t count) { return encode_text(pairs, begin, count); }};
}

StepResult GradientStep::run(const LocalPairs& pairs, double loss_scale) {
  StepInput step = input(pairs);
  step.loss_scale = loss_scale;
  step.expect_last = [this] { reducer_.expect(); };
  const Tensor share = objective_.backward(step);
  reducer_.finish();
  average_statistics();
  Tensor loss = share.detach().to(torch::kFloat64).reshape({1});
  comm_->all_reduce(loss);
  return {loss.item<double>(), unscale_and_measure(loss_scale)};
}

double GradientStep::unscale_and_measure(double loss_scale) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> gradients;
  for (const Tensor& parameter : model_->parameters())
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (loss_scale != 1) at::_foreach_mul_(gradients, 1 / loss_scale);
  return torch::stack(at::_foreach_norm(gradients)).norm().item<double>();
}

double GradientStep::evaluate(const LocalPairs& pairs) {
  model_->eval();
  const Tensor loss = objective_.evaluate(input(pairs));
  model_->train();
  return loss.item<double>();
}

/// DEVIATION(2.5): in ResNets BatchNorm normalises the pairs that go through a rank's tower together (train.batch over
/// the ranks, or train.micro_batch); the paper does not say how many its did. Running statistics are the mean over the
/// ranks.
void GradientStep::average_statistics() {
  if (comm_->size() == 1) return;
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> flat, buffers;
  for (const Tensor& buffer : model_->buffers())
    if (buffer.is_floating_point()) buffers.push_back(buffer), flat.push_back(buffer.flatten());
  if (flat.empty()) return;
  const Tensor all = torch::cat(flat);
  comm_->all_reduce(all);
  all.div_(comm_->size());
  std::int64_t begin = 0;
  for (Tensor& buffer : buffers) {
    buffer.copy_(all.narrow(0, begin, buffer.numel()).view(buffer.sizes()));
    begin += buffer.numel();
  }
}

Tensor GradientStep::encode_image(const LocalPairs& pairs, std::int64_t begin, std::int64_t count) {
  return model_->encode_image(pairs.pixels(begin, count).to(comm_->device()));
}

/// Captions sorted by length and encoded in four groups, each cut to its own longest: exact under the causal mask,
/// and most captions are short. -> [count, E] in the batch's order.
Tensor GradientStep::encode_text(const LocalPairs& pairs, std::int64_t first, std::int64_t count) {
  const auto captions = pairs.tokens.begin() + first;
  const std::int64_t groups = count >= 64 ? 4 : 1;
  std::vector<std::int64_t> order(count), place(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return captions[a].size() < captions[b].size(); });
  for (std::int64_t i = 0; i < count; ++i) place[order[i]] = i;
  std::vector<Tensor> parts;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<std::vector<std::int32_t>> part;
    for (std::int64_t i = count * g / groups; i < count * (g + 1) / groups; ++i) part.push_back(captions[order[i]]);
    parts.push_back(padded_tokens(part).to(comm_->device()));
  }
  return model_->encode_text(parts).index_select(0, torch::tensor(place, torch::kInt64).to(comm_->device()));
}

}  // namespace cliplab
