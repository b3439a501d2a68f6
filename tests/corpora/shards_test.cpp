// Shards and pairs: what is written is read; a damaged corpus is one clear error, never a crash or a wrong
// picture.
#include <gmock/gmock.h>

#include <atomic>

#include "base/parallel.hpp"
#include "corpora/corpus.hpp"
#include "corpora/fake_corpus.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

using CorpusTest = FakeRoot;

json manifest_of(const fs::path& folder) { return json::parse(read_file(folder / "manifest.json")); }

/// Writes a shard and makes the manifest agree with it, so that the damage is seen by the reader and not by
/// the hash.
void replace_shard(const fs::path& folder, const std::string& bytes) {
  json manifest = manifest_of(folder);
  overwrite(folder / "00000.tar", bytes);
  manifest["shards"][0]["bytes"] = bytes.size();
  manifest["shards"][0]["sha256"] = sha256_hex(bytes);
  overwrite(folder / "manifest.json", manifest.dump());
}

TEST_F(CorpusTest, PairsComeBackWithPixelsAndCaptions) {
  write_pairs();
  const auto train = open_pair_corpus("drawings", "train"), val = open_pair_corpus("drawings", "val");
  ASSERT_EQ(train->size(), 10);
  EXPECT_EQ(val->size(), 2);
  EXPECT_EQ(train->id(), pair_corpus_id("drawings", "train"));
  EXPECT_NE(train->id(), val->id());
  for (std::int64_t i = 0; i < train->size(); ++i) {
    const Pair pair = train->get(i);
    const int number = std::stoi(pair.key.substr(5));
    EXPECT_EQ(pair.image.pixels, picture(number).pixels);
    EXPECT_EQ(pair.captions.front(), "thing " + std::to_string(number));
    EXPECT_EQ(pair.source, "noto");
  }
}

TEST_F(CorpusTest, SameSamplesGiveTheSameBytesAndId) {
  write_pairs();
  const std::string first = read_file(corpus("drawings") / "00000.tar"), id = manifest_of(corpus("drawings"))["id"];
  write_pairs();
  EXPECT_EQ(first, read_file(corpus("drawings") / "00000.tar"));
  EXPECT_EQ(id, manifest_of(corpus("drawings"))["id"].get<std::string>());
}

TEST_F(CorpusTest, ThreadsReadAtOnce) {
  write_pairs();
  const auto train = open_pair_corpus("drawings", "train");
  std::atomic<int> wrong{0};
  parallel_for(400, [&](std::int64_t i) {
    const Pair pair = train->get(i % train->size());
    if (pair.image.pixels != picture(std::stoi(pair.key.substr(5))).pixels) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

TEST_F(CorpusTest, CorpusWithoutManifestDoesNotExist) {
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "train"); }), HasSubstr("./cliplab data fetch drawings"));
  write_pairs();
  fs::remove(corpus("drawings") / "manifest.json");
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "train"); }), HasSubstr("./cliplab data fetch drawings"));
  EXPECT_FALSE(list_corpora().back().present);
}

TEST_F(CorpusTest, UnknownNamesAreToldTheKnownOnes) {
  write_pairs();
  EXPECT_THAT(input_error([] { open_pair_corpus("drawing", "train"); }), HasSubstr("drawings"));
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "tset"); }), HasSubstr("train or val"));
}

TEST_F(CorpusTest, TruncatedShardIsNamed) {
  write_pairs();
  const fs::path shard = corpus("drawings") / "00000.tar";
  fs::resize_file(shard, fs::file_size(shard) / 2);
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "train"); }), HasSubstr("00000.tar"));
  EXPECT_THAT(verify_corpus("drawings"), ::testing::ElementsAre(HasSubstr("another size")));
}

TEST_F(CorpusTest, FlippedByteIsNamed) {
  write_pairs();
  const fs::path shard = corpus("drawings") / "00000.tar";
  std::string bytes = read_file(shard);
  bytes[bytes.size() / 2] ^= 1;
  overwrite(shard, bytes);
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "train"); }), HasSubstr("SHA-256"));
  EXPECT_THAT(verify_corpus("drawings"), ::testing::ElementsAre(HasSubstr("SHA-256")));
}

TEST_F(CorpusTest, MissingShardAndMissingPictureAreNamed) {
  write_pairs();
  const fs::path folder = corpus("drawings");
  std::string bytes = read_file(folder / "00000.tar");
  std::string renamed = bytes;  // the header's checksum is of the name: exchange two digits, the sum stays
  const std::size_t at = renamed.find("pair-10.png");
  ASSERT_NE(at, std::string::npos);
  std::swap(renamed[at + 5], renamed[at + 6]);  // pair-01.png
  replace_shard(folder, renamed);
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "train"); }), HasSubstr("pair-10.png"));
  fs::remove(folder / "00000.tar");
  EXPECT_THAT(input_error([] { open_pair_corpus("drawings", "train"); }), HasSubstr("00000.tar"));
  EXPECT_THAT(verify_corpus("drawings"), ::testing::ElementsAre(HasSubstr("missing")));
}

TEST_F(CorpusTest, CorruptPngIsNamedAndSparesTheOthers) {
  write_pairs();
  const fs::path folder = corpus("drawings");
  std::string bytes = read_file(folder / "00000.tar");
  const auto place = index_tar(bytes, "test").at("pair-3.png");
  for (std::int64_t i = 20; i < place.second; ++i) bytes[static_cast<std::size_t>(place.first + i)] = 'x';
  replace_shard(folder, bytes);
  const auto train = open_pair_corpus("drawings", "train");
  int readable = 0;
  for (std::int64_t i = 0; i < train->size(); ++i) {
    const std::string error = input_error([&] { train->get(i); });
    if (error.empty())
      ++readable;
    else
      EXPECT_THAT(error, HasSubstr("00000.tar:pair-3.png"));
  }
  EXPECT_EQ(readable, 9);
  EXPECT_THAT(verify_corpus("drawings"), ::testing::ElementsAre(HasSubstr("pair-3.png")));
}

TEST_F(CorpusTest, KeyUsedTwiceIsDroppedAndCounted) {
  ShardWriter writer(corpus("drawings"), 1);
  for (int i = 0; i < 2; ++i)
    writer.add({"same", encode_png(picture(i)), {{"captions", {"x"}}, {"source", "s"}, {"split", "train"}}});
  writer.add({std::string(95, 'k'), "png", json::object()});
  writer.finish(json::object());
  EXPECT_EQ(open_pair_corpus("drawings", "train")->size(), 1);
  EXPECT_EQ(manifest_of(corpus("drawings"))["dropped"]["key used twice"], 1);
  EXPECT_EQ(manifest_of(corpus("drawings"))["dropped"]["key too long for a tar header"], 1);
}

TEST_F(CorpusTest, StoppedBuildLeavesNothingAndTheOldCorpusStays) {
  write_pairs();
  fs::create_directories(corpus("drawings.part99999999"));
  {
    ShardWriter writer(corpus("drawings"), 2);
    writer.add({"new", encode_png(picture(0)), {{"captions", {"x"}}}});
  }  // no finish(): as when an exception passes
  EXPECT_EQ(open_pair_corpus("drawings", "train")->size(), 10);
  int folders = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root / "data/corpora")) ++folders;
  EXPECT_EQ(folders, 1);
}

TEST_F(CorpusTest, MutatedManifestGivesOnlyInputErrors) {
  write_pairs();
  const fs::path file = corpus("drawings") / "manifest.json";
  const std::string whole = read_file(file);
  Rng rng(20210226);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::ofstream(file, std::ios::binary) << mutate(whole, rng);
    refused += !input_error([] { open_pair_corpus("drawings", "train")->get(0); }).empty();
    input_error([] { list_corpora(); });
    input_error([] { verify_corpus("drawings"); });
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(CorpusTest, MutatedTarGivesOnlyInputErrors) {
  write_pairs();
  const fs::path folder = corpus("drawings");
  const std::string whole = read_file(folder / "00000.tar");
  Rng rng(7);
  for (int i = 0; i < 4000; ++i) {
    const std::string bytes = mutate(whole, rng);
    input_error([&] {
      for (const auto& [name, place] : index_tar(bytes, "fuzz")) {
        ASSERT_GE(place.first, 0);
        ASSERT_LE(static_cast<std::size_t>(place.first + place.second), bytes.size()) << name;
      }
    });
    if (i % 20 != 0) continue;  // the whole way, hashes made to agree
    replace_shard(folder, bytes);
    input_error([] {
      const auto train = open_pair_corpus("drawings", "train");
      for (std::int64_t k = 0; k < train->size(); ++k) input_error([&] { train->get(k); });
    });
  }
}

TEST(RealCorpus, DrawingsAreReadableAndCaptioned) {
  fs::path folder;
  try {
    folder = project_root() / "data/corpora/drawings";
  } catch (const InputError&) {
  }
  if (!fs::exists(folder / "manifest.json")) GTEST_SKIP() << "no drawings corpus here: ./cliplab data fetch drawings";
  const auto train = open_pair_corpus("drawings", "train"), val = open_pair_corpus("drawings", "val");
  EXPECT_GT(train->size(), 7500);
  EXPECT_GT(val->size(), 150);
  for (std::int64_t i = 0; i < train->size(); i += 97) {
    const Pair pair = train->get(i);
    EXPECT_FALSE(pair.captions.empty()) << pair.key;
    EXPECT_LE(pair.captions.size(), 3u);
    for (const std::string& caption : pair.captions) EXPECT_GE(caption.size(), 1u) << pair.key;
    EXPECT_LE(std::max(pair.image.width, pair.image.height), 136) << pair.key;
  }
}

}  // namespace
}  // namespace cliplab
