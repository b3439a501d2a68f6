// From declared keys to sets, files and gaps.
#include "lab/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "model/encoder.hpp"
#include "sets/dataset.hpp"
#include "sets/prompts.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

bool holds(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool has_classes(Role role) { return role == Role::kTrainAndTest || role == Role::kTest || role == Role::kShift; }

/// "" or why the set cannot be read in this role.
std::string split_fault(const SetRef& set, const std::string& split, bool captions) {
  const std::vector<std::string> parts = captions ? set.parts() : std::vector<std::string>{};
  if (holds(parts, split)) return {};
  const std::vector<std::string> splits = set.splits();
  if (holds(splits, split)) return {};
  return fmt::format("data set {}: no sample in split '{}', expected one of {}", set.text(), split,
                     joined(parts.empty() ? splits : parts));
}

std::string label_fault(const SetRef& set, bool clips_fit) {
  const auto open = open_dataset(set, "test");
  const Truth& truth = open->truth();
  if (truth.several_labels()) return "data set " + set.text() + ": several labels a picture, expected one";
  if (truth.has_clips() && !clips_fit) return "data set " + set.text() + ": frames of clips, expected single pictures";
  return {};
}

/// "" or why `set` does not fit what `planned` says of it.
std::string fault_of(const PlannedSet& planned, const SetRef& set, const std::vector<std::string>& splits) {
  if (set.kind() == SetKind::kShards && planned.role != Role::kTrainingPairs)
    return set.text() +
           ": webdataset shards by path, expected a set with an index; put them into a folder of the data root";
  if (std::string absence = set.absence(); !absence.empty()) return absence;
  const bool captions = !has_classes(planned.role);
  if (set.has_captions() != captions)
    return fmt::format("data set {}: {}", set.text(),
                       captions ? "classes instead of captions, expected a set with captions"
                                : "captions instead of classes, expected a set with classes");
  for (const std::string& split : splits)
    if (std::string fault = split_fault(set, split, captions); !fault.empty()) return fault;
  const bool is_source = planned.shift && set == planned.set;
  if (planned.rules.one_label || planned.role == Role::kShift)
    return label_fault(set, planned.role == Role::kShift && !is_source);
  return {};
}

std::string fault_of(const PlannedSet& planned) try {
  std::string fault = fault_of(planned, planned.set, planned.splits);
  if (fault.empty() && planned.shift) fault = fault_of(planned, *planned.shift, {"test"});
  return fault;
} catch (const InputError& error) {
  return error.what();
}

std::vector<std::string> splits_of(const Options& options, const Options::Declared& declared) {
  switch (declared.role) {
    case Role::kTrainAndTest:
    case Role::kShift:
      return {"train", "test"};
    case Role::kTest:
      return {"test"};
    case Role::kTrainingPairs:
      return {"train"};
    default:
      break;
  }
  std::vector<std::string> splits;
  for (const std::string& key : declared.rules.split_keys) splits.push_back(options.text(key));
  return splits;
}

std::vector<const SetRef*> refs_of(const PlannedSet& planned) {
  std::vector<const SetRef*> refs{&planned.set};
  if (planned.shift) refs.push_back(&*planned.shift);
  return refs;
}

}  // namespace

Plan::Plan(const Options& options) : studies_(options.list("studies")) {
  if (const std::string& name = options.text("prompts"); !name.empty()) prompts_ = prompt_set_file(name);
  const bool trains = options.list("model.files").empty();
  for (const Options::Declared& declared : options.declared()) {
    if (!declared.study.empty() && !holds(studies_, declared.study)) continue;
    if (declared.rules.when_training && !trains) continue;
    if (declared.role == Role::kReference)
      references_.push_back({declared.study, declared.key, declared.rules.of, options.text(declared.key)});
    else if (declared.role != Role::kFile)
      add_sets(options, declared);
    else
      for (const std::string& file : options.values(declared.key)) add_file(declared, file);
  }
}

void Plan::add_sets(const Options& options, const Options::Declared& declared) {
  const SetRules& rules = declared.rules;
  if (!rules.untrainable_of.empty()) takes_untrainable_[declared.key] = rules.untrainable_of;
  if (!declared.study.empty() && !holds(with_sets_, declared.study)) with_sets_.push_back(declared.study);
  const Options::List& own = options.list(declared.key);
  for (const std::string& item : own.empty() && !rules.fallback.empty() ? options.list(rules.fallback) : own) {
    const auto arrow = item.find('>');
    const bool shifts = declared.role == Role::kShift;
    if (shifts != (arrow != std::string::npos))
      fail(declared.key, "'" + item + "'", shifts ? "source>shift" : "the name of a data set");
    PlannedSet planned{declared.study,
                       declared.key,
                       declared.role,
                       item,
                       SetRef::parse(item.substr(0, arrow)),
                       {},
                       splits_of(options, declared),
                       rules};
    if (shifts) planned.shift = SetRef::parse(item.substr(arrow + 1));
    sets_.push_back(std::move(planned));
  }
}

void Plan::add_file(const Options::Declared& declared, const std::string& file) {
  const fs::path path = declared.study.empty() ? fs::path(file) : named_file(file);
  if (!fs::exists(path)) fail(declared.key, "'" + file + "'", "an existing file");
  if (!declared.rules.is_model && fs::is_directory(path)) fail(declared.key, "the folder '" + file + "'", "a file");
  files_.push_back({declared.study, declared.key, path, declared.rules.is_model});
}

std::vector<std::string> Plan::built_sets() const {
  std::vector<std::string> names;
  for (const PlannedSet& planned : sets_)
    for (const SetRef* set : refs_of(planned))
      if (set->kind() == SetKind::kBuilt && !holds(names, set->name())) names.push_back(set->name());
  return names;
}

void Plan::leave_out(const PlannedGap& gap, const std::string& error) {
  if (!leave_out_) throw InputError(error);
  gaps_.push_back(gap);
}

bool Plan::is_absent(const PlannedSet& planned) {
  bool any = false;
  for (const SetRef* set : refs_of(planned)) {
    const std::string absence = set->absence();
    any = any || !absence.empty();
    if (!absence.empty() && set->kind() != SetKind::kBuilt) absent_[set->text()] = absence;
  }
  return any;
}

void Plan::settle(bool leave_out_allowed, bool checking) {
  leave_out_ = leave_out_allowed;
  std::map<std::pair<std::string, std::string>, std::string> faults;  // role and item, looked at once
  std::vector<PlannedSet> kept, untrainable;
  for (PlannedSet& planned : sets_) {
    if (checking && is_absent(planned)) {
      kept.push_back(planned);
      continue;
    }
    const auto [at, is_new] = faults.try_emplace(
        {fmt::format("{} {} {}", static_cast<int>(planned.role), planned.rules.one_label, joined(planned.splits)),
         planned.item});
    if (is_new) at->second = fault_of(planned);
    if (at->second.empty()) {
      kept.push_back(planned);
      continue;
    }
    PlannedSet untrained = planned;
    untrained.role = Role::kTest, untrained.splits = {"test"};
    if (planned.role == Role::kTrainAndTest && leave_out_ && fault_of(untrained).empty())
      untrainable.push_back(untrained);
    leave_out({planned.study, planned.item, at->second}, at->second);
  }
  sets_ = std::move(kept);
  for (const PlannedSet& set : untrainable)
    for (const auto& [key, of] : takes_untrainable_)
      if (set.key == of && !holds(items(key), set.item)) {
        sets_.push_back(set);
        sets_.back().key = key;
      }
  settle_references();
  settle_studies();
}

void Plan::settle_references() {
  for (const Reference& reference : references_) {
    if (!holds(studies_, reference.study) || holds(items(reference.of), reference.set)) continue;
    leave_out({reference.study, "study " + reference.study, "its reference " + reference.set + " is absent"},
              fmt::format("{}: '{}', expected one of the data sets of {}: {}", reference.key, reference.set,
                          reference.of, joined(items(reference.of))));
    std::erase(studies_, reference.study);
  }
}

void Plan::settle_studies() {
  for (const std::string& study : with_sets_) {
    const bool has_some = std::ranges::find(sets_, study, &PlannedSet::study) != sets_.end();
    if (has_some || !holds(studies_, study)) continue;
    leave_out({study, "study " + study, "none of its data sets is present"},
              "study " + study + ": no data set, expected at least one");
    std::erase(studies_, study);
  }
  std::erase_if(sets_, [&](const PlannedSet& set) { return !set.study.empty() && !holds(studies_, set.study); });
}

std::vector<std::string> Plan::items(const std::string& key) const {
  std::vector<std::string> items;
  for (const PlannedSet& planned : sets_)
    if (planned.key == key) items.push_back(planned.item);
  return items;
}

std::vector<PlannedGap> Plan::gaps_of(const std::string& study) const {
  std::vector<PlannedGap> gaps;
  for (const PlannedGap& gap : gaps_)
    if (gap.study == study || gap.study.empty()) gaps.push_back(gap);
  return gaps;
}

std::string Plan::content() const {
  std::set<std::string> lines;
  for (const PlannedSet& planned : sets_)
    for (const SetRef* set : refs_of(planned)) {
      const bool is_shift = planned.shift && set == &*planned.shift;
      for (const std::string& split : is_shift ? std::vector<std::string>{"test"} : planned.splits)
        lines.insert(set->id(split));
      if (!is_shift && holds(planned.splits, "train") && has_classes(planned.role) && set->has_split("validation"))
        lines.insert(set->id("validation"));  // probes choose their penalty on it
      if (has_classes(planned.role))
        for (const fs::path& file : prompt_files(set->text(), prompts_)) lines.insert("prompts " + sha256_file(file));
    }
  for (const PlannedFile& file : files_) {
    lines.insert(file.key + " " + sha256(file));
    if (file.is_model)
      for (const fs::path& config : checkpoint_configs(file.file))
        lines.insert(file.key + " " + sha256(file) + " " + config.filename().string() + " " + sha256_file(config));
  }
  if (!prompts_.empty()) lines.insert("prompt set " + sha256_file(prompts_));
  for (const PlannedGap& gap : gaps_) lines.insert("without " + gap.study + " " + gap.item);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

const std::string& Plan::sha256(const PlannedFile& file) const {
  std::string& known = sha256_[file.file];
  if (known.empty()) known = file.is_model ? checkpoint_sha256(file.file) : sha256_file(file.file);
  return known;
}

std::string Plan::model_sha256(const fs::path& model) const {
  const auto planned = std::ranges::find(files_, model, &PlannedFile::file);
  return planned == files_.end() ? checkpoint_sha256(model) : sha256(*planned);
}

std::map<std::string, std::string> Plan::provenance() const {
  std::map<std::string, std::string> ids;
  for (const PlannedSet& planned : sets_)
    for (const SetRef* set : refs_of(planned)) {
      const bool is_shift = planned.shift && set == &*planned.shift;
      ids["dataset " + set->text()] = set->id(is_shift ? "test" : planned.splits.back());
    }
  return ids;
}

std::string Plan::text() const {
  std::string text;
  for (const std::string& study : studies_) {
    text += study + "\n";
    for (const PlannedSet& planned : sets_)
      if (planned.study == study) text += fmt::format("    {:<40}{}\n", planned.item, planned.key);
    for (const PlannedFile& file : files_)
      if (file.study == study) text += fmt::format("    {:<40}{}\n", file.file.string(), file.key);
  }
  for (const PlannedSet& planned : sets_)
    if (planned.study.empty()) text += fmt::format("{:<44}{}\n", planned.item, planned.key);
  for (const PlannedFile& file : files_)
    if (file.study.empty()) text += fmt::format("{:<44}{}\n", file.file.string(), file.key);
  for (const auto& [name, reason] : absent_) text += fmt::format("not here: {} ({})\n", name, reason);
  std::set<std::string> told;
  for (const PlannedGap& gap : gaps_)
    if (told.insert(gap.item + gap.reason).second) text += fmt::format("left out: {} ({})\n", gap.item, gap.reason);
  return text;
}

}  // namespace cliplab
