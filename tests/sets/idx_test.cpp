// IDX files: shape, values, class names; hostile headers are one error.
#include "sets/idx.hpp"

#include <gmock/gmock.h>
#include <zlib.h>

#include "fuzz_inputs.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

class IdxFolderTest : public TwinTest {
 protected:
  void write_files(const std::string& images, const std::string& labels) const {
    for (const std::string prefix : {"digits/train", "digits/t10k"})
      write(prefix + "-images-idx3-ubyte.gz", images), write(prefix + "-labels-idx1-ubyte.gz", labels);
    write("digits/classes.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  }
};

TEST_F(IdxFolderTest, GreyIsRepeatedThreeTimes) {
  write_files(gzip(idx({12, 2, 3}, 72)), gzip(idx({12}, 12)));
  const auto set = open_labels("digits", "test");
  ASSERT_EQ(set->size(), 12);
  const Sample sample = set->get(3);
  EXPECT_EQ(sample.image.height, 2);
  EXPECT_EQ(sample.image.width, 3);
  EXPECT_EQ(set->class_names()[sample.label], "d");
  for (int p = 0; p < 6; ++p)
    for (int c = 0; c < 3; ++c) EXPECT_EQ(sample.image.pixels[3 * p + c], (18 + p) % 10);
}

TEST_F(IdxFolderTest, PicturesAndLabelsThatDoNotFitAreRefused) {
  const std::string images = gzip(idx({12, 2, 3}, 72));
  const auto error_of = [&](const std::string& labels) {
    write_files(images, labels);
    return input_error([&] { read_listing(sets / "digits"); });
  };
  EXPECT_THAT(error_of(gzip(idx({11}, 11))), HasSubstr("12 pictures, expected 11"));
  EXPECT_THAT(error_of(images), HasSubstr("other sizes"));
  std::string label = idx({12}, 12);
  label.back() = 10;
  EXPECT_EQ(error_of(gzip(label)), "");
  EXPECT_THAT(problems("digits"), HasSubstr("picture 11 has label 10, expected one under 10"));
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
  EXPECT_THAT(error_of(idx({3}, 4)), HasSubstr("more values, expected 3"));
  EXPECT_THAT(input_error([] { read_idx("plain bytes", "file.gz"); }), HasSubstr("not a whole gzip"));
  EXPECT_THAT(input_error([] { read_idx("", "file.gz"); }), HasSubstr("not a whole gzip"));
  const std::string whole = gzip(idx({100}, 100));
  EXPECT_THAT(input_error([&] { read_idx(whole.substr(0, whole.size() - 9), "file.gz"); }),
              HasSubstr("not a whole gzip"));
  EXPECT_THAT(input_error([] { read_idx(gzip(idx({4 << 20}, 4 << 20)), "bomb.gz", 1 << 20); }),
              HasSubstr("sizes over the limit"));
  EXPECT_THAT(input_error([] { read_idx(gzip(idx({9}, 4 << 20)), "bomb.gz"); }), HasSubstr("more values"));
}

TEST_F(IdxTest, MutationsGiveOnlyInputErrors) {
  const std::string plain = idx({6, 4, 5}, 120), packed = gzip(plain);
  Rng rng(11);
  int refused = 0;
  for (int i = 0; i < fuzz_inputs(4000); ++i) {
    refused += !input_error([&] { read_idx(gzip(mutate(plain, rng)), "fuzz"); }).empty();
    input_error([&] { read_idx(mutate(packed, rng), "fuzz"); });
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace cliplab
