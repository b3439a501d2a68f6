// The layers of shared design, enforced: a file includes its own layer and lower ones, never up, never sideways;
// torch only in model and train, HDF5 only behind store/h5.cpp.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
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
    {"cli", {"base", "store", "pixels", "sets", "acquire", "inspect", "corpora", "lab", "cli", "model/encoder.hpp"}},
    {"experiments", {"base", "sets", "inspect", "eval", "store/record.hpp", "model/encoder.hpp", "lab"}},
};

TEST(Layers, IncludesNeverPointUpOrSideways) {
  const std::regex include(R"re(^\s*#include\s*[<"]([^>"]+)[>"])re");
  int files = 0;
  for (const char* top : {"src", "experiments"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(CLIPLAB_SOURCE_DIR) / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".cu") continue;
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
          EXPECT_TRUE(relative.starts_with("store/h5.")) << relative << " includes HDF5";
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
      if (extension != ".cpp" && extension != ".hpp" && extension != ".cu" && extension != ".py") continue;
      std::ifstream in(entry.path());
      int lines = 0;
      for (std::string line; std::getline(in, line);) ++lines;
      EXPECT_LE(lines, 400) << entry.path();
    }
}

}  // namespace
