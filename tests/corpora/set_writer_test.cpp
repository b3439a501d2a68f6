// Built sets: what a recipe writes is read by the ordinary readers; damage is one clear error, never a wrong picture.
#include "corpora/set_writer.hpp"

#include <gmock/gmock.h>

#include <atomic>

#include "base/parallel.hpp"
#include "corpora/fake_corpus.hpp"
#include "fuzz_inputs.hpp"
#include "sets/built_set.hpp"
#include "sets/verify.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class SetWriterTest : public FakeRoot {
 protected:
  json manifest() const { return json::parse(read_file(corpus("drawings") / "manifest.json")); }

  /// Replaces a file and makes the manifest agree, so that the damage is seen by the reader and not by the hash.
  void replace(const std::string& name, const std::string& bytes) const {
    json changed = manifest();
    overwrite(corpus("drawings") / name, bytes);
    for (json& file : changed["files"])
      if (file["file"] == name) file["bytes"] = bytes.size(), file["sha256"] = sha256_hex(bytes);
    changed["id"] = sha256_hex(bytes);
    overwrite(corpus("drawings") / "manifest.json", changed.dump());
  }
  static std::string open_error() {
    return input_error([] { open_captions("drawings", "train"); });
  }
  static std::vector<std::string> keys(const std::string& name, const std::string& split) {
    const auto part = open_captions(name, split);
    std::vector<std::string> keys;
    for (std::int64_t i = 0; i < part->size(); ++i) {
      keys.push_back(part->key(i));
      EXPECT_EQ(part->get(i).key, keys.back());
    }
    return keys;
  }
};

TEST_F(SetWriterTest, PairsComeBackWithPixelsAndCaptions) {
  write_pairs();
  const auto train = open_captions("drawings", "train"), val = open_captions("drawings", "val");
  ASSERT_EQ(train->size(), 10);
  EXPECT_EQ(val->size(), 2);
  EXPECT_EQ(open_captions("drawings", "validation")->key(0), val->key(0));
  EXPECT_EQ(train->id(), set_id("drawings", "train"));
  EXPECT_NE(train->id(), val->id());
  for (std::int64_t i = 0; i < train->size(); ++i) {
    const Pair pair = train->get(i);
    const int number = std::stoi(pair.key.substr(10));  // noto/pair-7.png
    EXPECT_EQ(pair.image.pixels, picture(number).pixels);
    EXPECT_THAT(pair.captions, ElementsAre("thing " + std::to_string(number), "a thing"));
  }
  EXPECT_THAT(verify_set(SetRef::parse("drawings"), true), IsEmpty());
  EXPECT_THAT(SetRef::parse("drawings").parts(), ElementsAre("train", "val"));
}

TEST_F(SetWriterTest, SamplesAreInTheOrderOfTheirKeysInEachBlockOf2000) {
  SetWriter writer("drawings", 1);
  for (const int first : {5000, 1000})
    for (int i = 0; i < 2000; ++i)
      writer.add({.key = std::to_string(first + 1999 - i) + (i == 0 ? "-a" : ""),
                  .png = "png",
                  .split = "train",
                  .source = "s",
                  .captions = {"x"}});
  writer.finish({});
  const auto lines = read_lines(corpus("drawings") / "captions.tsv");
  ASSERT_EQ(lines.size(), 4001u);
  EXPECT_THAT(lines[1], HasSubstr("s/5000.png"));
  EXPECT_THAT(lines[2000], HasSubstr("s/6999-a.png"));
  EXPECT_THAT(lines[2001], HasSubstr("s/1000.png"));
}

TEST_F(SetWriterTest, ClassesAreSortedAndSplitsAreTheirOwn) {
  SetWriter writer("openmoji_groups", 3);
  for (int i = 0; i < 6; ++i)
    writer.add({.key = "e" + std::to_string(i),
                .png = encode_png(picture(i)),
                .split = i % 2 ? "test" : "train",
                .class_name = i < 4 ? "nature" : "flags"});
  writer.finish({{"some-package", "1.0", "MIT", "", "ab"}});
  const auto train = open_labels("openmoji_groups", "train"), test = open_labels("openmoji_groups", "test");
  EXPECT_THAT(std::vector<std::string>(train->class_names().begin(), train->class_names().end()),
              ElementsAre("flags", "nature"));
  EXPECT_THAT(train->truth().labels, ElementsAre(1, 1, 0));
  EXPECT_EQ(test->truth().num_classes, 2);
  EXPECT_EQ(test->get(0).image.pixels, picture(1).pixels);
  EXPECT_EQ(test->id(), set_id("openmoji_groups", "test"));
  EXPECT_EQ(json::parse(read_file(corpus("openmoji_groups") / "manifest.json"))["packages"]["some-package"]["licence"],
            "MIT");
  EXPECT_EQ(open_labels("openmoji_groups/train", "test")->size(), 3);
  EXPECT_THAT(input_error([] { open_labels("openmoji_groups", "tset"); }), HasSubstr("expected one of train, test"));
  EXPECT_THAT(input_error([] { open_captions("openmoji_groups", "test"); }), HasSubstr("classes instead of captions"));
}

TEST_F(SetWriterTest, APartIsASetOfItsSourcesAndItsSize) {
  SetWriter writer("drawings", 1);
  for (int i = 0; i < 60; ++i)
    writer.add({.key = "p" + std::to_string(i),
                .png = encode_png(picture(i)),
                .split = i < 6 ? "val" : "train",
                .source = i % 3 == 0   ? "red"
                          : i % 3 == 1 ? "green"
                                       : "blue",
                .captions = {"a spot"}});
  writer.finish({});
  const auto both = keys("drawings:red+blue", "train"), green = keys("drawings:green", "train");
  EXPECT_EQ(both.size(), 36u);
  EXPECT_EQ(green.size(), 18u);
  for (const std::string& key : both) EXPECT_EQ(std::count(green.begin(), green.end(), key), 0) << key;
  // So many pairs for training, in the set's order; fewer are among more. What is held out stays whole.
  const auto eight = keys("drawings:red+blue:8", "train"), nine = keys("drawings:red+blue:9", "train");
  EXPECT_EQ(eight.size(), 8u);
  const auto place = [&](const std::string& key) { return std::find(both.begin(), both.end(), key); };
  EXPECT_TRUE(
      std::is_sorted(nine.begin(), nine.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); }));
  for (const std::string& key : eight) EXPECT_EQ(std::count(nine.begin(), nine.end(), key), 1) << key;
  EXPECT_NE(eight, std::vector(both.begin(), both.begin() + 8));  // not the first ones, which a recipe may have sorted
  EXPECT_EQ(keys("drawings:green:5", "val").size(), 2u);
  EXPECT_NE(set_id("drawings:green:5", "train"), set_id("drawings:green", "train"));
  EXPECT_EQ(open_captions("drawings:green:5", "train")->id(), set_id("drawings:green:5", "train"));
  const auto message = [](const std::string& name) { return input_error([&] { open_captions(name, "train"); }); };
  EXPECT_THAT(message("drawings:red+pink"), HasSubstr("no source 'pink', expected one of blue, green, red"));
  EXPECT_THAT(message("drawings:green:19"), HasSubstr("18 pairs, expected at least 19"));
  for (const char* name : {"drawings:", "drawings:red+", "drawings:red:", "drawings:red:0", "drawings:red:5x",
                           "drawings:red:5:5", "drawings:red:-2"})
    EXPECT_THAT(message(name), HasSubstr("expected NAME, NAME:SOURCE+SOURCE")) << name;
}

TEST_F(SetWriterTest, SameSamplesGiveTheSameBytesAndId) {
  write_pairs();
  const std::string first = read_file(corpus("drawings") / "images.tar"), id = manifest()["id"];
  write_pairs();
  EXPECT_EQ(first, read_file(corpus("drawings") / "images.tar"));
  EXPECT_EQ(id, manifest()["id"].get<std::string>());
}

TEST_F(SetWriterTest, ThreadsReadAtOnce) {
  write_pairs();
  const auto train = open_captions("drawings", "train");
  std::atomic<int> wrong{0};
  parallel_for(400, [&](std::int64_t i) {
    const Pair pair = train->get(i % train->size());
    if (pair.image.pixels != picture(std::stoi(pair.key.substr(10))).pixels) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

TEST_F(SetWriterTest, ASetWithoutManifestDoesNotExist) {
  EXPECT_THAT(open_error(), HasSubstr("./cliplab data fetch drawings"));
  write_pairs();
  EXPECT_EQ(SetRef::parse("drawings").absence(), "");
  fs::remove(corpus("drawings") / "manifest.json");
  EXPECT_THAT(open_error(), HasSubstr("./cliplab data fetch drawings"));
  EXPECT_THAT(SetRef::parse("drawings").absence(), HasSubstr("not built"));
}

TEST_F(SetWriterTest, UnknownSplitsNameTheKnownOnes) {
  write_pairs();
  for (const char* split : {"tset", "test"})
    EXPECT_THAT(input_error([&] { open_captions("drawings", split); }), HasSubstr("one of train, validation")) << split;
}

TEST_F(SetWriterTest, DamagedFilesAreNamedWithTheWayOut) {
  write_pairs();
  const fs::path tar = corpus("drawings") / "images.tar";
  const std::string whole = read_file(tar);
  std::string bytes = whole;
  bytes[bytes.size() / 2] ^= 1;
  overwrite(tar, bytes);
  EXPECT_THAT(open_error(),
              ::testing::AllOf(HasSubstr("images.tar: another SHA-256"), HasSubstr("data fetch drawings")));
  EXPECT_THAT(verify_set(SetRef::parse("drawings"), true), ElementsAre(HasSubstr("SHA-256")));
  overwrite(tar, whole.substr(0, whole.size() / 2));
  EXPECT_THAT(open_error(), HasSubstr("images.tar: another size"));
  EXPECT_THAT(verify_set(SetRef::parse("drawings"), true), ElementsAre(HasSubstr("another size")));
  fs::remove(tar);
  EXPECT_THAT(open_error(), HasSubstr("images.tar: missing"));
  overwrite(tar, whole);
  EXPECT_EQ(open_error(), "");
  fs::remove(corpus("drawings") / "captions.tsv");
  EXPECT_THAT(open_error(), HasSubstr("captions.tsv: missing"));
  overwrite(corpus("drawings") / "manifest.json", "{\"id\": 3}");
  EXPECT_THAT(open_error(), HasSubstr("not the manifest of a built set"));
}

TEST_F(SetWriterTest, CorruptPngIsNamedAndSparesTheOthers) {
  write_pairs();
  std::string bytes = read_file(corpus("drawings") / "images.tar");
  const std::size_t header = bytes.find("pair-3.png"), png = bytes.find("\x89PNG", header);
  for (std::size_t i = 20; i < 60; ++i) bytes[png + i] = 'x';
  replace("images.tar", bytes);
  const auto train = open_captions("drawings", "train");
  int readable = 0;
  for (std::int64_t i = 0; i < train->size(); ++i) {
    const std::string error = input_error([&] { train->get(i); });
    readable += error.empty();
    EXPECT_THAT(error, ::testing::AnyOf("", HasSubstr("images.tar:noto/pair-3.png")));
  }
  EXPECT_EQ(readable, 9);
  EXPECT_THAT(verify_set(SetRef::parse("drawings"), true), ElementsAre(HasSubstr("pair-3.png")));
}

TEST_F(SetWriterTest, WhatNoTableCanHoldIsRefused) {
  const auto message = [](std::vector<std::string> keys, const std::string& caption) {
    return input_error([&] {
      SetWriter writer("drawings", 1);
      for (const std::string& key : keys)
        writer.add({.key = key, .png = "p", .split = "train", .source = "s", .captions = {caption}});
      writer.finish({});
    });
  };
  EXPECT_THAT(message({"a", "a"}, "x"), HasSubstr("the key 'a' twice"));
  for (const char* text : {"two\tcolumns", "two\nlines", "\xff"})
    EXPECT_THAT(message({"a"}, text), HasSubstr("one line"));
  EXPECT_THAT(message({}, "x"), HasSubstr("no picture"));
  EXPECT_EQ(message({"a", std::string(90, 'k')}, "x"), "");
}

TEST_F(SetWriterTest, AStoppedBuildLeavesNothingAndTheOldSetStays) {
  write_pairs();
  fs::create_directories(corpus("drawings.part99999999"));
  {
    SetWriter writer("drawings", 2);
    writer.add({.key = "new", .png = "p", .split = "train", .source = "s", .captions = {"x"}});
  }  // no finish(): as when an exception passes
  EXPECT_EQ(open_captions("drawings", "train")->size(), 10);
  int folders = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root / "data/corpora")) ++folders;
  EXPECT_EQ(folders, 1);
}

TEST_F(SetWriterTest, DropsAreCountedAndTheFirst200Named) {
  SetWriter writer("drawings", 1);
  writer.add({.key = "a", .png = "p", .split = "train", .source = "s", .captions = {"x"}});
  for (int i = 0; i < 300; ++i) writer.drop(std::to_string(i), "cannot be drawn");
  writer.finish({});
  EXPECT_EQ(manifest()["dropped"]["cannot be drawn"], 300);
  EXPECT_EQ(manifest()["dropped_names"]["cannot be drawn"].size(), 200u);
}

TEST_F(SetWriterTest, MutatedFilesGiveOnlyInputErrors) {
  write_pairs();
  const std::string manifest_bytes = read_file(corpus("drawings") / "manifest.json");
  Rng rng(20210226);
  int refused = 0;
  const int rounds = fuzz_inputs(400);
  for (int i = 0; i < rounds; ++i) {
    std::ofstream(corpus("drawings") / "manifest.json", std::ios::binary) << mutate(manifest_bytes, rng);
    refused += !input_error([] { open_captions("drawings", "train")->get(0); }).empty();
    input_error([] { verify_set(SetRef::parse("drawings"), false); });
  }
  EXPECT_GT(refused, rounds / 2);
  overwrite(corpus("drawings") / "manifest.json", manifest_bytes);
  for (const char* file : {"images.tar", "captions.tsv"}) {
    const std::string whole = read_file(corpus("drawings") / file);
    for (int i = 0; i < rounds; ++i) {
      replace(file, mutate(whole, rng));
      input_error([] {
        const auto train = open_captions("drawings", "train");
        for (std::int64_t k = 0; k < train->size(); ++k) input_error([&] { train->get(k); });
      });
    }
    replace(file, whole);
  }
}

TEST(RealDrawings, AreReadableAndCaptioned) {
  if (!SetRef::parse("drawings").absence().empty()) GTEST_SKIP() << "not built here: ./cliplab data fetch drawings";
  const auto train = open_captions("drawings", "train"), val = open_captions("drawings", "val");
  EXPECT_GT(train->size(), 7500);
  EXPECT_GT(val->size(), 150);
  for (std::int64_t i = 0; i < train->size(); i += 97) {
    const Pair pair = train->get(i);
    EXPECT_LE(pair.captions.size(), 3u);
    for (const std::string& caption : pair.captions) EXPECT_GE(caption.size(), 1u) << pair.key;
    EXPECT_LE(std::max(pair.image.width, pair.image.height), 136) << pair.key;
  }
}

}  // namespace
}  // namespace cliplab
