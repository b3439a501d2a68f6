// The data sets of the paper as data (data/datasets.json): where each comes from, what a copy of it has to hold, how
// its splits are made, what the paper prints about it, and whether scores on it compare with the paper's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cliplab {

/// A file on its authors' server. Those of a set make its folder: archives unpacked, the rest as it is.
struct Download {
  std::string url, sha256;
  std::int64_t bytes = 0;
  int strip = 0;  // folders at the start of an archive's names that the set's folder stands for
  std::string file() const { return url.substr(url.rfind('/') + 1); }
};

struct PublishedSet {
  std::string name, title, group;    // group: "Table 9", "shift", "retrieval", "special"
  std::string task;                  // "classes" or "captions"; "none": no reader makes a task of it yet
  std::string source, get, licence;  // page, the steps from it to a folder, terms
  std::vector<Download>
      downloads;  // empty if there are terms to agree to, no server or no official checksum: see `get`
  std::vector<std::string> folders;                        // names under the data root, besides `name`, that hold it
  std::int64_t classes = 0;                                // 0: not a fixed list
  std::map<std::string, std::int64_t> counts;              // pictures of "train" and "test" after the split rule
  std::map<std::string, std::vector<std::string>> splits;  // "train" -> the folder's splits that it is made of
  std::map<std::string, std::int64_t> draw;    // ... or so many, drawn by seed 0 from a folder without splits
  std::int64_t draw_a_class = 0;               // ... of which "train" has so many of each class, and "test" the rest
  std::map<std::string, std::int64_t> sample;  // so many of a split's rows at most, drawn by seed 0
  std::string counts_from;                     // source of `counts`
  std::string split_rule, metric, prompts;     // prompts: a list (prompt_list_file), or empty
  std::map<std::string, std::string> paper;    // what it prints: "where", "classes", "train", "test", "metric"
  std::vector<std::string> contradictions;     // between the paper, its repository and the set: both values
  std::string comparable;                      // "exact", "approximate: why", "no: why"
};

/// Throws InputError with one line about the first fault.
std::vector<PublishedSet> read_published_sets();
std::optional<PublishedSet> find_published_set(const std::string& name);

/// Averages over many data sets that the paper prints: of all of `datasets`, and of Kornblith's 12 and Table 9's 27
/// where `datasets` has all of them. Positions in `datasets`, by "12 data sets", "27 data sets", "N data sets".
std::vector<std::pair<std::string, std::vector<std::size_t>>> suites_of(const std::vector<std::string>& datasets);

/// The folder of the user's own copies: what was set, else $CLIPLAB_DATA_ROOT, else data/sets in the project.
std::filesystem::path data_root();
void use_data_root(const std::filesystem::path& folder);

/// The set's folder under the data root; empty if it has none of its names.
std::filesystem::path published_folder(const PublishedSet& set);

}  // namespace cliplab
