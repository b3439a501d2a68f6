// Which token comes next in the caption of this picture? (VirTex, Desai and Johnson 2020, forwards only.) A term a
// token, the end of text included.
#include "train/objectives/objective.hpp"

namespace cliplab {
namespace {

torch::Tensor sum(Clip& model, const torch::Tensor& features, Captions captions) {
  return -model->caption_log_likelihood(features, padded_tokens(captions).to(features.device())).sum();
}

std::int64_t terms(Captions captions) {
  std::int64_t count = 0;
  for (const auto& caption : captions) count += std::ssize(caption) - 1;
  return count;
}

}  // namespace

Objective captioning() { return {"captioning", sum, terms}; }

}  // namespace cliplab
