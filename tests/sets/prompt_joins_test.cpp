// The paper's 27 prompt lists, joined to the classes as an official archive, a tree of folders and clip-benchmark's
// shards call them, in any order: the same class gets the same names.
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "base/files.hpp"
#include "base/rng.hpp"
#include "corpora/fake_corpus.hpp"
#include "sets/dataset.hpp"
#include "sets/prompts.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
namespace fs = std::filesystem;

using Names = std::vector<std::vector<std::string>>;  // [C][synonyms]

fs::path lists() { return fs::path(CLIPLAB_SOURCE_DIR) / "data/prompts"; }

json list_of(const std::string& set) { return json::parse(read_file(lists() / "paper" / (set + ".json"), 1 << 24)); }

std::vector<std::string> all_sets() {
  std::vector<std::string> sets;
  for (const auto& entry : fs::directory_iterator(lists() / "paper")) sets.push_back(entry.path().stem());
  std::sort(sets.begin(), sets.end());
  return sets;
}

std::string replaced(std::string text, const std::string& from, char to) {
  for (char& c : text)
    if (from.find(c) != std::string::npos) c = to;
  return text;
}

/// What read_prompt_list gives for labels in a drawn order, put back into the order of the labels.
Names joined_shuffled(const fs::path& file, const std::vector<std::string>& labels) {
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(7);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  std::vector<std::string> shuffled;
  for (const std::size_t at : order) shuffled.push_back(labels[at]);
  const Prompts prompts = read_prompt_list(file, shuffled);
  EXPECT_FALSE(prompts.templates.empty()) << "not one label is known";
  Names names(labels.size());
  for (std::size_t i = 0; i < prompts.class_names.size(); ++i) names[order[i]] = prompts.class_names[i];
  return names;
}

/// The official archive's name of a class of the list: its key, but for archives that spell it by a rule of their own.
std::string official(const std::string& set, const std::string& key, const std::string& name, std::size_t number) {
  if (set == "sun397") return "/" + name.substr(0, 1) + "/" + replaced(name, " ", '_');
  if (set == "ucf101") {  // ApplyEyeMakeup
    std::string joined;
    for (const char c : name)
      if (c != ' ') joined += c;
    return joined;
  }
  static const std::set<std::string> by_number{"flowers102", "gtsrb", "kitti"};
  if (by_number.contains(set)) return std::to_string(number);
  static const std::set<std::string> by_folder{"birdsnap", "cifar100", "food101", "pets", "resisc45"};
  return by_folder.contains(set) ? replaced(key, " ", '_') : key;
}

class Called : public Dataset {
 public:
  explicit Called(std::vector<std::string> names, fs::path list) : names_(std::move(names)), list_(std::move(list)) {}
  std::string id() const override { return "called/test@0"; }
  std::int64_t size() const override { return 0; }
  Sample get(std::int64_t) const override { return {}; }
  const Truth& truth() const override { return truth_; }
  std::span<const std::string> class_names() const override { return names_; }
  Prompts own_prompts() const override { return read_prompt_list(list_, names_); }

 private:
  std::vector<std::string> names_;
  fs::path list_;
  Truth truth_;
};

class PromptJoins : public FakeRoot {
 protected:
  Prompts chosen(const std::string& set, const std::vector<std::string>& labels, const json& theirs) const {
    overwrite(root / "data/datasets.json", read_file(lists().parent_path() / "datasets.json", 1 << 24));
    fs::create_directories(root / "data/prompts/wheels");
    fs::create_directories(root / "data/prompts/named");
    overwrite(root / "data/prompts/wheels" / (set + ".json"), theirs.dump());
    overwrite(root / "data/prompts/named/clip-benchmark.json",
              read_file(lists() / "named/clip-benchmark.json", 1 << 20));
    return load_prompts(Called(labels, lists() / "paper" / (set + ".json")), set, "clip-benchmark");
  }
};

TEST_F(PromptJoins, OfAll27SetsByOfficialNameFolderAndPrintedName) {
  const std::vector<std::string> sets = all_sets();
  ASSERT_EQ(sets.size(), 27u);
  for (const std::string& set : sets) {
    SCOPED_TRACE(set);
    const json list = list_of(set);
    const auto ids = list.value("ids", std::vector<std::string>{});
    std::vector<std::string> archive, folders, printed;
    Names expected;
    for (const auto& [key, names] : list["classes"].items()) {
      expected.push_back(names.get<std::vector<std::string>>());
      const std::string& name = expected.back()[0];
      const auto number = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), key) - ids.begin());
      archive.push_back(official(set, key, name, number));
      folders.push_back(replaced(archive.back(), "/", '_'));  // a folder's name has no slash
      if (set == "sun397") folders.back() = replaced(name, " ", '_');
      printed.push_back(name);
    }
    const fs::path file = lists() / "paper" / (set + ".json");
    EXPECT_EQ(joined_shuffled(file, archive), expected);
    EXPECT_EQ(joined_shuffled(file, folders), expected);
    EXPECT_EQ(joined_shuffled(file, printed), expected);
    archive[0] = "no class of any set";
    EXPECT_THAT(input_error([&] { read_prompt_list(file, archive); }), ::testing::HasSubstr("no class of any set"));
  }
}

/// The folders of country211.tgz, ISO 3166's codes (and XK); the paper's names stand in their order.
TEST_F(PromptJoins, OfCountriesAreByTheArchivesCodes) {
  const std::string codes =
      "AD AE AF AG AI AL AM AO AQ AR AT AU AW AX AZ BA BB BD BE BF BG BH BJ BM BN BO BQ BR BS BT BW BY BZ CA CD CF "
      "CH CI CK CL CM CN CO CR CU CV CW CY CZ DE DK DM DO DZ EC EE EG ES ET FI FJ FK FO FR GA GB GD GE GF GG GH GI "
      "GL GM GP GR GS GT GU GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KN KP KR KW KY KZ LA "
      "LB LC LI LK LR LT LU LV LY MA MC MD ME MF MG MK ML MM MN MO MQ MR MT MU MV MW MX MY MZ NA NC NG NI NL NO NP "
      "NZ OM PA PE PF PG PH PK PL PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SS SV "
      "SX SY SZ TG TH TJ TL TM TN TO TR TT TW TZ UA UG US UY UZ VA VE VG VI VN VU WS XK YE ZA ZM ZW ";
  std::string keys;
  const json list = list_of("country211");
  for (const auto& [key, names] : list["classes"].items()) keys += key + " ";
  EXPECT_EQ(keys, codes);
}

/// clip-benchmark's names (set-up copies them from its wheel) and the official labels that belong to them.
TEST_F(PromptJoins, OfClipBenchmarksNamesAreThePapers) {
  int joined = 0;
  for (const std::string& set : all_sets()) {
    const fs::path wheel = lists() / "wheels" / (set + ".json");
    if (!fs::exists(wheel)) continue;
    SCOPED_TRACE(set);
    const auto classes = json::parse(read_file(wheel, 1 << 24))["classes"].get<std::map<std::string, std::string>>();
    if (classes.empty()) continue;
    std::vector<std::string> by_key, by_name;
    for (const auto& [key, name] : classes) by_key.push_back(key), by_name.push_back(name);
    const fs::path file = lists() / "paper" / (set + ".json");
    EXPECT_EQ(read_prompt_list(file, by_name).class_names, read_prompt_list(file, by_key).class_names);
    EXPECT_EQ(list_of(set)["classes"].size(), classes.size());
    ++joined;
  }
  if (joined == 0) GTEST_SKIP() << "no lists of clip-benchmark here: ./cliplab copies them";
}

TEST_F(PromptJoins, NamedListsReachLabelsThatOnlyThePapersListKnows) {
  const json theirs{{"classes", {{"Andorra", "ANDORRA"}, {"Zimbabwe", "ZIMBABWE"}}}, {"templates", {"their {}."}}};
  const Prompts prompts = chosen("country211", {"ZW", "AD"}, theirs);
  EXPECT_THAT(prompts.templates, ElementsAre("their {}."));
  EXPECT_THAT(prompts.class_names, ElementsAre(ElementsAre("ZIMBABWE"), ElementsAre("ANDORRA")));
}

TEST_F(PromptJoins, NamedListsWithoutNamesPutBlanksWhereTheySay) {
  json theirs{{"classes", json::object()}, {"templates", {"their {}."}}, {"blanks", "_/"}};
  EXPECT_THAT(chosen("sun397", {"/a/abbey", "/a/apartment_building/outdoor"}, theirs).class_names,
              ElementsAre(ElementsAre("abbey"), ElementsAre("apartment building outdoor")));
  theirs.erase("blanks");
  EXPECT_THAT(chosen("cifar100", {"aquarium_fish"}, theirs).class_names, ElementsAre(ElementsAre("aquarium_fish")));
}

}  // namespace
}  // namespace cliplab
