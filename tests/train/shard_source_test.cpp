// Training pairs from shards: which make up a step, whatever the ranks; going on at a place; what is bad.
#include "train/shard_source.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "pixels/codecs.hpp"
#include "sets/loader.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Shards : public ::testing::Test {
 protected:
  static constexpr int kShards = 4, kEach = 10;

  Shards() {
    folder = fs::temp_directory_path() / ("cliplab-shards-" + std::to_string(::getpid()));
    fs::create_directories(folder);
    for (int shard = 0; shard < kShards; ++shard) write_shard(shard, -1);
    if (!fs::exists(Tokenizer::default_vocabulary())) missing = true;
  }
  ~Shards() override { fs::remove_all(folder); }

  /// `torn`: the picture that is cut short.
  void write_shard(int shard, int torn) const {
    archive* tar = archive_write_new();
    archive_write_set_format_ustar(tar);
    archive_write_open_filename(tar, (folder / (std::to_string(shard) + ".tar")).c_str());
    const auto add = [&](const std::string& name, const std::string& content) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, name.c_str());
      archive_entry_set_perm(entry, 0644), archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
      archive_write_header(tar, entry);
      archive_write_data(tar, content.data(), content.size());
      archive_entry_free(entry);
    };
    for (int i = 0; i < kEach; ++i) {
      const std::string key = std::to_string(shard) + "_" + std::to_string(i);
      Image image = Image::make(20, 24, 3);
      for (std::size_t p = 0; p < image.pixels.size(); ++p)
        image.pixels[p] = static_cast<std::uint8_t>(p * 7 + shard * 31 + i);
      const std::string png = encode_png(image);
      add(key + ".png", i == torn ? png.substr(0, 40) : png);
      add(key + ".txt", "thing " + key);
    }
    archive_write_close(tar);
    archive_write_free(tar);
  }

  ShardSourceOptions options(Part part = {}, int streams = 2) const {
    return {expand_shards(folder.string()), 16, 32, 8, streams, 3, Augment::kCrop, part};
  }

  fs::path folder;
  bool missing = false;
};

#define NEED_VOCABULARY() \
  if (missing) GTEST_SKIP() << "no tokenizer vocabulary; ./cliplab installs it"

TEST_F(Shards, AStepIsTheSameWhateverTheRanks) {
  NEED_VOCABULARY();
  ShardSource whole(options()), first(options({0, 2})), second(options({1, 2}));
  std::multiset<std::string> seen;
  for (int step = 0; step < 12; ++step) {
    const Batch all = whole.next();
    Batch parts = first.next();
    const Batch rest = second.next();
    EXPECT_EQ(parts.keys.size(), 4u);
    parts.keys.insert(parts.keys.end(), rest.keys.begin(), rest.keys.end());
    parts.pixels.insert(parts.pixels.end(), rest.pixels.begin(), rest.pixels.end());
    parts.tokens.insert(parts.tokens.end(), rest.tokens.begin(), rest.tokens.end());
    EXPECT_EQ(all.keys, parts.keys) << step;
    EXPECT_EQ(all.pixels, parts.pixels) << step;
    EXPECT_EQ(all.tokens, parts.tokens) << step;
    if (step < 5) seen.insert(all.keys.begin(), all.keys.end());
  }
  EXPECT_EQ(seen.size(), 40u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 40u)
      << "5 steps of 8 are one pass: each sample once";
}

TEST_F(Shards, GoesOnWhereAnotherStoppedWithAnotherNumberOfRanks) {
  NEED_VOCABULARY();
  ShardSource whole(options()), first(options({0, 2})), second(options({1, 2}));
  for (int step = 0; step < 7; ++step) whole.next(), first.next(), second.next();
  std::vector<double> place = first.position(), others = second.position();
  for (std::size_t i = 0; i < place.size(); ++i) place[i] += others[i];
  EXPECT_EQ(place, whole.position());
  ShardSource later(options());
  later.go_to(place);
  for (int step = 7; step < 12; ++step) {
    const Batch a = whole.next(), b = later.next();
    EXPECT_EQ(a.keys, b.keys) << step;
    EXPECT_EQ(a.pixels, b.pixels) << step;
  }
}

TEST_F(Shards, BadSamplesAreLeftOutAndThePlaceStaysRight) {
  NEED_VOCABULARY();
  write_shard(1, 3), write_shard(2, 0);
  ShardSource source(options());
  for (int step = 0; step < 5; ++step)
    for (const std::string& key : source.next().keys) EXPECT_TRUE(key != "1_3" && key != "2_0") << key;
  EXPECT_EQ(source.bad(), 2);
  ShardSource later(options());
  later.go_to(source.position());
  EXPECT_EQ(source.next().keys, later.next().keys);
}

TEST_F(Shards, WhatCannotBeSharedOutIsRefused) {
  NEED_VOCABULARY();
  const auto error = [](const ShardSourceOptions& options) {
    try {
      ShardSource{options};
    } catch (const InputError& refused) {
      return std::string(refused.what());
    }
    return std::string();
  };
  EXPECT_THAT(error(options({0, 3})), HasSubstr("train.streams: 2 on 3 ranks, expected a multiple of the ranks"));
  EXPECT_THAT(error(options({}, 3)), HasSubstr("train.batch: 8 of 3 streams"));
  EXPECT_THAT(error(options({}, 8)), HasSubstr("train.streams: 8 of 4 shards"));
  for (int shard = 0; shard < kShards; ++shard) std::ofstream(folder / (std::to_string(shard) + ".tar")) << "";
  EXPECT_THROW(ShardSource(options()).next(), InputError) << "shards without a sample";
}

}  // namespace
}  // namespace cliplab
