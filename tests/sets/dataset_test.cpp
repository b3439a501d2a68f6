// Data sets over small corpora: selection, labels, splits; hostile IDX files.
#include "sets/dataset.hpp"

#include <gmock/gmock.h>
#include <zlib.h>

#include <set>

#include "corpora/fake_corpus.hpp"
#include "corpora/recipes.hpp"
#include "sets/idx.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(bytes.size() + 256, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string idx(const std::vector<std::uint32_t>& shape, std::size_t values, unsigned char type = 8) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t side : shape)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(side >> shift & 255);
  for (std::size_t i = 0; i < values; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

class DatasetTest : public FakeRoot {
 protected:
  /// Three folders; clothes has drawings only, so the photo and cartoon sets leave it out.
  void write_stamps() const {
    ShardWriter writer(corpus("tuxpaint"), kTuxpaintRecipe);
    int number = 0;
    const auto add = [&](const std::string& folder, const std::string& domain, int count) {
      for (int i = 0; i < count; ++i, ++number)
        writer.add({"stamp-" + std::to_string(number),
                    encode_png(picture(number)),
                    {{"captions", {"A " + folder + "."}},
                     {"folder", folder},
                     {"domain", domain},
                     {"split", i % 2 ? "test" : "train"},
                     {"source", "tuxpaint"}}});
    };
    add("animals", "photo", 10), add("animals", "cartoon", 9), add("clothes", "cartoon", 12);
    add("food", "photo", 8), add("food", "cartoon", 8), add("medical", "photo", 3);
    writer.finish(json::object());
  }
  void write_fashion(const std::string& images, const std::string& labels) const {
    const fs::path folder = corpus("fashion_mnist");
    fs::create_directories(folder);
    json shards = json::array();
    for (const std::string prefix : {"train", "t10k"})
      for (const auto& [name, bytes] :
           {std::pair{prefix + "-images-idx3-ubyte.gz", images}, std::pair{prefix + "-labels-idx1-ubyte.gz", labels}}) {
        overwrite(folder / name, bytes);
        shards.push_back({{"file", name}, {"bytes", bytes.size()}, {"sha256", sha256_hex(bytes)}});
      }
    overwrite(folder / "manifest.json",
              json{{"id", sha256_hex(images)}, {"recipe", 1}, {"samples", 12}, {"shards", shards}}.dump());
  }
};

TEST_F(DatasetTest, ClassesAreThoseWithEnoughPicturesInBothDomains) {
  write_stamps();
  const auto photos = open_dataset("tuxpaint_photo", "train"), drawings = open_dataset("tuxpaint_cartoon", "test");
  EXPECT_THAT(std::vector<std::string>(photos->class_names().begin(), photos->class_names().end()),
              ElementsAre("animals", "food"));
  EXPECT_EQ(photos->size(), 9);
  EXPECT_EQ(drawings->size(), 8);
  const auto all = open_dataset("tuxpaint", "train");
  EXPECT_THAT(std::vector<std::string>(all->class_names().begin(), all->class_names().end()),
              ElementsAre("animals", "clothes", "food"));
  EXPECT_EQ(all->id(), dataset_id("tuxpaint", "train"));
}

TEST_F(DatasetTest, SplitsShareNoPictureAndLabelsFit) {
  write_stamps();
  std::set<std::vector<std::uint8_t>> seen;
  std::int64_t total = 0;
  for (const char* split : {"train", "test"}) {
    const auto set = open_dataset("tuxpaint", split);
    ASSERT_EQ(std::ssize(set->labels()), set->size());
    for (std::int64_t i = 0; i < set->size(); ++i, ++total) {
      const Sample sample = set->get(i);
      EXPECT_EQ(sample.image.channels, 3);
      EXPECT_EQ(sample.label, set->labels()[i]);
      EXPECT_EQ(sample.caption, "A " + set->class_names()[sample.label] + ".");
      seen.insert(sample.image.pixels);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(seen.size()), total);
}

TEST_F(DatasetTest, UnknownNamesSplitsAndAbsentCorporaAreClear) {
  EXPECT_THAT(input_error([] { open_dataset("openmoij", "test"); }), HasSubstr("openmoji"));
  EXPECT_THAT(input_error([] { open_dataset("openmoji", "train"); }), HasSubstr("one of test"));
  EXPECT_THAT(input_error([] { open_dataset("openmoji", "test"); }), HasSubstr("./cliplab data fetch openmoji"));
}

TEST_F(DatasetTest, SamplesWithoutTheFieldsAreLeftOut) {
  ShardWriter writer(corpus("openmoji"), kEmojiRecipe);
  writer.add({"a", encode_png(picture(1)), {{"name", "cat"}, {"captions", {1, 2}}}});
  writer.add({"b", encode_png(picture(2)), {{"name", 7}}});
  writer.add({"c", encode_png(picture(3)), {{"name", "dog"}, {"captions", "dog"}}});
  writer.finish(json::object());
  const auto set = open_dataset("openmoji", "test");
  ASSERT_EQ(set->size(), 2);
  EXPECT_EQ(set->get(0).caption, "");
  EXPECT_EQ(set->get(1).caption, "");
}

TEST_F(DatasetTest, FashionMnistRepeatsGreyThreeTimes) {
  write_fashion(gzip(idx({12, 2, 3}, 72)), gzip(idx({12}, 12)));
  const auto set = open_dataset("fashion_mnist", "test");
  ASSERT_EQ(set->size(), 12);
  const Sample sample = set->get(3);
  EXPECT_EQ(sample.image.height, 2);
  EXPECT_EQ(sample.image.width, 3);
  EXPECT_EQ(sample.label, 3);
  for (int p = 0; p < 6; ++p)
    for (int c = 0; c < 3; ++c) EXPECT_EQ(sample.image.pixels[3 * p + c], (18 + p) % 10);
}

TEST_F(DatasetTest, FashionMnistRefusesWhatDoesNotFit) {
  const std::string images = gzip(idx({12, 2, 3}, 72));
  const auto error_of = [&](const std::string& a, const std::string& b) {
    write_fashion(a, b);
    return input_error([] { open_dataset("fashion_mnist", "train"); });
  };
  EXPECT_THAT(error_of(images, gzip(idx({11}, 11))), HasSubstr("do not fit"));
  EXPECT_THAT(error_of(images, images), HasSubstr("do not fit"));
  std::string label = idx({12}, 12);
  label.back() = 10;
  EXPECT_THAT(error_of(images, gzip(label)), HasSubstr("label 10"));
  write_fashion(images, gzip(idx({12}, 12)));
  overwrite(corpus("fashion_mnist") / "train-images-idx3-ubyte.gz", gzip(idx({12, 2, 3}, 72)) + "x");
  EXPECT_THAT(input_error([] { open_dataset("fashion_mnist", "train"); }), HasSubstr("SHA-256"));
}

using IdxTest = FakeRoot;

TEST_F(IdxTest, ReadsShapeAndValues) {
  const Idx read = read_idx(gzip(idx({2, 3}, 6)), "test");
  EXPECT_THAT(read.shape, ElementsAre(2, 3));
  EXPECT_THAT(read.values, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(IdxTest, RefusesHostileHeaders) {
  const auto error_of = [](const std::string& bytes) { return input_error([&] { read_idx(gzip(bytes), "file.gz"); }); };
  EXPECT_THAT(error_of(idx({4}, 4, 9)), HasSubstr("magic"));  // signed bytes
  EXPECT_THAT(error_of("IDX!"), HasSubstr("magic"));
  EXPECT_THAT(error_of(std::string("\0\0\x08\x00", 4)), HasSubstr("magic"));           // no dimension
  EXPECT_THAT(error_of(std::string("\0\0\x08\x03\0\0", 6)), HasSubstr("cut header"));  // truncated sizes
  EXPECT_THAT(error_of(idx({0xFFFFFFFF}, 4)), HasSubstr("over the limit"));            // -1
  EXPECT_THAT(error_of(idx({1u << 20, 1u << 20, 1u << 20}, 4)), HasSubstr("over the limit"));
  EXPECT_THAT(error_of(idx({65536, 65536}, 4)), HasSubstr("over the limit"));  // 2^32: wraps in 32 bits
  EXPECT_THAT(error_of(idx({5}, 4)), HasSubstr("4 values"));
  EXPECT_THAT(error_of(idx({3}, 4)), HasSubstr("4 values"));
  EXPECT_THAT(input_error([] { read_idx("plain bytes", "file.gz"); }), HasSubstr("not a whole gzip"));
  EXPECT_THAT(input_error([] { read_idx("", "file.gz"); }), HasSubstr("not a whole gzip"));
  const std::string whole = gzip(idx({100}, 100));
  EXPECT_THAT(input_error([&] { read_idx(whole.substr(0, whole.size() - 9), "file.gz"); }),
              HasSubstr("not a whole gzip"));
  EXPECT_THAT(input_error([] { read_idx(gzip(std::string(4 << 20, 'x')), "bomb.gz", 1 << 20); }),
              HasSubstr("when decompressed"));
}

TEST_F(IdxTest, MutationsGiveOnlyInputErrors) {
  const std::string plain = idx({6, 4, 5}, 120), packed = gzip(plain);
  Rng rng(11);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    refused += !input_error([&] { read_idx(gzip(mutate(plain, rng)), "fuzz"); }).empty();
    input_error([&] { read_idx(mutate(packed, rng), "fuzz"); });
  }
  EXPECT_GT(refused, 500);
}

/// Every shipped prompt file fits the data set it is named after; needs the real corpora.
TEST(RealDatasets, OpenWithTheirPrompts) {
  int opened = 0;
  for (const DatasetInfo& info : dataset_table()) {
    bool present = false;
    try {
      present = fs::exists(project_root() / "data/corpora" / info.corpus / "manifest.json");
    } catch (const InputError&) {
    }
    if (!present) continue;
    for (const std::string& split : info.splits) {
      const auto set = open_dataset(info.name, split);
      const Prompts prompts = load_prompts(*set, info.name);
      EXPECT_EQ(prompts.class_names.size(), set->class_names().size());
      EXPECT_GE(prompts.templates.size(), 6u) << info.name;
      EXPECT_THAT(prompts.templates, ::testing::Contains("{}")) << info.name;
      std::set<int> used(set->labels().begin(), set->labels().end());
      EXPECT_EQ(used.size(), set->class_names().size()) << info.name << '/' << split << ": a class without a picture";
      EXPECT_EQ(set->get(0).image.channels, 3);
      ++opened;
    }
  }
  if (opened == 0) GTEST_SKIP() << "no real corpus here: ./cliplab data fetch NAME";
}

TEST(EmojiKeys, DropTheVariationSelectorAndReadFileNames) {
  EXPECT_EQ(emoji_key({0x2764, 0xFE0F}), "2764");
  EXPECT_EQ(emoji_key_of_file("color/svg/1F468-200D-1F680.svg"), "1f468-200d-1f680");
  EXPECT_EQ(emoji_key_of_file("a/2764-FE0F.png"), "2764");
  EXPECT_EQ(emoji_key_of_file("a/readme.png"), "");
  EXPECT_EQ(emoji_key_of_file(""), "");
  EXPECT_TRUE(has_skin_tone("1f44b-1f3fd"));
  EXPECT_FALSE(has_skin_tone("1f44b"));
}

}  // namespace
}  // namespace cliplab
