// Everything that a run touches, listed before it starts: from the keys that declare what they stand for
// (base/options.hpp) and their values. Fetching, leaving out, the run's key, `check`, `describe` and the provenance of
// results all use this one object; no key's meaning is inferred from its name.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "sets/set_ref.hpp"

namespace cliplab {

/// A set in one role.
struct PlannedSet {
  std::string study;  // "": the run's own (training, watching)
  std::string key;    // "STUDY.sets"
  Role role = Role::kTest;
  std::string item;                 // as the config writes it: "a>b" for a shift
  SetRef set;                       // of a shift its source
  std::optional<SetRef> shift;      // the set that the source is compared with
  std::vector<std::string> splits;  // of `set` that are read
  SetRules rules;
};

struct PlannedFile {
  std::string study, key;
  std::filesystem::path file;
  bool is_model = false;  // a file or a folder, with the configurations next to it
};

/// What the run does not measure, and why.
struct PlannedGap {
  std::string study;   // "": of all studies
  std::string item;    // a set, a pair of sets, or the study itself
  std::string reason;  // one line
};

class Plan {
 public:
  /// From the values of all declared keys of the studies that `options` asks for. Reads names only. Throws InputError
  /// for an unknown set (a set that is known but absent is planned), a shift without '>', a missing file.
  explicit Plan(const Options& options);

  /// Names of the built sets that the run reads, each once: fetch_corpus() builds them.
  std::vector<std::string> built_sets() const;

  /// Looks at the data. What is absent or does not fit its role is an error, or with `leave_out` a gap. With `checking`
  /// an absent set is no error: absent() lists it, and what else can be checked is checked.
  void settle(bool leave_out, bool checking = false);
  /// Why sets cannot be read on this machine now, by their names. Built sets, which a run builds, are not among them.
  const std::map<std::string, std::string>& absent() const { return absent_; }

  /// The studies that have something to measure, in the order of the config.
  const std::vector<std::string>& studies() const { return studies_; }
  const std::vector<PlannedSet>& sets() const { return sets_; }
  const std::vector<PlannedFile>& files() const { return files_; }
  const std::vector<PlannedGap>& gaps() const { return gaps_; }

  /// The sets of a key, or of the key that it falls back to, as the config writes them; without those that were left
  /// out.
  std::vector<std::string> items(const std::string& key) const;
  /// The gaps of a study and of all studies.
  std::vector<PlannedGap> gaps_of(const std::string& study) const;

  /// The content of everything that decides a number: ids of sets, hashes of files and prompts. A line each, sorted.
  std::string content() const;
  /// SHA-256 of a planned file, of a model that of its weights (checkpoint_sha256). Each is read once.
  const std::string& sha256(const PlannedFile& file) const;
  /// The same by path; computed where it is not planned.
  std::string model_sha256(const std::filesystem::path& model) const;
  /// The ids of the sets, by "dataset <name>".
  std::map<std::string, std::string> provenance() const;
  /// For people: studies, sets with their splits, files, and what is left out.
  std::string text() const;

 private:
  void add_sets(const Options& options, const Options::Declared& declared);
  void add_file(const Options::Declared& declared, const std::string& file);
  /// True if a set of it is not on disk; notes those that no run builds.
  bool is_absent(const PlannedSet& planned);
  void settle_references();
  void settle_studies();
  /// Throws InputError with `error` where nothing may be left out.
  void leave_out(const PlannedGap& gap, const std::string& error);

  struct Reference {
    std::string study, key, of, set;
  };
  std::vector<std::string> studies_;
  std::vector<PlannedSet> sets_;
  std::vector<PlannedFile> files_;
  std::vector<PlannedGap> gaps_;
  std::vector<Reference> references_;
  std::map<std::string, std::string> takes_untrainable_;  // key -> the key whose untrainable sets it also takes
  std::vector<std::string> with_sets_;  // studies that declare sets: one without any has nothing to measure
  std::filesystem::path prompts_;       // of --prompts; empty: the sets' own
  std::map<std::string, std::string> absent_;
  mutable std::map<std::filesystem::path, std::string> sha256_;  // of files, by their paths
  bool leave_out_ = false;
};

}  // namespace cliplab
