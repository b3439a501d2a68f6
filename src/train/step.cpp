// Forward, loss, backward, sums. Micro-batches are GradCache (Gao et al. 2021): the features of all without a graph,
// the gradient of the loss by the features with all negatives, then each micro-batch again with a graph that is given
// its rows.
#include "train/step.hpp"

#include <algorithm>
#include <numeric>

#include "train/objectives/loss.hpp"

namespace cliplab {

using torch::Tensor;

GradientStep::GradientStep(Clip model, std::shared_ptr<Comm> comm, std::int64_t micro_batch)
    : model_(std::move(model)),
      comm_(std::move(comm)),
      micro_batch_(micro_batch),
      objective_(find_objective(model_->architecture().objective)),
      reducer_(model_->parameters(), *comm_) {}

StepResult GradientStep::run(const LocalPairs& pairs, double loss_scale) {
  const std::int64_t b = std::ssize(pairs.tokens);
  Tensor share;
  if (objective_.sum != nullptr) {
    share = predict(pairs, loss_scale);
  } else if (micro_batch_ > 0 && micro_batch_ < b) {
    share = accumulate(pairs, loss_scale);
  } else {
    share = shared_contrastive_loss(encode_image(pairs, 0, b), encode_text(pairs, 0, b), model_->logit_scale, *comm_);
    reducer_.expect();
    (loss_scale * share).backward();
  }
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

/// A loss that is a mean over terms, each of one pair: this rank's part of it, micro-batch after micro-batch.
Tensor GradientStep::predict(const LocalPairs& pairs, double loss_scale) {
  const std::int64_t b = std::ssize(pairs.tokens), most = micro_batch_ > 0 ? micro_batch_ : b;
  const Tensor terms = torch::full({1}, static_cast<double>(objective_.terms(pairs.tokens)),
                                   torch::TensorOptions(torch::kFloat64).device(comm_->device()));
  comm_->all_reduce(terms);
  const double all = std::max(1.0, terms.item<double>());
  Tensor share;
  for (std::int64_t begin = 0; begin < b; begin += most) {
    const std::int64_t count = std::min(most, b - begin);
    const Tensor part =
        objective_.sum(model_, encode_image(pairs, begin, count), Captions(pairs.tokens).subspan(begin, count)) / all;
    if (begin + count == b) reducer_.expect();
    (loss_scale * part).backward();
    share = share.defined() ? share + part.detach() : part.detach();
  }
  return share;
}

Tensor GradientStep::accumulate(const LocalPairs& pairs, double loss_scale) {
  const std::int64_t b = std::ssize(pairs.tokens);
  std::vector<Tensor> images, texts, statistics;
  {
    // BatchNorm normalises each micro-batch by itself both times; its running statistics count it once.
    const torch::NoGradGuard no_grad;
    for (const Tensor& buffer : model_->buffers()) statistics.push_back(buffer.clone());
    for (std::int64_t begin = 0; begin < b; begin += micro_batch_) {
      const std::int64_t count = std::min(micro_batch_, b - begin);
      images.push_back(encode_image(pairs, begin, count)), texts.push_back(encode_text(pairs, begin, count));
    }
    std::size_t next = 0;
    for (Tensor& buffer : model_->buffers()) buffer.copy_(statistics[next++]);
  }
  const Tensor image = torch::cat(images).requires_grad_(), text = torch::cat(texts).requires_grad_();
  const Tensor share = shared_contrastive_loss(image, text, model_->logit_scale, *comm_);
  (loss_scale * share).backward();
  for (std::int64_t begin = 0; begin < b; begin += micro_batch_) {
    const std::int64_t count = std::min(micro_batch_, b - begin);
    const Tensor i = encode_image(pairs, begin, count), t = encode_text(pairs, begin, count);
    if (begin + count == b) reducer_.expect();
    torch::autograd::backward({i, t}, {image.grad().narrow(0, begin, count), text.grad().narrow(0, begin, count)});
  }
  return share;
}

double GradientStep::evaluate(const LocalPairs& pairs) {
  const torch::NoGradGuard no_grad;
  const std::int64_t b = std::ssize(pairs.tokens);
  model_->eval();
  const Tensor image = encode_image(pairs, 0, b);
  const Tensor loss = objective_.sum == nullptr ? contrastive_loss(image, encode_text(pairs, 0, b), model_->logit_scale)
                                                : objective_.sum(model_, image, pairs.tokens) /
                                                      std::max<std::int64_t>(1, objective_.terms(pairs.tokens));
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
