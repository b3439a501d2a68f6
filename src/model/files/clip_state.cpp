// From a file to a model: the file's own metadata, or the family that recognises its tensors. The tensors' values are
// not read here.
#include "model/files/clip_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "model/family.hpp"
#include "model/files/checkpoint.hpp"
#include "model/files/checkpoint_files.hpp"
#include "model/files/clip_entries.hpp"
#include "model/files/clip_names.hpp"
#include "model/files/json_config.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

const ModelFamily& recognise(const StateDict& tensors, const std::string& where, const std::string& keys) {
  for (const auto& family : model_families())
    if (family->recognises(tensors)) return *family;
  fail(where, "tensors of no known family", joined(model_families(), ", ", [](const auto& f) { return f->name(); }),
       first_names(tensors) + (keys.empty() ? "" : "; " + keys));
}

/// What a configuration states must be what the tensors are: it may belong to another model.
void check_stated_sizes(const CheckpointSpec& spec, const Architecture& a) {
  std::map<std::string, std::string> sizes = to_metadata(a);
  sizes["vision_hidden"] = std::to_string(a.vision_hidden()), sizes["text_hidden"] = std::to_string(a.text_hidden());
  for (const StatedSize& stated : spec.sizes)
    if (const std::string& found = sizes[stated.size]; found != std::to_string(stated.value))
      fail(stated.where, fmt::format("{} = {}", stated.key, stated.value), "the tensors' " + found,
           "the configuration is another model's, or asks for a change of size");
}

/// What a configuration states, the user's flags, and what --model.like fills.
void settle_facts(CheckpointSpec& given, const CheckpointSpec& stated, const std::string& where) {
  const std::string source = joined(stated.origins);
  if (const auto replaced = given.differences(stated); !replaced.empty())
    say(where + ": flags instead of what " + source + " states: " + joined(replaced));
  const CheckpointSpec unsettled = stated.without(given);  // facts that a flag states are settled
  given.fill_from(stated);
  if (given.like.empty()) return;
  const CheckpointSpec like = spec_like(given.like);
  if (const auto conflicts = like.differences(unsettled); !conflicts.empty())
    fail(where, "--model.like " + given.like + " contradicts " + source + ": " + joined(conflicts),
         "one value for each fact",
         "leave --model.like out, or state a fact by its own flag (--model.activation, ...), which overrides");
  given.fill_from(like);
}

/// Whether vocab.json or tokenizer.json next to the weights has CLIP's words at their places; none: no such file.
std::optional<bool> has_clip_words(const fs::path& folder) {
  const auto fits = [](const nlohmann::json& words) {
    const auto is = [&](const char* word, int id) {
      return words.is_object() && words.contains(word) && words[word] == nlohmann::json(id);
    };
    return is("!", 0) && is("!</w>", 256) && is("<|startoftext|>", 49406) && is("<|endoftext|>", 49407);
  };
  constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  if (fs::is_regular_file(folder / "vocab.json"))
    return fits(JsonConfig(folder / "vocab.json", kMaxBytes).top().object());
  if (!fs::is_regular_file(folder / "tokenizer.json")) return {};
  const JsonConfig tokenizer(folder / "tokenizer.json", kMaxBytes);
  return fits(tokenizer.top().inner("model").inner("vocab").object());
}

/// Words that were added to the tokenizer's are left out: no text that is tokenized here has them.
void cut_vocabulary(ClipState& state, int known, const fs::path& file) {
  constexpr int kAdded = 1024;  // a few words, and padding to a round number
  Architecture& a = state.architecture;
  const auto embedding = state.tensors.find("token_embedding.weight");
  if (a.vocab_size <= known || embedding == state.tensors.end()) return;
  const std::optional<bool> fits = has_clip_words(file.parent_path());
  if (fits ? !*fits : a.vocab_size > known + kAdded)
    fail(file.string(), "a vocabulary of " + std::to_string(a.vocab_size),
         std::to_string(known) + " words of CLIP's tokenizer, and a few more behind them",
         fits ? "its tokenizer's file has other words" : "a vocab.json or tokenizer.json next to it can show that");
  say(fmt::format("{}: the first {} of its {} words are used, those of CLIP's tokenizer", file.string(), known,
                  a.vocab_size));
  TensorBytes& rows = embedding->second;
  rows.bytes = rows.bytes / static_cast<std::size_t>(a.vocab_size) * static_cast<std::size_t>(known);
  rows.shape[0] = a.vocab_size = known;
}

}  // namespace

ClipState read_clip(const fs::path& model, const CheckpointSpec& given) {
  const fs::path file = weights_file(model);
  const std::string where = file.string();
  ClipFinder finder(given.entry, where);
  Checkpoint checkpoint = read_checkpoint(file, [&](const auto& entries) { return finder.choose(entries); });
  ClipState state;
  state.tensors = std::move(checkpoint.tensors), state.format = checkpoint.format;
  state.storage.push_back(checkpoint.storage);
  state.spec = given;
  if (checkpoint.metadata.contains("family")) {  // written by cliplab
    state.naming = "openai";
    state.architecture = from_metadata(checkpoint.metadata, where);
    if (const auto seen = checkpoint.metadata.find("pairs_seen"); seen != checkpoint.metadata.end())
      state.pairs_seen = std::strtoll(seen->second.c_str(), nullptr, 10);
    if (!checkpoint.is_sealed) note_unsealed(where);
    CheckpointSpec own = spec_from_metadata(checkpoint.metadata, where);
    own.quick_gelu = state.architecture.quick_gelu;
    own.vision_head_width = state.architecture.head_width, own.text_head_width = state.architecture.text_head_width;
    own.vision_norm_eps = state.architecture.vision_norm_eps, own.text_norm_eps = state.architecture.text_norm_eps;
    own.fill_from(spec_like("openai"));  // what is trained here sees OpenAI's pixel statistics
    settle_facts(state.spec, own, where);
  } else {
    if (finder.found()) finder.take(state);
    if (!finder.others().empty())
      say(fmt::format("{}: the model at {}; others are at {} (--model.entry chooses)", where,
                      state.entry.empty() ? "its top" : "'" + state.entry + "'", joined(finder.others())));
    const ModelFamily& family = recognise(state.tensors, where, checkpoint.keys);
    family.read(state, where);
    const CheckpointSpec stated = family.released_spec(file, state, checkpoint.mentions_quick_gelu);
    check_stated_sizes(stated, state.architecture);
    settle_facts(state.spec, stated, where);
    cut_vocabulary(state, family.vocab_size(), file);
    if (const auto unknown = state.spec.unknown(); !unknown.empty())
      fail(where, joined(unknown) + " that no configuration next to it states",
           "a value for each fact that the weights do not determine",
           "--model.like openai (QuickGELU) or --model.like open_clip (exact GELU) states them all");
  }
  Architecture& a = state.architecture;
  a.quick_gelu = *state.spec.quick_gelu;
  a.head_width = *state.spec.vision_head_width, a.text_head_width = *state.spec.text_head_width;
  a.vision_norm_eps = state.spec.vision_norm_eps.value_or(1e-5);
  a.text_norm_eps = state.spec.text_norm_eps.value_or(1e-5);
  check_architecture(a, where);
  for (int c = 0; c < 3; ++c)
    if (!std::isfinite((*state.spec.mean)[c]) || !std::isfinite((*state.spec.std)[c]) || !((*state.spec.std)[c] > 0))
      fail(where,
           "pixels of mean " + to_metadata(state.spec).at("mean") + " and std " + to_metadata(state.spec).at("std"),
           "finite numbers, std above 0");
  if (state.spec.resize_to && *state.spec.resize_to < a.resolution)
    fail(where, fmt::format("a resize to {} before a crop of {}", *state.spec.resize_to, a.resolution),
         "a resize to no less than the input");
  if (a.name.empty()) a.name = name_of_sizes(a);
  return state;
}

std::string released_model(const std::string& sha256) {
  for (const auto& family : model_families())
    if (std::string name = family->released_as(sha256); !name.empty()) return name;
  return {};
}

}  // namespace cliplab
