// The name of the text tower's embedding, which every naming of CLIP ends in, gives the prefix; the family that
// recognises the names behind the prefix decides.
#include "model/files/clip_entries.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/family.hpp"

namespace cliplab {
namespace {

constexpr std::array<std::string_view, 3> kEmbeddings{"text_model.embeddings.token_embedding.weight",
                                                      "text.token_embedding.weight", "token_embedding.weight"};

constexpr std::size_t kMaxModels = 64;  // of one entry

/// 0: where trainers put the model that they train; 2: averages and models that another one learns from; 1: others.
int rank_of(const std::string& path) {
  static constexpr std::array kUsual{"state_dict", "model_state_dict", "model_state", "model",   "module",
                                     "net",        "network",          "clip",        "weights", "params",
                                     "_orig_mod",  "clip_model",       "checkpoint"};
  int rank = 0;
  for (const std::string& word : split_columns(path, '.')) {
    if (word.empty() || std::ranges::find(kUsual, word) != kUsual.end()) continue;
    rank = std::max(rank, 1);
    for (const char* part : {"ema", "average", "avg", "swa", "teacher", "momentum", "target", "best", "old", "init"})
      if (word.find(part) != std::string::npos) rank = 2;
  }
  return rank;
}

bool is_model(const StateDict& tensors) {
  return std::ranges::any_of(model_families(), [&](const auto& family) { return family->recognises(tensors); });
}

std::string joined_path(const std::string& entry, const std::string& prefix) {
  const std::string inner = prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1);
  return entry + (entry.empty() || inner.empty() ? "" : ".") + inner;
}

std::string shown(const std::string& path) { return path.empty() ? "the whole" : "'" + path.substr(0, 80) + "'"; }

}  // namespace

std::string without_wrappers(const std::string& name, bool trainers) {
  std::string kept;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    const std::string word = name.substr(at, end - at);
    const bool wrapper = word == "module" || word == "_orig_mod" || (trainers && word == "model");
    if (!wrapper) kept += (kept.empty() ? "" : ".") + word;
    at = end + 1;
  }
  return kept;
}

void ClipFinder::look_through(const std::vector<CheckpointEntry>& entries, bool trainers) {
  trainers_ = trainers;
  for (std::size_t e = 0; e < entries.size(); ++e) {
    std::map<std::string, StateDict> by_prefix;
    std::vector<std::string> names;
    for (const std::string& name : entries[e].names) names.push_back(without_wrappers(name, trainers));
    for (const std::string& name : names)
      for (const std::string_view embedding : kEmbeddings)
        if (name.ends_with(embedding)) {
          const std::string prefix = name.substr(0, name.size() - embedding.size());
          if (prefix.empty() || prefix.back() == '.') by_prefix[prefix];
          break;
        }
    by_prefix[""];  // a family with another text tower
    if (by_prefix.size() > kMaxModels)
      fail(where_, std::to_string(by_prefix.size()) + " models", "at most " + std::to_string(kMaxModels));
    for (auto& [prefix, tensors] : by_prefix) {
      for (const std::string& name : names)
        if (name.starts_with(prefix)) tensors[name.substr(prefix.size())];
      if (is_model(tensors)) places_.push_back({e, prefix, joined_path(entries[e].path, prefix)});
    }
  }
}

void ClipFinder::look_for_all(const std::vector<CheckpointEntry>& entries) {
  look_through(entries, false);
  if (places_.empty()) look_through(entries, true);
  std::ranges::stable_sort(places_, {}, [](const ClipPlace& p) { return rank_of(p.path); });
}

std::size_t ClipFinder::look(const std::vector<CheckpointEntry>& entries) {
  look_for_all(entries);
  return places_.empty() ? 0 : places_[0].entry;
}

std::size_t ClipFinder::choose(const std::vector<CheckpointEntry>& entries) {
  look_for_all(entries);
  if (places_.empty()) {
    if (!wanted_.empty()) fail(where_, "no model at '" + wanted_ + "', nor anywhere else", "a CLIP model");
    return 0;
  }
  found_ = true;
  const auto all = [&] { return joined(places_, ", ", [](const ClipPlace& p) { return shown(p.path); }); };
  if (!wanted_.empty()) {
    const auto at = std::ranges::find(places_, wanted_, &ClipPlace::path);
    if (at == places_.end()) fail(where_, "no model at '" + wanted_ + "'", all(), "--model.entry chooses one");
    place_ = *at;
    return place_.entry;
  }
  if (places_.size() > 1 && rank_of(places_[0].path) == rank_of(places_[1].path))
    fail(where_, "several models: " + all(), "one", "--model.entry chooses, as in --model.entry " + places_[1].path);
  place_ = places_[0];
  for (std::size_t i = 1; i < places_.size(); ++i) others_.push_back(places_[i].path);
  return place_.entry;
}

void ClipFinder::take(ClipState& state) const {
  StateDict kept;
  const auto is_of_another = [&](const std::string& name) {
    return std::ranges::any_of(places_, [&](const ClipPlace& p) {
      return p.entry == place_.entry && p.prefix.size() > place_.prefix.size() && name.starts_with(p.prefix);
    });
  };
  for (const auto& [name, tensor] : state.tensors) {
    const std::string plain = without_wrappers(name, trainers_);
    if (!plain.starts_with(place_.prefix) || is_of_another(plain))
      state.ignored.push_back(name);
    else if (!kept.emplace(plain.substr(place_.prefix.size()), tensor).second)
      fail(where_, "tensor '" + name.substr(0, 80) + "' twice", "each once");
  }
  state.tensors = std::move(kept);
  state.entry = place_.path;
}

}  // namespace cliplab
