// From a file to a model: the file's own metadata, or the family that recognises its tensors. The tensors' values are
// not read here.
#include "model/files/clip_state.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/family.hpp"
#include "model/files/checkpoint.hpp"
#include "model/files/clip_names.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// `module.` of DistributedDataParallel and `_orig_mod.` of torch.compile, when every name has it.
void strip_wrappers(StateDict& tensors) {
  for (const std::string prefix : {"module.", "_orig_mod.", "module."}) {
    if (tensors.empty() ||
        !std::ranges::all_of(tensors, [&](const auto& item) { return item.first.starts_with(prefix); }))
      continue;
    StateDict stripped;
    for (auto& [name, tensor] : tensors) stripped[name.substr(prefix.size())] = tensor;
    tensors = std::move(stripped);
  }
}

const ModelFamily& recognise(const StateDict& tensors, const std::string& where) {
  for (const auto& family : model_families())
    if (family->recognises(tensors)) return *family;
  fail(where, "tensors of no known family", joined(model_families(), ", ", [](const auto& f) { return f->name(); }),
       first_names(tensors));
}

}  // namespace

ClipState read_clip(const fs::path& file, const CheckpointSpec& given) {
  const std::string where = file.string();
  Checkpoint checkpoint = read_checkpoint(file);
  ClipState state;
  state.tensors = std::move(checkpoint.tensors), state.format = checkpoint.format;
  state.storage.push_back(checkpoint.storage);
  state.spec = given;
  if (checkpoint.metadata.contains("family")) {  // written by cliplab
    state.naming = "openai";
    state.architecture = from_metadata(checkpoint.metadata, where);
    if (const auto seen = checkpoint.metadata.find("pairs_seen"); seen != checkpoint.metadata.end())
      state.pairs_seen = std::strtoll(seen->second.c_str(), nullptr, 10);
    CheckpointSpec own = spec_from_metadata(checkpoint.metadata, where);
    own.quick_gelu = state.architecture.quick_gelu;
    own.vision_head_width = state.architecture.head_width, own.text_head_width = state.architecture.text_head_width;
    own.fill_from(spec_like("openai"));  // what is trained here sees OpenAI's pixel statistics
    state.spec.fill_from(own);
  } else {
    strip_wrappers(state.tensors);
    const ModelFamily& family = recognise(state.tensors, where);
    family.read(state, where);
    state.spec.fill_from(family.released_spec(file, checkpoint.mentions_quick_gelu));
    if (const auto unknown = state.spec.unknown(); !unknown.empty())
      fail(where, joined(unknown) + " that no configuration next to it states",
           "a value for each fact that the weights do not determine",
           "--model.like openai (QuickGELU) or --model.like open_clip (exact GELU) states them all");
  }
  Architecture& a = state.architecture;
  a.quick_gelu = *state.spec.quick_gelu;
  a.head_width = *state.spec.vision_head_width, a.text_head_width = *state.spec.text_head_width;
  check_architecture(a, where);
  for (int c = 0; c < 3; ++c)
    if (!std::isfinite((*state.spec.mean)[c]) || !std::isfinite((*state.spec.std)[c]) || !((*state.spec.std)[c] > 0))
      fail(where,
           "pixels of mean " + to_metadata(state.spec).at("mean") + " and std " + to_metadata(state.spec).at("std"),
           "finite numbers, std above 0");
  if (a.name.empty()) a.name = name_of_sizes(a);
  return state;
}

std::string released_model(const std::string& sha256) {
  for (const auto& family : model_families())
    if (std::string name = family->released_as(sha256); !name.empty()) return name;
  return {};
}

}  // namespace cliplab
