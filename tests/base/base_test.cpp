// Random numbers, loops, hashes, files and locks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

TEST(Rng, IsXoshiro256StarStar) {
  // The reference C of xoshiro256** 1.0 with state {1, 2, 3, 4} gives these (published first outputs).
  Rng rng(0);
  rng.set_state({1, 2, 3, 4});
  EXPECT_EQ(rng.next(), 11520u);
  EXPECT_EQ(rng.next(), 0u);
  EXPECT_EQ(rng.next(), 1509978240u);
  EXPECT_EQ(rng.next(), 1215971899390074240u);
}

TEST(Rng, StreamsAndSeedsDifferAndRepeat) {
  EXPECT_EQ(Rng(1, 2).next(), Rng(1, 2).next());
  EXPECT_NE(Rng(1, 2).next(), Rng(1, 3).next());
  EXPECT_NE(Rng(1, 2).next(), Rng(2, 2).next());
}

TEST(Rng, MomentsAreThoseOfTheDistributions) {
  Rng rng(3);
  double sum = 0, squares = 0;
  constexpr int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    sum += x, squares += x * x;
    ASSERT_LT(rng.below(7), 7u);
    const double u = rng.uniform(-2, 3);
    ASSERT_TRUE(u >= -2 && u < 3);
  }
  // Five standard errors: 1/sqrt(n) for the mean, sqrt(2/n) for the variance.
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  std::vector<int> order(50);
  std::iota(order.begin(), order.end(), 0);
  rng.shuffle(order);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[i], i);
}

TEST(ParallelFor, VisitsEachItemOnceAlsoNested) {
  std::vector<std::atomic<int>> seen(1000);
  parallel_for(10, [&](std::int64_t i) { parallel_for(100, [&](std::int64_t j) { ++seen[i * 100 + j]; }); });
  for (const auto& count : seen) ASSERT_EQ(count, 1);
  parallel_for(0, [](std::int64_t) { FAIL(); });
}

TEST(ParallelFor, RethrowsTheFirstException) {
  EXPECT_THROW(parallel_for(100,
                            [](std::int64_t i) {
                              if (i == 40) fail("a", "b", "c");
                            }),
               InputError);
}

TEST(Hash, IsSha256) {
  EXPECT_EQ(sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2
  EXPECT_THROW(sha256_file("/nonexistent/file"), InputError);
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("cliplab_files_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Files, AreWrittenWholeOrNotAtAll) {
  const fs::path file = folder_ / "a";
  write_file_atomically(file, "first");
  EXPECT_EQ(read_file(file), "first");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{}, tiny{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  tiny = old;
  tiny.rlim_cur = 1000;
  ::setrlimit(RLIMIT_FSIZE, &tiny);  // what a full disk does: the write fails in the middle
  EXPECT_THROW(write_file_atomically(file, std::string(100000, 'x')), InputError);
  ::setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(read_file(file), "first");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, AKilledWriterLeavesTheOldFile) {
  const fs::path file = folder_ / "a";
  write_file_atomically(file, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string big(64 << 20, 'n');
    for (;;) write_file_atomically(file, big);
  }
  ::usleep(30000);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const std::string now = read_file(file);
  EXPECT_TRUE(now == "old" || now.size() == (64u << 20));
}

TEST_F(Files, MissingAndOversizedFilesAreNamed) {
  EXPECT_THROW(read_file(folder_ / "none"), InputError);
  EXPECT_THROW(read_file(folder_), InputError);
  write_file_atomically(folder_ / "b", "12345");
  EXPECT_THROW(read_file(folder_ / "b", 4), InputError);
  EXPECT_THROW(write_file_atomically(folder_ / "no" / "c", "x"), InputError);
}

TEST_F(Files, ALockKeepsASecondProcessOutUntilTheFirstDies) {
  const fs::path lock = folder_ / ".lock", mark = folder_ / "mark";
  const pid_t child = ::fork();
  if (child == 0) {
    const FileLock held(lock);
    std::ofstream(mark) << "x";
    ::usleep(300000);
    ::_exit(0);
  }
  while (!fs::exists(mark)) ::usleep(1000);
  const auto start = std::chrono::steady_clock::now();
  const FileLock mine(lock);
  EXPECT_GT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace cliplab
