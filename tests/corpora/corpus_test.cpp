// Shards, IDX files, packages and the data sets on them: whole, damaged, hostile. Corpora are made by the tests.
#include "corpora/corpus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "corpora/openclipart.hpp"
#include "corpora/recipes.hpp"
#include "corpora/shards.hpp"
#include "fuzz_inputs.hpp"
#include "pixels/codecs.hpp"
#include "pixels/perceptual_hash.hpp"
#include "sets/dataset.hpp"
#include "sets/idx.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Image spot(int i) {
  Image image = Image::make(24, 24, 4);
  for (int y = 0; y < 24; ++y)
    for (int x = 0; x < 24; ++x) {
      std::uint8_t* p = image.at(y, x);
      const bool inside = (x - i % 24) * (x - i % 24) + (y - 12) * (y - 12) < 40;
      p[0] = static_cast<std::uint8_t>(i * 13), p[1] = 40, p[2] = 200, p[3] = inside ? 255 : 0;
    }
  return image;
}

/// A project root of its own with a drawings corpus of 40 pairs and an openmoji corpus of 60 emoji.
class Corpora : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const char* old = std::getenv("CLIPLAB_ROOT")) old_root_ = old;
    root_ = fs::temp_directory_path() / ("cliplab_corpora_" + std::to_string(::getpid()));
    fs::create_directories(root_ / "data/corpora");
    fs::create_directories(root_ / "data/prompts");
    ::setenv("CLIPLAB_ROOT", root_.c_str(), 1);
    ShardWriter pairs(root_ / "data/corpora/drawings", 1);
    for (int i = 0; i < 40; ++i)
      pairs.add({"p" + std::to_string(i),
                 encode_png(spot(i)),
                 {{"captions", {"spot " + std::to_string(i), "a spot"}},
                  {"source", "test"},
                  {"split", i % 10 ? "train" : "val"}}});
    pairs.drop("bad", "cannot be drawn");
    pairs.finish(nlohmann::json::object());
    ShardWriter emoji(root_ / "data/corpora/openmoji", 1);
    for (int i = 0; i < 60; ++i)
      emoji.add({"e" + std::to_string(i),
                 encode_png(spot(i)),
                 {{"captions", {"e"}},
                  {"name", "name " + std::to_string(i)},
                  {"group", i % 2 ? "food" : "flags"},
                  {"split", i % 3 ? "train" : "test"}}});
    emoji.finish(nlohmann::json::object());
  }
  void TearDown() override {
    old_root_.empty() ? ::unsetenv("CLIPLAB_ROOT") : ::setenv("CLIPLAB_ROOT", old_root_.c_str(), 1);
    fs::remove_all(root_);
  }
  fs::path shard(const char* corpus) const { return root_ / "data/corpora" / corpus / "00000.tar"; }
  fs::path root_;
  std::string old_root_;
};

TEST_F(Corpora, PairsComeBackAsTheyWereWritten) {
  const auto train = open_pair_corpus("drawings", "train"), val = open_pair_corpus("drawings", "val");
  EXPECT_EQ(train->size(), 36);
  EXPECT_EQ(val->size(), 4);
  EXPECT_EQ(train->id(), pair_corpus_id("drawings", "train"));
  for (std::int64_t i = 0; i < train->size(); ++i) {
    const Pair pair = train->get(i);
    EXPECT_EQ(pair.image.pixels, spot(std::stoi(pair.key.substr(1))).pixels);
    EXPECT_EQ(pair.captions.size(), 2u);
  }
  EXPECT_TRUE(verify_corpus("drawings").empty());
}

TEST_F(Corpora, APartOfACorpusIsACorpusOfItsSourcesAndItsSize) {
  ShardWriter pairs(root_ / "data/corpora/gemojione", 1);
  for (int i = 0; i < 60; ++i)
    pairs.add({"p" + std::to_string(i),
               encode_png(spot(i)),
               {{"captions", {"a spot"}},
                {"source", i % 3 == 0   ? "red"
                           : i % 3 == 1 ? "green"
                                        : "blue"},
                {"split", i < 6 ? "val" : "train"}}});
  pairs.finish(nlohmann::json::object());
  const auto keys = [](const std::string& name, const std::string& split) {
    const auto part = open_pair_corpus(name, split);
    std::vector<std::string> keys;
    for (std::int64_t i = 0; i < part->size(); ++i) {
      keys.push_back(part->key(i));
      EXPECT_EQ(part->get(i).key, keys.back());
    }
    return keys;
  };
  const auto both = keys("gemojione:red+blue", "train"), green = keys("gemojione:green", "train");
  EXPECT_EQ(both.size(), 36u);
  EXPECT_EQ(green.size(), 18u);
  for (const std::string& key : both) EXPECT_EQ(std::count(green.begin(), green.end(), key), 0) << key;
  // So many pairs for training, in the corpus' order; fewer are among more. What is held out stays whole.
  const auto eight = keys("gemojione:red+blue:8", "train"), nine = keys("gemojione:red+blue:9", "train");
  EXPECT_EQ(eight.size(), 8u);
  const auto place = [&](const std::string& key) { return std::find(both.begin(), both.end(), key); };
  EXPECT_TRUE(
      std::is_sorted(nine.begin(), nine.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); }));
  for (const std::string& key : eight) EXPECT_EQ(std::count(nine.begin(), nine.end(), key), 1) << key;
  EXPECT_NE(eight, std::vector(both.begin(), both.begin() + 8));  // not the first ones, which a recipe may have sorted
  EXPECT_EQ(keys("gemojione:green:5", "val").size(), 2u);
  EXPECT_NE(pair_corpus_id("gemojione:green:5", "train"), pair_corpus_id("gemojione:green", "train"));
  EXPECT_EQ(open_pair_corpus("gemojione:green:5", "train")->id(), pair_corpus_id("gemojione:green:5", "train"));
  EXPECT_TRUE(is_corpus("gemojione:green:5") && verify_corpus("gemojione:green:5").empty());
  EXPECT_FALSE(is_corpus("gemojiones:green"));

  const auto message = [](const std::string& name) {
    try {
      open_pair_corpus(name, "train");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(message("gemojione:red+pink"), HasSubstr("no source 'pink', expected one of blue, green, red"));
  EXPECT_THAT(message("gemojione:green:19"), HasSubstr("18 pairs, expected at least 19"));
  for (const char* name : {"gemojione:", "gemojione:red+", "gemojione:red:", "gemojione:red:0", "gemojione:red:5x",
                           "gemojione:red:5:5", "gemojione:red:-2"})
    EXPECT_THAT(message(name), HasSubstr("expected NAME, NAME:SOURCE+SOURCE")) << name;
}

TEST_F(Corpora, TheSameInputGivesTheSameIdentity) {
  const std::string first = pair_corpus_id("drawings", "train");
  TearDown();
  SetUp();
  EXPECT_EQ(pair_corpus_id("drawings", "train"), first);
}

TEST_F(Corpora, DamageIsNamedWithTheShardAndTheWayOut) {
  const auto message = [&] {
    try {
      open_pair_corpus("drawings", "train");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  std::string bytes = read_file(shard("drawings"));
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(shard("drawings"), std::ios::binary) << bytes;
  EXPECT_THAT(message(), ::testing::AllOf(HasSubstr("00000.tar: another size or SHA-256"), HasSubstr("data fetch")));
  EXPECT_THAT(verify_corpus("drawings"), ::testing::Not(::testing::IsEmpty()));
  std::ofstream(shard("drawings"), std::ios::binary) << bytes.substr(0, 1000);
  EXPECT_THAT(message(), HasSubstr("00000.tar"));
  fs::remove(shard("drawings"));
  EXPECT_THAT(message(), HasSubstr("00000.tar"));
  std::ofstream(root_ / "data/corpora/drawings/manifest.json") << "{\"id\": 3}";
  EXPECT_THAT(message(), HasSubstr("not a corpus manifest"));
  fs::remove(root_ / "data/corpora/drawings/manifest.json");
  EXPECT_THAT(message(), HasSubstr("./cliplab data fetch drawings"));
}

TEST_F(Corpora, AnUnfinishedBuildDoesNotExist) {
  {
    ShardWriter writer(root_ / "data/corpora/tuxpaint", 1);
    writer.add({"a", encode_png(spot(1)), nlohmann::json::object()});
  }
  EXPECT_FALSE(fs::exists(root_ / "data/corpora/tuxpaint"));
  for (const CorpusStatus& status : list_corpora())
    EXPECT_EQ(status.present, status.name == "drawings" || status.name == "openmoji");
}

TEST_F(Corpora, DataSetsSelectLabelAndSplitByTheirRules) {
  const auto names = open_dataset("openmoji", "test");
  EXPECT_EQ(names->size(), 60);
  EXPECT_EQ(names->class_names().size(), 60u);
  const auto train = open_dataset("openmoji_groups", "train"), test = open_dataset("openmoji_groups", "test");
  EXPECT_EQ(train->size() + test->size(), 60);
  EXPECT_EQ(std::vector<std::string>(test->class_names().begin(), test->class_names().end()),
            (std::vector<std::string>{"flags", "food"}));
  const Sample sample = test->get(0);
  EXPECT_EQ(sample.image.channels, 3);
  EXPECT_EQ(sample.image.at(0, 23)[0], 255) << "transparent is white";
  EXPECT_EQ(test->id(), dataset_id("openmoji_groups", "test"));
  EXPECT_THROW(open_dataset("openmoji", "train"), InputError);
  EXPECT_THROW(open_dataset("openmojis", "test"), InputError);
}

TEST_F(Corpora, PromptsAreJoinedByNameAndEveryGapIsAnError) {
  const auto set = open_dataset("openmoji_groups", "test");
  const auto load = [&](const std::string& text) {
    std::ofstream(root_ / "data/prompts/openmoji_groups.json") << text;
    return load_prompts(*set, "openmoji_groups");
  };
  const Prompts prompts = load(R"({"classes": {"food": ["food", "meal"], "flags": ["flag"]}, "templates": ["{}"]})");
  EXPECT_EQ(prompts.class_names, (std::vector<std::vector<std::string>>{{"flag"}, {"food", "meal"}}));
  EXPECT_THROW(load(R"({"classes": {"food": ["food"]}, "templates": ["{}"]})"), InputError);
  EXPECT_THROW(load(R"({"classes": {"food": ["food"], "flags": ["f"], "cars": ["c"]}, "templates": ["{}"]})"),
               InputError);
  EXPECT_THROW(load(R"({"classes": "own", "templates": ["no place"]})"), InputError);
  EXPECT_THROW(load("not json"), InputError);
}

TEST(Tar, MutatedShardsGiveOnlyInputErrors) {
  const fs::path folder = fs::temp_directory_path() / ("cliplab_tar_" + std::to_string(::getpid()));
  ShardWriter writer(folder, 1);
  for (int i = 0; i < 3; ++i) writer.add({"k" + std::to_string(i), encode_png(spot(i)), {{"captions", {"x"}}}});
  writer.finish(nlohmann::json::object());
  const std::string whole = read_file(folder / "00000.tar");
  fs::remove_all(folder);
  EXPECT_EQ(index_tar(whole, "t").size(), 6u);
  Rng rng(2);
  const int rounds = fuzz_inputs(5000);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = whole.substr(0, 1 + rng.below(whole.size()));
    for (std::uint64_t i = rng.below(8); i-- > 0;) bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    try {
      for (const auto& [name, place] : index_tar(bytes, "t"))
        ASSERT_LE(static_cast<std::size_t>(place.first + place.second), bytes.size());
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, rounds / 5);
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(compressBound(bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())),
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data()), stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(IdxFile, ReadsItsShapeAndRefusesEveryLie) {
  const std::string good(
      "\0\0\x08\x02\0\0\0\x02\0\0\0\x03"
      "abcdef",
      18);
  const Idx idx = read_idx(gzip(good), "x");
  EXPECT_EQ(idx.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(idx.values[5], 'f');
  const auto refused = [](std::string bytes) { EXPECT_THROW(read_idx(gzip(bytes), "x"), InputError); };
  refused(good.substr(0, 17));
  refused(good + "g");
  refused(
      std::string("\0\0\x0d\x01\0\0\0\x01"
                  "a",
                  9));
  refused(std::string("\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff", 12));
  refused("");
  EXPECT_THROW(read_idx("no gzip", "x"), InputError);
  EXPECT_THROW(read_idx(gzip(good).substr(0, 20), "x"), InputError);
  EXPECT_THROW(read_idx(gzip(std::string(1 << 22, '\0')), "bomb", 1 << 20), InputError);
  Rng rng(3);
  const std::string packed = gzip(good);
  for (int round = 0, rounds = fuzz_inputs(5000); round < rounds; ++round) {
    std::string bytes = packed;
    for (int i = 0; i < 3; ++i) bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    try {
      read_idx(bytes, "x");
    } catch (const InputError&) {
    }
  }
}

TEST(Packages, ADamagedOneIsOneError) {
  const fs::path file = fs::temp_directory_path() / ("cliplab_pkg_" + std::to_string(::getpid()) + ".deb");
  const auto visit = [&] {
    for_each_member(
        file, [](const std::string&) { return true; }, [](const std::string&, std::string) {});
  };
  std::ofstream(file) << "not a package";
  EXPECT_THROW(visit(), InputError);
  std::ofstream(file) << "!<arch>\ndata.tar.xz     0           0     0     100644  999999    `\nxxxx";
  EXPECT_THROW(visit(), InputError);
  fs::remove(file);
  EXPECT_THROW(visit(), InputError);
}

TEST(Duplicates, SeeTheSamePictureAndTellOthersApart) {
  const LooksHash a = looks_hash(spot(5));
  EXPECT_TRUE(looks_same(a, looks_hash(spot(5))));
  Image noisy = spot(5);
  for (std::size_t i = 0; i < noisy.pixels.size(); i += 4)
    noisy.pixels[i] = static_cast<std::uint8_t>(std::min(255, noisy.pixels[i] + 3));
  EXPECT_TRUE(looks_same(a, looks_hash(noisy)));
  EXPECT_FALSE(looks_same(a, looks_hash(spot(17))));
}

TEST(OpenClipart, CaptionsNameThePictureAndNotTheCollection) {
  const auto captions = [](const std::string& path, const std::string& title, std::vector<std::string> keywords,
                           const std::string& description = "") {
    return clipart_captions(path, {title, description, std::move(keywords)});
  };
  EXPECT_TRUE(captions("shapes/stars/star_92pt15step.svg", "gramastar", {"stars"}).empty());
  EXPECT_EQ(captions("animals/mammals/contour_giraffe.svg", "Clipart by Nicu Buculei - contour_chipmunk",
                     {"mammal", "animal"})
                .front(),
            "contour giraffe");
  EXPECT_EQ(captions("computer/icons/flat-theme/device/printer.svg", "Part of the Flat Icon Collection (Wed)",
                     {"hash", "icons"})
                .front(),
            "printer");
  const auto dog = captions("animals/dogs/bored_dog_01.svg", "Bored dog", {"mammal", "hash(0x8a)", "0x12", "dog"},
                            "a bored dog on a mat");
  EXPECT_EQ(dog,
            (std::vector<std::string>{"bored dog", "a bored dog on a mat", "bored dog, mammal, dog, animals, dogs"}));
  EXPECT_EQ(captions("signs_and_symbols/flags/africa/algeria.svg", "algeria", {"flag"}).front(), "flag of algeria");
}

TEST(OpenClipart, MetadataOfBrokenXmlIsEmptyNotACrash) {
  const std::string svg =
      R"(<svg xmlns:dc="d" xmlns:rdf="r" xmlns:cc="c"><metadata><rdf:RDF><cc:Work><dc:title> A  Cat </dc:title><dc:subject><rdf:Bag><rdf:li>pet</rdf:li></rdf:Bag></dc:subject></cc:Work></rdf:RDF></metadata></svg>)";
  EXPECT_EQ(read_clipart_text(svg).title, "A Cat");
  EXPECT_EQ(read_clipart_text(svg).keywords, std::vector<std::string>{"pet"});
  Rng rng(9);
  for (int round = 0, rounds = fuzz_inputs(3000); round < rounds; ++round) {
    std::string bytes = svg.substr(0, 1 + rng.below(svg.size()));
    for (int i = 0; i < 4; ++i) bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    read_clipart_text(bytes);
  }
}

TEST(EmojiFiles, NamesBecomeKeys) {
  EXPECT_EQ(emoji_key_of_file("svg/1F468-200D-1F680.svg"), "1f468-200d-1f680");
  EXPECT_EQ(emoji_key_of_file("0023-FE0F-20E3.svg"), "23-20e3");
  EXPECT_EQ(emoji_key_of_file("readme.svg"), "");
  EXPECT_TRUE(has_skin_tone("1f44b-1f3fd"));
  EXPECT_FALSE(has_skin_tone("1f44b"));
}

}  // namespace
}  // namespace cliplab
