// How the two kinds of objectives make their gradients. Micro-batches of the comparing ones are GradCache (Gao et al.
// 2021): the features of all without a graph, the gradient of the loss by the features with all negatives, then each
// micro-batch again with a graph that receives its rows.
#include "train/objectives/objective.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "model/text/tokenizer.hpp"

namespace cliplab {

using torch::Tensor;

const Objective& find_objective(const std::string& name) {
  return dynamic_cast<const Objective&>(find_model_objective(name));
}

void check_clip_vocabulary(const Architecture& a) {
  if (a.vocab_size != Tokenizer::kVocabSize)
    fail("train.objective", a.objective + " for a vocabulary of " + std::to_string(a.vocab_size),
         "CLIP's, of " + std::to_string(Tokenizer::kVocabSize), "train this family with a contrastive objective");
}

Tensor ComparingObjective::backward(const StepInput& step) const {
  const std::int64_t b = std::ssize(step.captions);
  if (step.micro_batch > 0 && step.micro_batch < b) return accumulate(step);
  const Tensor text = step.encode_text(0, b), image = step.encode_image(0, b);
  const Tensor share = loss(step.model, image, text, step.comm);
  step.expect_last();
  (step.loss_scale * share).backward();
  return share;
}

Tensor ComparingObjective::accumulate(const StepInput& step) const {
  const std::int64_t b = std::ssize(step.captions), most = step.micro_batch;
  std::vector<Tensor> images, texts, statistics;
  {
    // BatchNorm normalises each micro-batch by itself both times; its running statistics count it once.
    const torch::NoGradGuard no_grad;
    for (const Tensor& buffer : step.model->buffers()) statistics.push_back(buffer.clone());
    for (std::int64_t begin = 0; begin < b; begin += most) {
      const std::int64_t count = std::min(most, b - begin);
      images.push_back(step.encode_image(begin, count)), texts.push_back(step.encode_text(begin, count));
    }
    std::size_t next = 0;
    for (Tensor& buffer : step.model->buffers()) buffer.copy_(statistics[next++]);
  }
  const Tensor image = torch::cat(images).requires_grad_(), text = torch::cat(texts).requires_grad_();
  const Tensor share = loss(step.model, image, text, step.comm);
  (step.loss_scale * share).backward();
  for (std::int64_t begin = 0; begin < b; begin += most) {
    const std::int64_t count = std::min(most, b - begin);
    const Tensor i = step.encode_image(begin, count), t = step.encode_text(begin, count);
    if (begin + count == b) step.expect_last();
    torch::autograd::backward({i, t}, {image.grad().narrow(0, begin, count), text.grad().narrow(0, begin, count)});
  }
  return share;
}

Tensor ComparingObjective::evaluate(const StepInput& step) const {
  const torch::NoGradGuard no_grad;
  const std::int64_t b = std::ssize(step.captions);
  const Tensor image = step.encode_image(0, b), text = step.encode_text(0, b);
  return loss(step.model, image, text, *single_comm());
}

Tensor PredictingObjective::backward(const StepInput& step) const {
  const std::int64_t b = std::ssize(step.captions), most = step.micro_batch > 0 ? step.micro_batch : b;
  const Tensor count_of_terms = torch::full({1}, static_cast<double>(terms(step.captions)),
                                            torch::TensorOptions(torch::kFloat64).device(step.comm.device()));
  step.comm.all_reduce(count_of_terms);
  const double all = std::max(1.0, count_of_terms.item<double>());
  Tensor share;
  for (std::int64_t begin = 0; begin < b; begin += most) {
    const std::int64_t count = std::min(most, b - begin);
    const Tensor part = sum(step.model, step.encode_image(begin, count), step.captions.subspan(begin, count)) / all;
    if (begin + count == b) step.expect_last();
    (step.loss_scale * part).backward();
    share = share.defined() ? share + part.detach() : part.detach();
  }
  return share;
}

Tensor PredictingObjective::evaluate(const StepInput& step) const {
  const torch::NoGradGuard no_grad;
  const Tensor image = step.encode_image(0, std::ssize(step.captions));
  return sum(step.model, image, step.captions) / std::max<std::int64_t>(1, terms(step.captions));
}

}  // namespace cliplab
