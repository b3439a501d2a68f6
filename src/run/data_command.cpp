// One function a verb; what they say of a set comes from data/datasets.json and from the set's folder.
#include "run/data_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/options.hpp"
#include "data/codecs.hpp"
#include "data/contact_sheet.hpp"
#include "data/corpus.hpp"
#include "data/dataset.hpp"
#include "data/open_set.hpp"
#include "data/published.hpp"

namespace cliplab {

const char* const kDataUsage = R"(./cliplab data list                         corpora, and every data set of the paper: present, absent, comparable
./cliplab data fetch NAME                   builds a corpus; of a published set it says the steps that get it
./cliplab data verify NAME [--decode true]  every sample is there, counts and classes are right; every picture decodes
./cliplab data describe NAME                source, licence, split rule, metric, the paper's numbers and contradictions
./cliplab data show NAME [--split SPLIT] [--out FILE.png]  a sheet of 64 pictures with their labels, to be looked at

NAME: a corpus, a data set of the list, a folder in the data root, or FOLDER/SPLIT for one part of it. Your own copies lie
in --data-root DIR (else $CLIPLAB_DATA_ROOT, else data/sets), each in a folder of its name: ImageFolder trees, webdataset
shards of CLIP_benchmark (wds_NAME), labels.tsv or captions.tsv with images.tar.gz, CIFAR .bin, IDX, or the authors' own files.
)";

namespace {

int list() {
  fmt::print("corpora (data/corpora):\n");
  for (const CorpusStatus& corpus : list_corpora())
    fmt::print("  {:<20}{:<22}{}\n", corpus.name, corpus.present ? fmt::format("{} samples", corpus.samples) : std::string("not fetched"), corpus.description);
  fmt::print("\ndata sets from corpora:\n");
  for (const DatasetInfo& info : dataset_table())
    fmt::print("  {:<20}{} [{}]; {}\n", info.name, info.description, fmt::join(info.splits, ", "), info.licence);
  fmt::print("\npublished data sets (your copies in {}):\n", data_root().string());
  std::vector<std::filesystem::path> taken;
  for (const PublishedSet& set : read_published_sets()) {
    const auto folder = published_folder(set);
    if (!folder.empty()) taken.push_back(folder);
    fmt::print("  {:<20}{:<10}{:<11}{}; {}\n", set.name, folder.empty() ? "absent" : "present", set.group, set.title, set.comparable);
  }
  if (!std::filesystem::is_directory(data_root())) return 0;
  std::vector<std::string> others;
  for (const auto& entry : std::filesystem::directory_iterator(data_root()))
    if (entry.is_directory() && std::find(taken.begin(), taken.end(), entry.path()) == taken.end()) others.push_back(entry.path().filename());
  std::sort(others.begin(), others.end());
  fmt::print("\nother folders there: {}\n", fmt::join(others, ", "));
  return 0;
}

int fetch(const std::string& name) {
  if (const auto set = find_published_set(name)) {
    fmt::print("{}: {}\n{}\nIts folder: {}\n", set->title, set->source, set->get, (data_root() / set->name).string());
    return published_folder(*set).empty() ? 1 : 0;
  }
  return fetch_corpus(name), 0;
}

/// The corpus that `name` is or is made of; empty for the user's own copies.
std::string corpus_of(const std::string& name) {
  if (is_corpus(name)) return name;
  for (const DatasetInfo& info : dataset_table())
    if (info.name == name) return info.corpus;
  return {};
}

int verify(const std::string& name, bool decode) {
  const std::string corpus = corpus_of(name);  // its pictures are always decoded
  const std::vector<std::string> problems = corpus.empty() ? verify_set(name, decode) : verify_corpus(corpus);
  for (const std::string& problem : problems) fmt::print("{}\n", problem);
  fmt::print("{}: {}\n", name, problems.empty() ? "whole" : fmt::format("{} problems", problems.size()));
  return problems.empty() ? 0 : 1;
}

int describe(const std::string& name) {
  for (const CorpusStatus& corpus : list_corpora())
    if (corpus.name == name)
      fmt::print("corpus: {}; {} samples, {:.1f} MB, id {}\n", corpus.description, corpus.samples, static_cast<double>(corpus.bytes) / 1e6, corpus.present ? corpus.id : "none: not fetched");
  for (const DatasetInfo& info : dataset_table())
    if (info.name == name) fmt::print("{}: {}; {}\nsplits: {}\nfrom: {}\n", info.title, info.description, info.licence, fmt::join(info.splits, ", "), info.source);
  if (!corpus_of(name).empty()) return 0;
  const auto set = find_published_set(name);
  if (!set) {
    fmt::print("here: {}\nnot in the table of published sets: no split rule, licence or count is known\n", describe_copy(name));
    return 0;
  }
  fmt::print("{} ({})\nsource: {}\nto get it: {}\nlicence: {}\ntask: {}, metric: {}\n", set->title, set->group, set->source, set->get, set->licence,
             set->task, set->metric);
  if (set->classes > 0) fmt::print("classes: {}\n", set->classes);
  for (const auto& [split, count] : set->counts) fmt::print("pictures in {}: {} ({})\n", split, count, set->counts_from);
  for (const auto& [split, sources] : set->splits) fmt::print("{} is made of: {}\n", split, fmt::join(sources, ", "));
  for (const auto& [split, count] : set->draw) fmt::print("{} is drawn: {} of a folder without splits\n", split, count);
  if (!set->split_rule.empty()) fmt::print("split rule: {}\n", set->split_rule);
  fmt::print("prompts: {}\n", set->prompts.empty() ? "the set's own names, \"a photo of a {}.\"" : "data/prompts/wheels/" + set->prompts + ".json");
  for (const auto& [what, value] : set->paper) fmt::print("the paper, {}: {}\n", what, value);
  for (const std::string& both : set->contradictions) fmt::print("contradiction: {}\n", both);
  fmt::print("comparable: {}\n", set->comparable);
  if (published_folder(*set).empty())
    fmt::print("here: absent from {}\n", data_root().string());
  else
    fmt::print("here: {}\n", describe_copy(name));
  return 0;
}

int show(const std::string& name, std::string split, std::string out) {
  std::vector<Tile> tiles;
  if (split.empty()) {  // what is scored; else what there is
    const std::vector<std::string> splits = is_corpus(name) && is_captioned(name) ? std::vector<std::string>{"val"} : dataset_info(name).splits;
    split = splits.empty() || std::find(splits.begin(), splits.end(), "test") != splits.end() ? "test" : splits.front();
  }
  constexpr int kTiles = 64;
  if (is_captioned(name))
    tiles = sample_tiles(*open_pair_corpus(name, split), kTiles, 0);
  else
    tiles = sample_tiles(*open_dataset(name, split), kTiles, 0);
  if (out.empty()) {
    out = name + "-" + split + ".png";
    std::replace(out.begin(), out.end(), '/', '-');
  }
  write_file_atomically(out, encode_png(contact_sheet(tiles)));
  fmt::print("{}: {} pictures of {}/{}\n", out, tiles.size(), name, split);
  return 0;
}

}  // namespace

int data_command(std::span<const std::string> arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  const bool named = verb == "fetch" || verb == "verify" || verb == "describe" || verb == "show";
  if (verb != "list" && !named) fail("data", verb.empty() ? "no word" : "'" + verb + "'", "list, fetch NAME, verify NAME, describe NAME or show NAME");
  if (named && (arguments.size() < 2 || arguments[1].starts_with("--"))) fail("data " + verb, "no name", "one of ./cliplab data list");
  Options options;
  options.add_text("data-root", "", "folder of your own data sets");
  if (verb == "verify") options.add_flag("decode", false, "decode every picture as well");
  if (verb == "show") options.add_text("split", "", "which pictures; empty: test, else the first there is"), options.add_text("out", "", "a PNG file; empty: NAME-SPLIT.png here");
  options.parse_arguments(arguments.subspan(named ? 2 : 1));
  use_data_root(options.text("data-root"));
  if (verb == "list") return list();
  const std::string& name = arguments[1];
  if (verb == "fetch") return fetch(name);
  if (verb == "verify") return verify(name, options.flag("decode"));
  if (verb == "describe") return describe(name);
  return show(name, options.text("split"), options.text("out"));
}

}  // namespace cliplab
