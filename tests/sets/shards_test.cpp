// webdataset's rules for the samples of shards, in the reader of evaluation sets and in the loader of training pairs.
#include "sets/shard_samples.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "base/prompt_template.hpp"
#include "fuzz_inputs.hpp"
#include "sets/loader.hpp"
#include "sets/npy.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string npy(const std::string& type, const std::string& shape, const std::string& values) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize(117, ' ');
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(118) + '\0' + header + '\n' + values;
}

TEST(ShardSamples, KeysEndAtTheFirstDotOfTheLastComponent) {
  const auto split = [](const std::string& name) {
    const auto member = sample_member(name);
    return member ? member->key + " " + member->suffix : "none";
  };
  EXPECT_EQ(split("s0.PNG"), "s0 png");
  EXPECT_EQ(split("a.b/c.d.JPG"), "a.b/c d.jpg");
  EXPECT_EQ(split("s0.seg.png"), "s0 seg.png");
  EXPECT_EQ(split("._s0.png"), "none");
  EXPECT_EQ(split("dir/._s0.png"), "none");
  EXPECT_EQ(split("dir.d/readme"), "none");
  EXPECT_EQ(split("__index__.json"), "__index__ json") << "webdataset skips it only when all of it is __NAME__";
  EXPECT_EQ(split("__meta__/a.png"), "none");
  EXPECT_EQ(picture_rank(evaluation_pictures(), "webp"), 0);
  EXPECT_EQ(picture_rank(training_pictures(), "jpg"), 0);
  EXPECT_EQ(picture_rank(training_pictures(), "gif"), 4);
  EXPECT_EQ(picture_rank(training_pictures(), "seg.png"), -1);
  EXPECT_EQ(picture_rank(training_pictures(), "json"), -1);
}

TEST(ShardSamples, ClassNumbersAreReadAsPythonDoes) {
  for (const char* text : {"3", " 3 \r\n", "\t+3", "003", "3\n"}) EXPECT_EQ(parse_class_number(text), 3) << text;
  for (const char* text : {"", " ", "3.0", "x", "3 4", "0x3", "+-3", "99999999999"})
    EXPECT_FALSE(parse_class_number(text)) << text;
  EXPECT_EQ(parse_class_number("-1"), -1);
}

TEST(ShardSamples, LinesAndBlanksAreThoseOfPython) {
  EXPECT_THAT(split_lines("a\nb\r\nc\rd\x1e\x65\xC2\x85g\xE2\x80\xA8h"),
              ElementsAre("a", "b", "c", "d", "e", "g", "h"));
  EXPECT_THAT(split_lines("a\n\n"), ElementsAre("a", ""));
  EXPECT_THAT(split_lines(""), ElementsAre());
  for (const char* text : {"", " \t\n", "\xC2\xA0", "\xE3\x80\x80 ", "\xEF\xBB\xBF"})
    EXPECT_EQ(caption_fault(text), "blank");
  for (const char* text : {"caf\xe9", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE3\x80"})
    EXPECT_EQ(caption_fault(text), "not UTF-8");
  EXPECT_EQ(caption_fault(" a "), "");
}

TEST(ShardSamples, CompressedShardsAreShardsAndHiddenOnesAreNot) {
  for (const char* name : {"a.tar", "/x/0.TAR", "a.tar.gz", "a.tgz", "a.tar.zst", "a.b.tar.xz"})
    EXPECT_TRUE(is_shard_name(name)) << name;
  for (const char* name : {"._0.tar", "a.zip", ".tar", "tar", "a.tar.part"}) EXPECT_FALSE(is_shard_name(name)) << name;
}

using PromptTemplateTest = FakeRoot;

TEST_F(PromptTemplateTest, IsStrFormats) {
  EXPECT_EQ(canonical_template("a {c}, the {c} kind {}", "f"), "a {}, the {} kind {}");
  EXPECT_EQ(fill_template("a {}, the {c} kind", "cat"), "a cat, the cat kind");
  EXPECT_EQ(fill_template("{{}} {{c}} {c}", "{x} {}"), "{} {c} {x} {}");
  EXPECT_EQ(canonical_template("{{{c}}}", "f"), "{{{}}}");
  EXPECT_EQ(fill_template("{{{}}}", "a"), "{a}");
  EXPECT_TRUE(has_place("a {}"));
  EXPECT_FALSE(has_place("a {{}}"));
  for (const char* text : {"a {", "a }", "{name}", "{c!r}", "{0}", "{c:>9}", "{ c }"})
    EXPECT_THAT(input_error([&] { canonical_template(text, "file.txt"); }), HasSubstr("file.txt: ")) << text;
}

using NpyTest = FakeRoot;

TEST_F(NpyTest, RowsOfNumbersOfEachType) {
  EXPECT_THAT(read_npy(npy("<i8", "(2,)", std::string("\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16)), "f"),
              ElementsAre(1, -1));
  EXPECT_THAT(read_npy(npy(">i2", "(3,)", std::string("\0\1\1\0\xff\xfe", 6)), "f"), ElementsAre(1, 256, -2));
  EXPECT_THAT(read_npy(npy("|b1", "(1, 3)", std::string("\1\0\1", 3)), "f"), ElementsAre(1, 0, 1));
  EXPECT_THAT(read_npy(npy("<f4", "(1,)", std::string("\0\0\x80\x3f", 4)), "f"), ElementsAre(1));
  EXPECT_THAT(read_npy(npy("<f2", "(2,)", std::string("\0\x3c\0\xc0", 4)), "f"), ElementsAre(1, -2));
  EXPECT_THAT(read_npy(npy("|u1", "(0,)", ""), "f"), ElementsAre());
  const auto error = [](const std::string& bytes) { return input_error([&] { read_npy(bytes, "a.npy"); }); };
  EXPECT_THAT(error("no numpy file"), HasSubstr("a.npy: no .npy file"));
  EXPECT_THAT(error(npy("|O", "(1,)", "x")), HasSubstr("values of the type 'O'"));
  EXPECT_THAT(error(npy("|O8", "(1,)", "xxxxxxxx")), HasSubstr("values of the type 'O8'"));
  EXPECT_THAT(error(npy("<i8", "(2,)", "short")), HasSubstr("5 bytes of values where its sizes say 16"));
  EXPECT_THAT(error(npy("<i8", "(2, 2)", std::string(32, '\0'))), HasSubstr("more than one row"));
  EXPECT_THAT(error(npy("<i8", "(99999999999,)", "")), HasSubstr("a side of"));
  EXPECT_THAT(error(npy("<i8", "(-1,)", "")), HasSubstr("a side of"));
}

TEST_F(NpyTest, MutationsGiveOnlyInputErrors) {
  const std::string whole = npy("<i4", "(6,)", std::string(24, '\1'));
  Rng rng(3);
  int refused = 0;
  for (int i = 0; i < fuzz_inputs(2000); ++i)
    refused += !input_error([&] { read_npy(mutate(whole, rng), "fuzz"); }).empty();
  EXPECT_GT(refused, 100);
}

class ShardsTest : public TwinTest {
 protected:
  using Members = std::vector<Member>;
  /// Two samples by the plain rules.
  static Members plain() { return {{"s0.cls", "1"}, {"s0.png", png(1)}, {"s1.png", png(2)}, {"s1.cls", "0"}}; }
  void write_set(const Members& members, bool gzip = false) const {
    write("wds/classnames.txt", "cat\ndog\n");
    fs::remove_all(sets / "wds/test");
    write(gzip ? "wds/test/0.tar.gz" : "wds/test/0.tar", archive_of(members, gzip));
  }
  std::vector<std::string> read(const Members& members, bool gzip = false) const {
    write_set(members, gzip);
    EXPECT_EQ(problems("wds"), "");
    return contents(listing("wds"));
  }
  std::vector<std::string> stream(const Members& members, std::int64_t* bad = nullptr) const {
    write("train/0.tar", archive_of(members, false));
    LoaderOptions options;
    options.shards = {sets / "train/0.tar"};
    options.preprocess.size = 8, options.buffer = 1, options.threads = 1;
    Loader loader(options);
    std::vector<std::string> found;
    for (std::vector<LoadedSample> batch; loader.next(batch);)
      for (const LoadedSample& sample : batch) found.push_back(sample.key + " " + sample.text);
    if (bad != nullptr) *bad = loader.bad();
    return found;
  }
};

TEST_F(ShardsTest, VariantsOfTheSameSamplesAreRead) {
  const auto same = ElementsAre("test/cat/2", "test/dog/1");
  EXPECT_THAT(read(plain()), same);
  EXPECT_THAT(read(plain(), true), same) << "compressed";
  fs::remove(sets / "wds/test/0.tar.gz");
  for (const auto& [ending, filter] :
       {std::pair("TAR.bz2", ARCHIVE_FILTER_BZIP2), std::pair("txz", ARCHIVE_FILTER_XZ),
        std::pair("tar.zst", ARCHIVE_FILTER_ZSTD), std::pair("tar.lz4", ARCHIVE_FILTER_LZ4)}) {
    const fs::path shard = write(std::string("wds/test/0.") + ending, archive_of(plain(), filter));
    EXPECT_THAT(contents(listing("wds")), same) << ending;
    fs::remove(shard);
  }
  Members variant = plain();
  for (const char* name : {"._s0.cls", "._s0.png", "._s1.png", "dir/.hidden.png", "._0.tar", "__meta__/x.png", "notes"})
    variant.insert(variant.begin(), {name, "junk"});
  EXPECT_THAT(read(variant), same) << "hidden members";
  variant = plain();
  variant.insert(variant.begin() + 2, {"s0.seg.png", png(9)}), variant.push_back({"s1.mask.png", png(9)});
  variant.push_back({"s1.json", "{}"});
  EXPECT_THAT(read(variant), same) << "other members of a sample";
  EXPECT_THAT(read({{"s0.CLS", " 1 \r\n"}, {"s0.PNG", png(1)}, {"S1.Png", png(2)}, {"S1.Cls", "+0"}}), same);
  write_set({{"a.b/s.0.cls", "1"}, {"a.b/s.0.png", png(1)}});
  EXPECT_THAT(input_error([&] { listing("wds"); }),
              HasSubstr("no sample (the key of 'a.b/s.0.cls' ends at its first dot)"));
}

TEST_F(ShardsTest, OneKeyIsAsManySamplesAsItHasRunsOfMembers) {
  EXPECT_THAT(
      read({{"s.png", png(1)}, {"s.cls", "0"}, {"t.png", png(2)}, {"t.cls", "0"}, {"s.png", png(3)}, {"s.cls", "1"}}),
      ElementsAre("test/cat/1", "test/cat/2", "test/dog/3"));
  EXPECT_THAT(read({{"s.png", png(1)}, {"t.png", png(2)}, {"t.cls", "0"}, {"s.cls", "1"}}),
              ElementsAre("test/cat/2", "test/dog/1"))
      << "partners that stand apart";
  write_set({{"s.png", png(1)}, {"s.png", png(2)}, {"s.cls", "1"}});
  EXPECT_THAT(problems("wds"), HasSubstr("s.png: a name used twice"));
  write_set(plain());
  write("wds/test/1.tar", archive_of(plain(), false)), write("wds/test/._1.tar", "junk"),
      write("wds/test/nshards.txt", " 2\r\n");
  EXPECT_EQ(problems("wds"), "");
  EXPECT_THAT(contents(listing("wds")), ElementsAre("test/cat/2", "test/cat/2", "test/dog/1", "test/dog/1"));
}

TEST_F(ShardsTest, OfSeveralPicturesTheReaderTakesCLIPBenchmarksAndTheLoaderOpenClips) {
  EXPECT_THAT(read({{"s.jpg", png(1)}, {"s.png", png(2)}, {"s.cls", "0"}}), ElementsAre("test/cat/2"));
  std::int64_t bad = 0;
  EXPECT_THAT(stream({{"s.png", "no picture"}, {"s.jpg", png(1)}, {"s.txt", "a"}}, &bad), ElementsAre("s a"));
  EXPECT_EQ(bad, 0);
}

TEST_F(ShardsTest, SeveralLabelsComeFromNpy) {
  write("wds/dataset_type.txt", "\xef\xbb\xbfMultilabel \r\n");
  write_set({{"s.npy", npy("<i8", "(2,)", std::string("\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16))},
             {"s.png", png(1)},
             {"t.npy", npy("|b1", "(2,)", std::string("\0\1", 2))},
             {"t.png", png(2)},
             {"u.npy", npy("|b1", "(2,)", std::string("\0\0", 2))},
             {"u.png", png(3)},
             {"v.npy", npy("|b1", "(3,)", std::string("\0\0\0", 3))},
             {"v.png", png(3)}});
  EXPECT_THAT(problems("wds"), HasSubstr("v.npy: 3 labels, expected one for each of 2 classes"));
  const Listing read = listing("wds");
  ASSERT_EQ(read.items.size(), 3u);
  EXPECT_THAT(read.items[0].targets, ElementsAre(1, 1));
  EXPECT_THAT(read.items[1].targets, ElementsAre(-1, 1));
  EXPECT_EQ(read.items[1].label, 1);
  EXPECT_THAT(read.items[2].targets, ElementsAre(-1, -1));
}

TEST_F(ShardsTest, NamesAndTemplatesAreThoseOfTheFolder) {
  write_set(plain());
  write("wds/classnames.txt", "\xef\xbb\xbfsnake_case \r\n{dog}\r\n");
  write("wds/zeroshot_classification_templates.txt",
        "\xef\xbb\xbf"
        "a {c}, the {c} kind.\r\n{{art}} of {}\r\nno place\r\n");
  const auto set = open_labels("wds", "test");
  const Prompts prompts = set->own_prompts();
  EXPECT_THAT(prompts.class_names, ElementsAre(ElementsAre("snake_case"), ElementsAre("{dog}")));
  EXPECT_THAT(prompts.templates, ElementsAre("a {}, the {} kind.", "{{art}} of {}", "no place"));
  EXPECT_EQ(fill_template(prompts.templates[1], prompts.class_names[1][0]), "{art} of {dog}");
  EXPECT_THAT(notices("wds"), HasSubstr("a template without a place for the class name, used as it is: 'no place'"));
  write("wds/zeroshot_classification_templates.txt", "a {name}\n");
  EXPECT_THAT(input_error([&] { listing("wds"); }), HasSubstr("the place '{name}'"));
}

TEST_F(ShardsTest, TheLoaderCountsBadCaptions) {
  std::int64_t bad = 0;
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(stream({{"a.png", png(1)},
                      {"a.txt", " \n"},
                      {"b.png", png(2)},
                      {"b.txt", "caf\xe9"},
                      {"c.png", png(3)},
                      {"c.cls", "7"},
                      {"._d.png", "junk"},
                      {"d.PNG", png(4)},
                      {"d.seg.png", "mask"},
                      {"d.TXT", "d"},
                      {"d.mp4", "video"},
                      {"d.json", "{}"}},
                     &bad),
              ElementsAre("d d"));
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(bad, 3);
  EXPECT_THAT(said, HasSubstr("a.png: a caption that is blank"));
  EXPECT_THAT(said, HasSubstr("b.png: a caption that is not UTF-8"));
  EXPECT_THAT(said, HasSubstr("c.png: a class number (.cls) and no caption (.txt)"));
}

TEST_F(ShardsTest, ClassNumbersAreNoCaptions) {
  write_set(plain());
  const auto error = [&](const std::string& corpus) { return SetRef::parse((sets / corpus).string()).absence(); };
  EXPECT_THAT(error("wds/test"), HasSubstr("s0.png: a class number (.cls) and no caption"));
  write("pairs/0.tar", archive_of({{"s.png", png(1)}, {"s.cls", "1"}, {"s.txt", "a cat"}}, false));
  EXPECT_EQ(error("pairs"), "") << "both are fine";
  write("digits/0.tar.gz", archive_of({{"s.png", png(1)}, {"s.txt", "3"}, {"t.png", png(1)}, {"t.txt", "4\n"}}, true));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(error("digits/0.tar.gz"), "");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("are numbers; are they class numbers?"));
}

TEST_F(ShardsTest, AMemberThatIsTooLargeCostsNoMemory) {
  // 513 MiB of zeros in half a megabyte: over the limit for one picture.
  const std::size_t large = (std::size_t{513} << 20);
  write_set(plain());
  fs::remove(sets / "wds/test/0.tar");
  write("wds/test/0.tar.gz",
        archive_of({{"s0.png", std::string(large, '\0')}, {"s0.cls", "0"}, {"s1.png", png(2)}, {"s1.cls", "0"}}, true));
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KiB
  };
  const long before = peak();
  const Listing read = listing("wds");
  EXPECT_LT(peak() - before, 64 << 10) << "and far less than that of the archive's writer before it";
  ASSERT_EQ(read.problems.size(), 2u);
  EXPECT_THAT(read.problems[0], HasSubstr("s0.png: 537919488 bytes, expected at most 536870912"));
  EXPECT_THAT(read.problems[1], HasSubstr("s0.cls: a label without a picture"));
  EXPECT_EQ(read.items.size(), 1u);
}

TEST_F(ShardsTest, MutationsGiveOnlyInputErrors) {
  Rng rng(8);
  const std::string whole = archive_of({{"s0.CLS", " 1"},
                                        {"s0.png", png(1)},
                                        {"._s0.png", "x"},
                                        {"s0.seg.png", png(3)},
                                        {"s1.png", png(2)},
                                        {"s0.png", png(1)},
                                        {"s1.cls", "0"}},
                                       false);
  write_set(plain());
  int refused = 0;
  for (int i = 0; i < fuzz_inputs(300); ++i) {
    write("wds/test/0.tar", mutate(whole, rng));
    refused += !input_error([&] {
                  const Listing read = listing("wds");
                  for (const Item& item : read.items) decode_item(read, item);
                }).empty();
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace cliplab
