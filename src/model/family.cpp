// The registry of families, and what most of them share: CLIP's text transformer and the recipes of CLIP's files.
#include "model/family.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/costs.hpp"
#include "model/files/clip_names.hpp"
#include "model/text/tokenizer.hpp"

namespace cliplab {
namespace {

std::vector<std::unique_ptr<ModelFamily>>& registered_families() {
  static std::vector<std::unique_ptr<ModelFamily>> families;
  return families;
}

}  // namespace

const std::vector<std::unique_ptr<ModelFamily>>& model_families() { return registered_families(); }

bool register_family(std::unique_ptr<ModelFamily> family) {
  auto& families = registered_families();
  const auto place = std::ranges::upper_bound(families, family->name(), {}, &ModelFamily::name);
  families.insert(place, std::move(family));
  return true;
}

const ModelFamily& find_family(const std::string& name, const std::string& where) {
  for (const auto& family : registered_families())
    if (family->name() == name) return *family;
  fail(where, "family '" + name.substr(0, 40) + "'",
       joined(registered_families(), ", ", [](const auto& f) { return f->name(); }), "train it, or convert it first");
}

double ModelFamily::text_macs(const Architecture& a) const {
  return transformer_macs(a.text_layers, a.text_width, a.text_hidden(), a.context_length) +
         static_cast<double>(a.text_width) * a.embed_dim;
}

std::int64_t ModelFamily::text_parameters(const Architecture& a) const {
  const std::int64_t d = a.text_width;
  return std::int64_t{a.vocab_size} * d + 2 * d + d * a.embed_dim + a.context_length * d +
         transformer_parameters(a.text_layers, d, a.text_hidden());
}

CheckpointSpec ModelFamily::released_spec(const std::filesystem::path& file, const ClipState& state,
                                          bool mentions_quick_gelu) const {
  CheckpointSpec spec = clip_spec_beside(file, state.naming == kHuggingFaceNames);
  // openai/CLIP's archives: their code has QuickGELU's constant, the rest is that of its `build_model` and
  // `_transform`.
  if (mentions_quick_gelu) {
    CheckpointSpec archive = spec_like("openai");
    archive.origins = {"TorchScript archive of openai/CLIP"};
    spec.fill_from(archive);
  }
  return spec;
}

std::unique_ptr<TextTokenizer> ModelFamily::make_tokenizer(TokenizerRules rules, TextClean clean) const {
  return std::make_unique<Tokenizer>(rules, Tokenizer::default_vocabulary(), clean);
}

int ModelFamily::vocab_size() const { return Tokenizer::kVocabSize; }

bool ModelFamily::stays_float32(const std::string& weight) const {
  for (const char* part : {"ln_", "bn", "downsample.1", "embedding"})
    if (weight.find(part) != std::string::npos) return true;
  return weight.starts_with("logit_");  // temperature, bias
}

}  // namespace cliplab
