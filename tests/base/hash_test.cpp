// Vectors: NIST FIPS 180-4 examples ("abc", the empty text) and sha256sum.
#include "base/hash.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"

namespace cliplab {
namespace {

TEST(Hash, MatchesTheStandardsExamples) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hash, OfAFileIsThatOfItsBytesAcrossBuffers) {
  const std::string path = testing::TempDir() + "hash_test_" + std::to_string(::getpid());
  std::string bytes(3'000'017, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 131 >> 3);
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(sha256_file(path), sha256_hex(bytes));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{1} << 20) + 1})
    EXPECT_EQ(sha256_file(path, size), sha256_hex(std::string_view(bytes).substr(0, size)));
  std::filesystem::remove(path);
}

TEST(Hash, NamesAFileThatCannotBeRead) {
  for (const std::string path : {"/nonexistent/file", "/tmp"}) try {
      sha256_file(path);
      FAIL() << path;
    } catch (const InputError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(path + ": cannot be read (")) << error.what();
    }
}

}  // namespace
}  // namespace cliplab
