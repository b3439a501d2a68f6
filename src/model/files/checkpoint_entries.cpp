// A walk over the tree of a pickle, each value once.
#include "model/files/checkpoint_entries.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxModules = 32;               // in each other
constexpr int kMaxContainers = 8;             // dicts in dicts
constexpr std::size_t kMaxItems = 256;        // of a list that is looked through
constexpr std::size_t kMaxSteps = 2'000'000;  // over values that are parts of several others

/// What an object holds: its state, or itself where its class derives from dict.
const PickleValue& contents(const PickleValue& value) {
  const bool has_state = value.kind == Kind::kObject && value.items.size() == 1 && value.items[0]->kind == Kind::kDict;
  return has_state && value.entries.empty() ? *value.items[0] : value;
}

bool is_word(const PickleValue& key) { return key.kind == Kind::kText && key.text.size() <= 1000; }

/// nn.Module keeps its parts in these dicts, and their names are not in the state dict's.
bool is_part_of_module(const std::string& key) {
  return key == "_parameters" || key == "_buffers" || key == "_modules";
}

void collect(const PickleValue& container, const std::string& prefix, int depth, bool is_module, PickledEntry& out,
             std::size_t& steps, const std::string& where) {
  if (depth > kMaxModules)
    fail(where, "modules nested more than " + std::to_string(kMaxModules) + " deep", "a state dict");
  for (const auto& [key, value] : contents(container).entries) {
    if (++steps > kMaxSteps) fail(where, "values that hold each other without end", "a state dict");
    if (!is_word(*key)) continue;
    if (value->kind == Kind::kTensor) out.tensors.emplace_back(prefix + key->text, value);
    if (is_module && value->kind == Kind::kObject)
      collect(*value, prefix + key->text + ".", depth + 1, true, out, steps, where);
    if (is_module && value->kind == Kind::kDict && is_part_of_module(key->text))
      collect(*value, prefix, depth + 1, true, out, steps, where);
  }
}

struct Step {
  const PickleValue* value;
  std::string path;
  int depth;
};

std::string kind_of(const PickleValue& value) {
  switch (value.kind) {
    case Kind::kTensor:
      return "tensor";
    case Kind::kDict:
      return "dict of " + std::to_string(value.entries.size());
    case Kind::kList:
    case Kind::kTuple:
      return "list of " + std::to_string(value.items.size());
    case Kind::kObject:
      return value.text.substr(0, 60);
    default:
      return {};
  }
}

}  // namespace

std::vector<PickledEntry> entries_of(const PickleValue& root, const std::string& where) {
  std::vector<PickledEntry> entries;
  std::set<const PickleValue*> seen{&root};
  std::deque<Step> open{{&root, "", 0}};
  std::size_t steps = 0;
  while (!open.empty()) {
    const Step step = std::move(open.front());
    open.pop_front();
    const PickleValue& value = *step.value;
    PickledEntry entry{step.path, {}, value.kind == Kind::kObject && value.text.starts_with("__torch__.")};
    collect(value, "", 0, value.kind == Kind::kObject, entry, steps, where);
    const bool is_whole_module = value.kind == Kind::kObject && !entry.tensors.empty();
    if (!entry.tensors.empty()) entries.push_back(std::move(entry));
    if (step.depth == kMaxContainers || is_whole_module) continue;
    const auto go_on = [&](const PickleValue* inner, const std::string& word) {
      const bool holds = inner->kind == Kind::kDict || inner->kind == Kind::kObject || inner->kind == Kind::kList ||
                         inner->kind == Kind::kTuple;
      if (holds && seen.insert(inner).second)
        open.push_back({inner, step.path.empty() ? word : step.path + "." + word, step.depth + 1});
    };
    for (const auto& [key, inner] : contents(value).entries)
      if (is_word(*key)) go_on(inner, key->text);
    if (value.kind == Kind::kList || value.kind == Kind::kTuple)
      for (std::size_t i = 0; i < std::min(value.items.size(), kMaxItems); ++i)
        go_on(value.items[i], std::to_string(i));
  }
  return entries;
}

std::string described_keys(const PickleValue& root) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : contents(root).entries) {
    if (!is_word(*key)) continue;
    const std::string kind = kind_of(*value);
    keys.push_back(key->text.substr(0, 60) + (kind.empty() ? "" : " (" + kind + ")"));
    if (keys.size() == 12) break;
  }
  if (keys.empty())
    return root.kind == Kind::kObject ? "it is an object of class " + root.text.substr(0, 60) : "it has no keys";
  const std::size_t more = contents(root).entries.size() - keys.size();
  return "its keys are " + joined(keys) + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

}  // namespace cliplab
