// The layers of src/README.md, enforced: a file includes its own layer and lower ones, never up, never sideways; torch
// only in model and train, HDF5 only behind store/h5.cpp; below experiments/ no study has a name.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> kAllowed{
    {"base", {"base"}},
    {"store", {"base", "store"}},
    {"pixels", {"base", "pixels"}},
    {"sets", {"base", "pixels", "sets"}},
    {"acquire", {"base", "sets", "acquire"}},
    {"inspect", {"base", "pixels", "sets", "inspect"}},
    {"corpora", {"base", "pixels", "sets", "acquire", "corpora"}},
    {"kernels", {"base", "kernels"}},
    {"model", {"base", "store", "pixels", "kernels", "model"}},
    {"eval", {"base", "eval", "model/encoder.hpp"}},
    {"train", {"base", "store", "pixels", "sets", "kernels", "model", "train"}},
    {"lab",
     {"base", "store", "pixels", "sets", "acquire", "inspect", "corpora", "eval", "lab", "model/encoder.hpp",
      "train/train.hpp"}},
    {"cli",
     {"base", "store", "pixels", "sets", "acquire", "inspect", "corpora", "lab", "cli", "model/encoder.hpp",
      "model/paper_models.hpp"}},
    {"experiments", {"base", "store", "pixels", "sets", "inspect", "eval", "model/encoder.hpp", "lab"}},
};

/// The only headers of model and train for the layers that may not see the rest of them.
const std::set<std::string> kFacades{"model/encoder.hpp", "model/paper_models.hpp", "train/train.hpp"};

TEST(Layers, OnlyTheFacadesAreNamedAlone) {
  for (const auto& [layer, allowed] : kAllowed)
    for (const std::string& entry : allowed)
      EXPECT_TRUE(kAllowed.contains(entry) || kFacades.contains(entry)) << layer << " may include " << entry;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Plain words of the field, and few_shot, which is a function of eval too, count only where a string begins with
/// a key or a config of the study: "bias.sets", "bias/smoke".
bool is_common_word(const std::string& study) { return study.find('_') == study.npos || study == "few_shot"; }

TEST(Layers, NoFileOfSrcNamesAStudy) {
  int studies = 0;
  std::map<fs::path, std::string> texts;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(CLIPLAB_SOURCE_DIR) / "src"))
    if (entry.is_regular_file()) texts[entry.path()] = text_of(entry.path());
  for (const auto& folder : fs::directory_iterator(fs::path(CLIPLAB_SOURCE_DIR) / "experiments")) {
    if (!folder.is_directory()) continue;
    ++studies;
    const std::string study = folder.path().filename();
    const std::vector<std::string> patterns =
        is_common_word(study) ? std::vector{"\"" + study + ".", "\"" + study + "/"} : std::vector{study};
    for (const auto& [file, text] : texts)
      for (const std::string& pattern : patterns) {
        const auto at = text.find(pattern);
        if (at == std::string::npos) continue;
        const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        ADD_FAILURE() << file << ":" << line << " names the study " << study;
      }
  }
  EXPECT_GT(studies, 10);
}

TEST(Layers, IncludesNeverPointUpOrSideways) {
  const std::regex include(R"re(^\s*#include\s*[<"]([^>"]+)[>"])re");
  int files = 0;
  for (const char* top : {"src", "experiments"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(CLIPLAB_SOURCE_DIR) / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".cu" && extension != ".inc") continue;
      const std::string relative = fs::relative(entry.path(), fs::path(CLIPLAB_SOURCE_DIR) / top);
      const std::string layer =
          std::string(top) == "experiments" ? "experiments" : relative.substr(0, relative.find('/'));
      ASSERT_TRUE(kAllowed.contains(layer)) << "a folder without a layer: " << relative;
      ++files;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        std::smatch match;
        if (!std::regex_search(line, match, include)) continue;
        const std::string name = match[1];
        const std::string first = name.substr(0, name.find('/'));
        if (kAllowed.contains(first) && fs::exists(fs::path(CLIPLAB_SOURCE_DIR) / "src" / name)) {
          EXPECT_TRUE(kAllowed.at(layer).contains(first) || kAllowed.at(layer).contains(name))
              << top << "/" << relative << " includes " << name;
        }
        if (first == "torch" || first == "ATen" || first == "c10") {
          EXPECT_TRUE(layer == "model" || layer == "train") << top << "/" << relative << " includes torch";
        }
        if (name == "hdf5.h") {
          EXPECT_EQ(relative, "store/h5.cpp") << relative << " includes HDF5";
        }
        if (name.starts_with("cuda")) {
          EXPECT_EQ(layer, "kernels") << relative << " includes CUDA";
        }
      }
    }
  EXPECT_GT(files, 60);
}

TEST(Layers, NoFileIsOverFourHundredLines) {
  for (const char* top : {"src", "experiments", "tests", "analysis"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(CLIPLAB_SOURCE_DIR) / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".cu" && extension != ".inc" &&
          extension != ".py" && extension != ".sh")
        continue;
      std::ifstream in(entry.path());
      int lines = 0;
      for (std::string line; std::getline(in, line);) ++lines;
      EXPECT_LE(lines, 400) << entry.path();
    }
}

}  // namespace
