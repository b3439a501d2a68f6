// The safetensors container: round trip, hostile headers, mutated files.
#include "model/files/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "fuzz_inputs.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

class Safetensors : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("cliplab_safetensors_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "x.safetensors";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_raw(const std::string& header, const std::string& data, std::uint64_t length) {
    std::ofstream out(file_, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), 8);
    out << header << data;
  }
  void write_raw(const std::string& header, const std::string& data) { write_raw(header, data, header.size()); }
  std::string error() {
    try {
      SafetensorsFile file(file_);
    } catch (const InputError& e) {
      return e.what();
    }
    return "no error";
  }

  fs::path folder_, file_;
};

TEST_F(Safetensors, RoundTripKeepsBytesShapesAndMetadata) {
  const std::vector<float> values{1, -2, 3.5f, 0, 5, 6};
  const std::int64_t step = 7;
  write_safetensors(file_,
                    {{"a", {"F32", {2, 3}, reinterpret_cast<const char*>(values.data()), 24}},
                     {"step", {"I64", {}, reinterpret_cast<const char*>(&step), 8}}},
                    {{"k", "v \"quoted\""}});
  const SafetensorsFile file(file_);
  EXPECT_EQ(file.metadata().at("k"), "v \"quoted\"");
  EXPECT_EQ(file.tensors().at("a").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(0, std::memcmp(file.tensors().at("a").data, values.data(), 24));
  EXPECT_EQ(0, std::memcmp(file.tensors().at("step").data, &step, 8));
}

TEST_F(Safetensors, EveryFlippedBitIsNoticed) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const std::vector<float> values{1, -2, 3.5f, 0};
  write_safetensors(file_, {{"a", {"F32", {4}, reinterpret_cast<const char*>(values.data()), 16}}},
                    {{"family", "vit"}});
  const std::string whole = read_file(file_);
  EXPECT_TRUE(SafetensorsFile(file_).is_sealed());
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    ASSERT_THAT(error(),
                AllOf(HasSubstr(file_.string() + ": "), HasSubstr("delete it and give the same command again")))
        << bit;
  }
  // A file of another program, or of a version before, has no seal.
  write_raw(R"({"__metadata__":{"family":"vit"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234");
  EXPECT_EQ(error(), "no error");
  EXPECT_FALSE(SafetensorsFile(file_).is_sealed());
}

TEST_F(Safetensors, AHeaderNestedWithoutEndIsRefused) {
  using ::testing::HasSubstr;
  write_raw("{\"a\":{\"dtype\":" + std::string(1 << 20, '[') + std::string(1 << 20, ']') +
                ",\"shape\":[],\"data_offsets\":[0,0]}}",
            "");
  EXPECT_THAT(error(), HasSubstr("a header that is not JSON"));
}

TEST_F(Safetensors, RefusesHostileHeadersByName) {
  using ::testing::HasSubstr;
  write_raw("{}", "", std::uint64_t{1} << 60);
  EXPECT_THAT(error(), HasSubstr("a header of 1152921504606846976 bytes"));
  write_raw("not json", "");
  EXPECT_THAT(error(), HasSubstr("not JSON"));
  write_raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})", std::string(12, 'x'));
  EXPECT_THAT(error(), HasSubstr("tensor 'a' with offsets [0, 12) for 8 bytes"));
  write_raw(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,0]}})", "");
  EXPECT_THAT(error(), HasSubstr("an absurd shape"));
  write_raw(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234");
  EXPECT_THAT(error(), HasSubstr("a bad shape"));
  write_raw(
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
      "123456");
  EXPECT_THAT(error(), HasSubstr("overlapping tensors"));
  write_raw(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "12345");
  EXPECT_THAT(error(), HasSubstr("1 bytes after the last tensor"));
  write_raw(R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}})", "1234");
  EXPECT_THAT(error(), HasSubstr("unknown dtype"));
  fs::remove(file_);
  EXPECT_THAT(error(), HasSubstr("x.safetensors"));
}

TEST_F(Safetensors, MutatedFilesGiveOnlyInputErrors) {
  const std::vector<float> values(64, 1.5f);
  std::map<std::string, TensorBytes> tensors;
  for (const char* name : {"weight", "bias", "scale"})
    tensors[name] = {"F32", {8, 8}, reinterpret_cast<const char*>(values.data()), 256};
  write_safetensors(file_, tensors, {{"family", "vit"}});
  const std::string whole = read_file(file_);
  Rng rng(7);
  const int rounds = fuzz_inputs(5000);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = whole;
    if (rng.below(4) == 0) bytes.resize(rng.below(bytes.size()));
    for (std::uint64_t i = rng.below(6); i-- > 0 && !bytes.empty();)
      bytes[rng.below(std::min<std::uint64_t>(bytes.size(), 320))] = static_cast<char>(rng.next());
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    try {
      const SafetensorsFile file(file_);
      for (const auto& [name, tensor] : file.tensors()) ASSERT_LE(tensor.bytes, bytes.size());
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, rounds / 4);
}

}  // namespace
}  // namespace cliplab
