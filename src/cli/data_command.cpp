// One function for each verb. Facts about a set come from its recipe, from data/datasets.json and from its folder.
#include "cli/data_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "acquire/fetch.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/options.hpp"
#include "base/text.hpp"
#include "corpora/corpus.hpp"
#include "inspect/contact_sheet.hpp"
#include "inspect/overlap.hpp"
#include "pixels/codecs.hpp"
#include "sets/built_set.hpp"
#include "sets/published.hpp"
#include "sets/set_ref.hpp"
#include "sets/verify.hpp"

namespace cliplab {

const char* const kDataUsage =
    R"(./cliplab data list                         sets built here, and every data set of the paper: present, absent, comparable
./cliplab data fetch NAME                   builds a set; downloads a published set, or says the steps that get it
                                            (--retries 5 --wait 2: tries that bring nothing, seconds before the first)
./cliplab data verify NAME [--decode true]  every sample is there, counts and classes are right; every picture decodes
./cliplab data describe NAME                source, licence, split rule, metric, the paper's numbers and contradictions
./cliplab data show NAME [--split SPLIT] [--out FILE.png]  a sheet of 64 pictures with their labels, to be looked at
./cliplab data duplicates A[:SPLIT] B[:SPLIT] [--out FILE.png] [--csv FILE]  pictures of A that are in B too, exactly or to the eye

NAME: a data set of the list, a folder in the data root, or FOLDER/SPLIT for one part of it. Your own copies lie
in --data-root DIR (else $CLIPLAB_DATA_ROOT, else data/sets), each in a folder of its name: ImageFolder trees, webdataset
shards of CLIP_benchmark (wds_NAME), labels or captions as .tsv or .csv with images.tar.gz, CIFAR .bin, IDX, or the authors' own files.
)";

namespace {

int list() {
  fmt::print("data sets built from packages (data/corpora):\n");
  for (const BuiltSet& set : built_sets()) {
    std::string state = "not fetched";
    if (std::filesystem::exists(built_folder(set.name) / "manifest.json")) try {
        state = fmt::format("{} samples", read_manifest(built_folder(set.name)).samples);
      } catch (const InputError&) {
        state = "out of date";
      }
    fmt::print("  {:<20}{:<15}{} [{}]; {}\n", set.name, state, set.description, fmt::join(set.splits, ", "),
               set.licence);
  }
  fmt::print("\npublished data sets (your copies in {}):\n", data_root().string());
  std::vector<std::filesystem::path> taken;
  for (const PublishedSet& set : read_published_sets()) {
    const auto folder = published_folder(set);
    if (!folder.empty()) taken.push_back(folder);
    fmt::print("  {:<20}{:<10}{:<11}{}; {}\n", set.name, folder.empty() ? "absent" : "present", set.group, set.title,
               set.comparable);
  }
  if (!std::filesystem::is_directory(data_root())) return 0;
  std::vector<std::string> others;
  for (const auto& entry : std::filesystem::directory_iterator(data_root()))
    if (const std::string name = entry.path().filename();
        entry.is_directory() && !name.starts_with('.') &&
        std::find(taken.begin(), taken.end(), entry.path()) == taken.end())
      others.push_back(name);
  std::sort(others.begin(), others.end());
  fmt::print("\nother folders there: {}\n", fmt::join(others, ", "));
  return 0;
}

int verify(const SetRef& set, bool decode) {
  std::vector<std::string> notices;
  const std::vector<std::string> problems = verify_set(set, decode || set.kind() == SetKind::kBuilt, &notices);
  for (const std::string& notice : notices) fmt::print("notice: {}\n", notice);
  for (const std::string& problem : problems) fmt::print("{}\n", problem);
  fmt::print("{}: {}\n", set.text(), problems.empty() ? "whole" : fmt::format("{} problems", problems.size()));
  return problems.empty() ? 0 : 1;
}

int fetch(const std::string& name, const FetchOptions& options) {
  const auto set = find_published_set(name);
  if (!set || find_built_set(name) != nullptr) return fetch_corpus(name), 0;
  const auto folder = published_folder(*set);
  fmt::print("{}: {}\nlicence: {}\n", set->title, set->source, set->licence);
  if (!folder.empty()) return fmt::print("present: {}\n", folder.string()), 0;
  if (set->downloads.empty()) {
    fmt::print("{}\nIts folder: {}\n", set->get, (data_root() / set->name).string());
    return 1;
  }
  std::filesystem::create_directories(data_root());
  fetch_published(*set, options);
  return verify(SetRef::parse(name), false);
}

int describe(const SetRef& ref) {
  if (const BuiltSet* built = find_built_set(ref.name())) {
    fmt::print("{}: {}; {}\nsplits: {}\nfrom: {}\n", built->title, built->description, built->licence,
               fmt::join(built->splits, ", "), built->packages);
    if (const std::string absence = ref.absence(); !absence.empty()) return fmt::print("here: {}\n", absence), 0;
    const Manifest manifest = read_manifest(ref.folder());
    fmt::print("here: {}; {:.1f} MB, id {}\n", describe_copy(ref), static_cast<double>(manifest.bytes()) / 1e6,
               manifest.id);
    return 0;
  }
  const auto set = find_published_set(ref.name());
  if (!set) {
    fmt::print("here: {}\nnot in the table of published sets: no split rule, licence or count is known\n",
               describe_copy(ref));
    return 0;
  }
  fmt::print("{} ({})\nsource: {}\nto get it: {}\nlicence: {}\ntask: {}, metric: {}\n", set->title, set->group,
             set->source, set->get, set->licence, set->task, set->metric);
  for (const Download& file : set->downloads)
    fmt::print("data fetch: {} ({:.1f} MB)\n", file.url, static_cast<double>(file.bytes) / 1e6);
  if (set->classes > 0) fmt::print("classes: {}\n", set->classes);
  for (const auto& [split, count] : set->counts)
    fmt::print("pictures in {}: {} ({})\n", split, count, set->counts_from);
  for (const auto& [split, sources] : set->splits) fmt::print("{} is made of: {}\n", split, fmt::join(sources, ", "));
  for (const auto& [split, count] : set->draw) fmt::print("{} is drawn: {} of a folder without splits\n", split, count);
  if (!set->split_rule.empty()) fmt::print("split rule: {}\n", set->split_rule);
  fmt::print("prompts: {}\n", set->prompts.empty()
                                  ? "the set's own names, \"a photo of a {}.\""
                                  : std::filesystem::relative(prompt_list_file(set->prompts), project_root()).string());
  for (const auto& [what, value] : set->paper) fmt::print("the paper, {}: {}\n", what, value);
  for (const std::string& both : set->contradictions) fmt::print("contradiction: {}\n", both);
  fmt::print("comparable: {}\n", set->comparable);
  if (published_folder(*set).empty())
    fmt::print("here: absent from {}\n", data_root().string());
  else
    fmt::print("here: {}\n", describe_copy(ref));
  return 0;
}

/// The test split, else the first split of the set.
std::string default_split(const SetRef& set) {
  const std::vector<std::string> splits = set.splits();
  return std::find(splits.begin(), splits.end(), "test") != splits.end() ? "test" : splits.front();
}

int show(const SetRef& set, std::string split, std::string out) {
  if (split.empty()) split = default_split(set);
  constexpr int kTiles = 64;
  const std::vector<Tile> tiles = set.has_captions() ? sample_tiles(*open_pairs(set, split), kTiles, 0)
                                                     : sample_tiles(*open_dataset(set, split), kTiles, 0);
  if (out.empty()) {
    out = set.text() + "-" + split + ".png";
    std::replace(out.begin(), out.end(), '/', '-');
  }
  write_file_atomically(out, encode_png(contact_sheet(tiles)));
  fmt::print("{}: {} pictures of {}/{}\n", out, tiles.size(), set.text(), split);
  return 0;
}

/// "NAME" or "NAME:SPLIT", open.
struct NamedPictures {
  explicit NamedPictures(const std::string& word) {
    const auto colon = word.rfind(':');
    const SetRef set = SetRef::parse(word.substr(0, colon));
    const std::string split = colon == std::string::npos ? default_split(set) : word.substr(colon + 1);
    if (set.has_captions())
      pairs = open_pairs(set, split), source = pictures_of(*pairs);
    else
      dataset = open_dataset(set, split), source = pictures_of(*dataset);
  }
  std::unique_ptr<Dataset> dataset;
  std::unique_ptr<PairCorpus> pairs;
  PictureSource source;
};

int duplicates(const std::string& first, const std::string& second, const std::string& out, const std::string& csv) {
  const NamedPictures a(first), b(second);
  const Overlap overlap = find_overlap(a.source, b.source);
  const auto& pairs = overlap.pairs;
  const auto exact = std::count_if(pairs.begin(), pairs.end(), [](const OverlapPair& pair) { return pair.exact; });
  std::vector<std::int64_t> rows;
  for (const OverlapPair& pair : pairs) rows.push_back(pair.first);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  constexpr std::size_t kShown = 20, kTiles = 32;
  for (const OverlapPair& pair : std::span(pairs).first(std::min(kShown, pairs.size())))
    fmt::print(
        "{}  {}  {}\n", a.source.key(pair.first), b.source.key(pair.second),
        pair.exact ? std::string("same pixels") : fmt::format("the same to the eye ({:.1f} of 255 apart)", pair.apart));
  if (pairs.size() > kShown)
    fmt::print("... {} more pairs{}\n", pairs.size() - kShown, csv.empty() ? "; --csv FILE writes all" : "");
  fmt::print(
      "{} ({} pictures) and {} ({}): {} pictures of the first in {} pairs, {} of the same pixels; {} unreadable\n",
      a.source.id, a.source.size, b.source.id, b.source.size, rows.size(), pairs.size(), exact, overlap.unreadable);
  if (!csv.empty()) {
    std::string text = "first,second,exact,apart\n";
    for (const OverlapPair& pair : pairs)
      text += fmt::format("{},{},{},{:.4f}\n", csv_field(a.source.key(pair.first)),
                          csv_field(b.source.key(pair.second)), pair.exact ? 1 : 0, pair.apart);
    write_file_atomically(csv, text);
  }
  if (!out.empty() && !pairs.empty()) {  // both pictures of a pair side by side
    std::vector<Tile> tiles;
    for (const OverlapPair& pair : std::span(pairs).first(std::min(kTiles, pairs.size())))
      for (const auto& [side, source, row] :
           {std::tuple("A ", &a.source, pair.first), std::tuple("B ", &b.source, pair.second)})
        tiles.push_back({source->image(row), side + source->key(row)});
    write_file_atomically(out, encode_png(contact_sheet(tiles)));
  }
  return 0;
}

}  // namespace

int data_command(std::span<const std::string> arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  const bool two = verb == "duplicates",
             named = two || verb == "fetch" || verb == "verify" || verb == "describe" || verb == "show";
  if (verb != "list" && !named)
    fail("data", verb.empty() ? "no word" : "'" + verb + "'",
         "list, fetch NAME, verify NAME, describe NAME, show NAME or duplicates A B");
  for (std::size_t i = 1; i <= (two ? 2 : named ? 1 : 0); ++i)
    if (arguments.size() <= i || arguments[i].starts_with("--"))
      fail("data " + verb, i == 1 ? "no name" : "one name",
           two ? "two of ./cliplab data list" : "one of ./cliplab data list");
  Options options;
  options.add_text("data-root", "", "folder of your own data sets");
  if (verb == "fetch")
    options.add_integer("retries", 5, 0, 1000, "tries in a row that may bring nothing"),
        options.add_real("wait", 2, 0, 3600, "seconds before the first of them; doubled each time, at most a minute");
  if (verb == "verify") options.add_flag("decode", false, "decode every picture as well");
  if (verb == "show")
    options.add_text("split", "", "which pictures; empty: test, else the first split"),
        options.add_text("out", "", "a PNG file; empty: NAME-SPLIT.png here");
  if (two)
    options.add_text("out", "", "a PNG file: the first 32 pairs, side by side"),
        options.add_text("csv", "", "a file for all pairs");
  options.parse_arguments(arguments.subspan(two ? 3 : named ? 2 : 1));
  use_data_root(options.text("data-root"));
  if (verb == "list") return list();
  const std::string& name = arguments[1];
  if (verb == "fetch")
    return fetch(name, {.retries = static_cast<int>(options.integer("retries")), .wait_s = options.real("wait")});
  if (two) return duplicates(name, arguments[2], options.text("out"), options.text("csv"));
  const SetRef set = SetRef::parse(name);
  if (verb == "verify") return verify(set, options.flag("decode"));
  if (verb == "describe") return describe(set);
  return show(set, options.text("split"), options.text("out"));
}

}  // namespace cliplab
