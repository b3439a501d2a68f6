// A family is added by registering it, here from the test itself: sizes, files and costs are found without another
// edit.
#include "model/family.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <regex>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/files/clip_names.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// One linear layer as the image tower; texts are words split at spaces.
class ToyTokenizer : public TextTokenizer {
 public:
  std::string id() const override { return "toy text"; }
  std::vector<std::int32_t> encode(std::string_view text, int context_length, TooLong) const override {
    std::vector<std::int32_t> ids(1 + std::ranges::count(text, ' '), 7);
    ids.resize(context_length, 1);
    return ids;
  }
};

class Toy : public ModelFamily {
 public:
  std::string name() const override { return "toy"; }
  std::vector<NamedSize> named_sizes() const override { return {{sizes(3), 0.125}}; }
  std::string describe(const Architecture& a) const override { return "toy " + std::to_string(a.vision_width); }
  void check(const Architecture& a, const std::string& where) const override {
    if (a.settings.at("pool") != "map") fail(where, "pool " + a.settings.at("pool"), "map");
  }
  int attention_width(const Architecture&) const override { return 0; }
  int trunk_dim(const Architecture& a) const override { return a.vision_width + 1; }
  double image_macs(const Architecture& a) const override { return 1e9 * a.vision_width; }
  std::int64_t image_parameters(const Architecture& a) const override { return a.vision_width; }
  bool recognises(const StateDict& tensors) const override { return tensors.contains("toy.weight"); }
  void read(ClipState& state, const std::string& where) const override {
    state.naming = "toy";
    state.architecture = sizes(TensorSizes(state.tensors, where).at("toy.weight", 2, 0));
    state.architecture.name.clear();
  }
  CheckpointSpec released_spec(const fs::path&, const ClipState&, bool) const override {
    return spec_like("open_clip");
  }
  std::unique_ptr<TextTokenizer> make_tokenizer(TokenizerRules, TextClean) const override {
    return std::make_unique<ToyTokenizer>();
  }

 private:
  static Architecture sizes(int width) {
    Architecture a;
    a.name = "toy-3", a.family = "toy", a.embed_dim = 4, a.resolution = 8, a.vision_width = width;
    a.text_width = 64, a.text_layers = 1, a.settings = {{"pool", "map"}}, a.quick_gelu = false;
    return a;
  }
};
CLIPLAB_REGISTER_FAMILY(Toy);

TEST(ModelFamily, SizesOfANewFamilyStandInTheTable) {
  EXPECT_EQ(joined(model_families(), " ", [](const auto& family) { return family->name(); }), "resnet toy vit");
  const Architecture& a = find_architecture("toy-3");
  EXPECT_EQ(a.trunk_dim(), 4);
  EXPECT_EQ(image_gflops(a), 3);
  EXPECT_EQ(from_metadata(to_metadata(a), "file").settings.at("pool"), "map");
  auto metadata = to_metadata(a);
  metadata["family.pool"] = "mean";
  EXPECT_THROW(from_metadata(metadata, "file"), InputError);
  EXPECT_EQ(find_family("toy").make_tokenizer(TokenizerRules::kOpenClip)->encode("a b", 4, TooLong::kCut),
            (std::vector<std::int32_t>{7, 7, 1, 1}));
}

TEST(ModelFamily, FilesOfANewFamilyAreRecognised) {
  const fs::path file = fs::temp_directory_path() / ("cliplab_family_" + std::to_string(::getpid()) + ".safetensors");
  for (const int width : {3, 5}) {
    const std::vector<float> values(static_cast<std::size_t>(width) * 2);
    write_safetensors(
        file,
        {{"module.toy.weight", {"F32", {width, 2}, reinterpret_cast<const char*>(values.data()), values.size() * 4}}},
        {});
    const ClipState state = read_clip(file);
    EXPECT_EQ(state.naming, "toy");
    EXPECT_EQ(state.architecture.family, "toy");
    EXPECT_EQ(state.architecture.name, width == 3 ? "toy-3" : "toy 5");
  }
  fs::remove(file);
}

TEST(ModelFamily, NoOtherFileNamesAFamilyOrAnObjective) {
  const std::regex name(R"re("(vit|resnet|bow_contrastive|bow_prediction|captioning)")re"), comment(R"(//.*)");
  int own = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(CLIPLAB_SOURCE_DIR) / "src")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
    const std::string folder = entry.path().parent_path().filename();
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      if (!std::regex_search(std::regex_replace(line, comment, ""), name)) continue;
      const bool allowed = folder == "families" || folder == "towers" || folder == "objectives";
      EXPECT_TRUE(allowed) << entry.path() << ": " << line;
      own += allowed;
    }
  }
  EXPECT_GE(own, 7);
}

}  // namespace
}  // namespace cliplab
