// A model of an image tower and a text side (openai/CLIP model.py `CLIP`), and the registry of towers.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.hpp"
#include "model/objective.hpp"
#include "model/text/tokenizer.hpp"
#include "model/towers/modules.hpp"

namespace cliplab {

using torch::Tensor;

namespace {

std::map<std::string, Towers>& registry() {
  static std::map<std::string, Towers> towers;
  return towers;
}

}  // namespace

bool register_towers(const std::string& family, Towers towers) { return registry().emplace(family, towers).second; }

const Towers& towers_of(const std::string& family) {
  const auto found = registry().find(family);
  if (found == registry().end()) fail("model family " + family, "no towers", "a family with towers");
  return found->second;
}

Tensor TextSide::encode(const std::vector<Tensor>&) {
  TORCH_INTERNAL_ASSERT(false, "this objective has no text tower");
}

Tensor TextSide::score_prompts(const Tensor&, std::span<const std::vector<std::int32_t>>) {
  TORCH_INTERNAL_ASSERT(false, "this objective has a text tower");
}

ClipImpl::ClipImpl(const Architecture& architecture) : architecture_(architecture) {
  const Architecture& a = architecture_;
  const ModelObjective& objective = find_model_objective(a.objective);
  visual_ = register_module("visual", towers_of(a.family).vision(a));
  text_ = objective.make_text_side(*this, a);
  if (objective.contrasts())
    logit_scale = register_parameter("logit_scale", torch::tensor(std::log(1.0 / 0.07), torch::kFloat32));
}

Tensor ClipImpl::image_trunk(Tensor pixels) { return visual_->trunk(pixels.to(compute_)).to(feature_type()); }

Tensor ClipImpl::encode_image(Tensor pixels) {
  return visual_->project(visual_->trunk(pixels.to(compute_))).to(feature_type());
}

Tensor padded_tokens(std::span<const std::vector<std::int32_t>> captions) {
  std::size_t longest = 0;
  for (const auto& caption : captions) longest = std::max(longest, caption.size());
  Tensor ids = torch::zeros({std::ssize(captions), static_cast<std::int64_t>(longest)}, torch::kInt64);
  auto rows = ids.accessor<std::int64_t, 2>();
  for (std::size_t i = 0; i < captions.size(); ++i)
    for (std::size_t t = 0; t < captions[i].size(); ++t) rows[i][t] = captions[i][t];
  return ids;
}

std::vector<std::int64_t> distinct_words(std::span<const std::int32_t> caption) {
  std::set<std::int64_t> words(caption.begin(), caption.end());
  for (const int mark : {Tokenizer::kStartOfText, Tokenizer::kEndOfText}) words.erase(mark);
  return {words.begin(), words.end()};
}

}  // namespace cliplab
