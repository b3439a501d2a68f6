// What is left to this process, and the limits that count.
#include "base/memory.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

TEST(Memory, IsWhatTheMachineHasAndNoMore) {
  const std::size_t left = memory_left(), all = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
                                                static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_GT(left, std::size_t{16} << 20);
  EXPECT_LE(left, all);
  EXPECT_NO_THROW(need_memory("file", 1000));
  try {
    need_memory("images.tar.gz", all + (std::size_t{1} << 30), "decompress it");
    FAIL() << "expected an error";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("images.tar.gz: "));
    EXPECT_THAT(error.what(), testing::HasSubstr("MiB of memory needed, expected at most"));
    EXPECT_THAT(error.what(), testing::HasSubstr("; decompress it"));
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // whose shadow takes terabytes of address space
TEST(Memory, FollowsTheLimitOnTheAddressSpace) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{std::size_t{4} << 30, std::size_t{4} << 30};
    ::setrlimit(RLIMIT_AS, &limit);
    ::_exit(memory_left() < (std::size_t{4} << 30) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
#endif

}  // namespace
}  // namespace cliplab
