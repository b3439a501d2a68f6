// The shard loader: one order whatever the threads, ranks that share a pass, resuming, and what is wrong in shards.
#include "sets/loader.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class LoaderTest : public TwinTest {
 protected:
  static constexpr int kShards = 5, kEach = 7;

  LoaderTest() {
    for (int shard = 0; shard < kShards; ++shard) {
      std::vector<Member> members;
      for (int i = 0; i < kEach; ++i) {
        const std::string key = "dir.d/" + std::to_string(shard) + "_" + std::to_string(i);
        members.push_back({key + ".png", png(shard * kEach + i)});
        members.push_back({key + ".json", "{}"});
        members.push_back({key + ".txt", "thing " + std::to_string(shard * kEach + i) + "\n"});
      }
      write("wds/0" + std::to_string(shard) + ".tar", archive_of(members, shard == 3));
    }
  }

  LoaderOptions options() const {
    LoaderOptions options;
    options.shards = expand_shards((sets / "wds").string());
    options.preprocess.size = 8, options.batch = 4, options.threads = 2, options.buffer = 10;
    return options;
  }
  LoaderOptions plain() const {
    LoaderOptions o = options();
    o.buffer = 0, o.shuffle_shards = false;
    return o;
  }
  static std::vector<std::string> pass(const LoaderOptions& options, std::int64_t* bad = nullptr) {
    Loader loader(options);
    std::vector<std::string> keys;
    for (std::vector<LoadedSample> batch; loader.next(batch);)
      for (const LoadedSample& sample : batch) keys.push_back(sample.key);
    if (bad) *bad = loader.bad();
    return keys;
  }
};

TEST_F(LoaderTest, GivesEachSampleOnceWithItsTextAndPixels) {
  Loader loader(plain());
  std::vector<LoadedSample> batch;
  std::vector<std::size_t> sizes;
  int i = 0;
  for (; loader.next(batch); sizes.push_back(batch.size()))
    for (const LoadedSample& sample : batch) {
      EXPECT_EQ(sample.key, "dir.d/" + std::to_string(i / kEach) + "_" + std::to_string(i % kEach));
      EXPECT_EQ(sample.text, "thing " + std::to_string(i));
      EXPECT_EQ(sample.image.pixels, preprocess_pixels(picture(i), plain().preprocess).pixels) << i;
      ++i;
    }
  EXPECT_EQ(i, kShards * kEach);
  EXPECT_THAT(sizes, ElementsAre(4, 4, 4, 4, 4, 4, 4, 4, 3));
  EXPECT_EQ(loader.position(), kShards * kEach);
  EXPECT_FALSE(loader.next(batch)) << "and stays at the end";
}

TEST_F(LoaderTest, OneOrderWhateverTheThreadsAndAnotherForEachEpochAndSeed) {
  LoaderOptions o = options();
  const std::vector<std::string> first = pass(o);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), static_cast<std::size_t>(kShards * kEach));
  EXPECT_NE(first, pass(plain()));
  for (const int threads : {1, 3, 8}) {
    o.threads = threads;
    EXPECT_EQ(pass(o), first) << threads;
  }
  o.epoch = 1;
  EXPECT_NE(pass(o), first);
  o.epoch = 0, o.seed = 1;
  EXPECT_NE(pass(o), first);
}

TEST_F(LoaderTest, RanksShareThePassAndChangeShardsWithTheEpoch) {
  LoaderOptions o = options();
  o.ranks = 2;
  std::map<std::int64_t, std::set<std::string>> of_first;
  for (o.epoch = 0; o.epoch < 4; ++o.epoch) {
    std::multiset<std::string> all;
    for (o.rank = 0; o.rank < 2; ++o.rank)
      for (const std::string& key : pass(o)) {
        all.insert(key);
        if (o.rank == 0) of_first[o.epoch].insert(key.substr(0, 7));
      }
    EXPECT_EQ(all.size(), static_cast<std::size_t>(kShards * kEach));
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  }
  EXPECT_GT((std::set<std::set<std::string>>{of_first[0], of_first[1], of_first[2], of_first[3]}.size()), 1u);
}

TEST_F(LoaderTest, APassIsTakenUpAtAnyPlace) {
  LoaderOptions o = options();
  const std::vector<std::string> whole = pass(o);
  for (const std::int64_t used : {1, 4, 13, 34, 35, 99}) {
    o.skip = used;
    EXPECT_EQ(pass(o),
              std::vector<std::string>(whole.begin() + std::min<std::int64_t>(used, std::ssize(whole)), whole.end()))
        << used;
  }
}

TEST_F(LoaderTest, BadSamplesAreCountedNamedAndLeftOut) {
  std::string torn = archive_of({{"x.png", png(1)}, {"x.txt", "x"}, {"y.png", png(2)}, {"y.txt", "y"}}, false);
  torn.resize(4 * 512 + 100);  // ends in y.png's bytes
  write("wds/00.tar", torn);
  const std::vector<Member> second{{"a.png", "no picture"},
                                   {"a.txt", "a"},
                                   {"b.png", png(3)},
                                   {"c.txt", "c"},
                                   {"d.png", png(4)},
                                   {"d.txt", "d"},
                                   {"e.png", png(5)},
                                   {"e.jpg", png(6)},
                                   {"e.txt", "e"},
                                   {"../../escape.png", png(7)},
                                   {"../../escape.txt", "stays inside"},
                                   {"link.png", "", "/etc/passwd"},
                                   {"link.txt", "l"},
                                   {"bad\xff\xfe.png", png(8)},
                                   {"bad\xff\xfe.txt", "named in bytes"}};
  write("wds/01.tar", archive_of(second, false));
  write("wds/02.tar", std::string(10240, 'x'));
  LoaderOptions o = plain();
  o.shards.resize(3);
  std::int64_t bad = 0;
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(pass(o, &bad), ElementsAre("x", "d", "e", "../../escape", "bad\xff\xfe"));
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(bad, 6);  // 00.tar, a, b, c, link, 02.tar
  EXPECT_THAT(said, HasSubstr("00.tar: a damaged or cut archive"));
  EXPECT_THAT(said, HasSubstr("01.tar:a.png"));
  EXPECT_THAT(said, HasSubstr("01.tar:b.png: a picture without a text"));
  EXPECT_THAT(said, HasSubstr("01.tar:c: a text without a picture"));
  EXPECT_THAT(said, HasSubstr("further bad samples are counted only"));
  o.bad_is_fatal = true;
  try {
    pass(o);
    FAIL() << "expected an error";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("00.tar: a damaged or cut archive"));
  }
}

TEST_F(LoaderTest, AConsumerThatLeavesEarlyIsNoHang) {
  for (int i = 0; i < 20; ++i) {
    Loader loader(options());
    std::vector<LoadedSample> batch;
    EXPECT_TRUE(i % 2 == 0 || loader.next(batch));
  }
}

TEST_F(LoaderTest, MutatedShardsAreSamplesOrNamed) {
  const std::string whole = archive_of({{"a.png", png(1)}, {"a.txt", "a"}, {"b.png", png(2)}, {"b.txt", "b"}}, false);
  Rng rng(11);
  LoaderOptions o = plain();
  o.shards = {sets / "mutant.tar"};
  std::int64_t good = 0, named = 0;
  ::testing::internal::CaptureStderr();
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k) bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    if (rng.uniform() < 0.3) bytes.resize(rng.below(bytes.size()));
    write("mutant.tar", bytes);
    std::int64_t bad = 0;
    good += std::ssize(pass(o, &bad)), named += bad;
  }
  ::testing::internal::GetCapturedStderr();
  EXPECT_GT(good, 500);
  EXPECT_GT(named, 500);
}

TEST_F(LoaderTest, ShardsByFolderFileAndRange) {
  const std::string base = (sets / "wds").string();
  EXPECT_EQ(expand_shards(base + "/0{1..3}.tar"),
            (std::vector<fs::path>{base + "/01.tar", base + "/02.tar", base + "/03.tar"}));
  EXPECT_EQ(expand_shards(base + "/{00..04}.tar"), expand_shards(base));
  EXPECT_EQ(expand_shards(base + "/02.tar").size(), 1u);
  EXPECT_THAT(input_error([&] { expand_shards(base + "/{03..05}.tar"); }), HasSubstr("05.tar: no such file"));
  EXPECT_THAT(input_error([&] { expand_shards(base + "/{3..x}.tar"); }), HasSubstr("the range {3..x}"));
  EXPECT_THAT(input_error([&] { expand_shards(base + "/{3..1}.tar"); }), HasSubstr("the range {3..1}"));
  fs::create_directories(sets / "empty");
  EXPECT_THAT(input_error([&] { expand_shards((sets / "empty").string()); }), HasSubstr("no *.tar"));
  LoaderOptions o = options();
  o.ranks = 6;
  EXPECT_THAT(input_error([&] { Loader loader(o); }), HasSubstr("5 shards for 6 ranks"));
  o = options(), o.rank = 1;
  EXPECT_THAT(input_error([&] { Loader loader(o); }), HasSubstr("rank 1 of 1"));
  o = options(), o.batch = 0;
  EXPECT_THAT(input_error([&] { Loader loader(o); }), HasSubstr("no batch"));
}

}  // namespace
}  // namespace cliplab
