// Files are whole or absent, also on a full disk and after kill -9; locks keep processes apart; signals ask
// before they kill.
#include "base/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "base/error.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class WholeFiles : public testing::Test {
 protected:
  WholeFiles() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~WholeFiles() override { fs::remove_all(folder_); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  const fs::path folder_ = fs::path(testing::TempDir()) / ("files_test_" + std::to_string(::getpid()));
  const fs::path file_ = folder_ / "file.bin";
};

pid_t in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  return child;
}

int exit_code(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

template <class Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(WholeFiles, WriteThenReadGivesTheSameBytes) {
  const std::string bytes("a\0b\n\xff", 5);
  write_file_atomically(file_, bytes);
  EXPECT_EQ(read_file(file_), bytes);
  write_file_atomically(file_, "");
  EXPECT_EQ(read_file(file_), "");
  const std::string large(5'000'001, 'x');
  write_file_atomically(file_, large);
  EXPECT_EQ(read_file(file_), large);
  EXPECT_EQ(files(), 1u) << "a part file was left";
}

TEST_F(WholeFiles, ReadNamesTheFileAndTheCause) {
  EXPECT_EQ(error_of([&] { read_file(file_); }),
            file_.string() + ": cannot be read (No such file or directory), expected a readable file");
  EXPECT_EQ(error_of([&] { read_file(folder_); }),
            folder_.string() + ": cannot be read (Is a directory), expected a readable file");
}

TEST_F(WholeFiles, ReadRefusesMoreThanItsLimitAlsoFromEndlessFiles) {
  write_file_atomically(file_, "12345");
  EXPECT_EQ(read_file(file_, 5), "12345");
  EXPECT_EQ(error_of([&] { read_file(file_, 4); }), file_.string() + ": a file of more bytes, expected at most 4");
  EXPECT_EQ(error_of([&] { read_file("/dev/zero", 100); }), "/dev/zero: a device, expected a regular file");
  EXPECT_FALSE(read_file("/proc/self/status").empty()) << "a file whose size the system reports as 0";
}

TEST_F(WholeFiles, WriteIntoAMissingFolderNamesTheFile) {
  const fs::path file = folder_ / "missing" / "file";
  EXPECT_EQ(
      error_of([&] { write_file_atomically(file, "x"); }),
      file.string() + ": cannot write it (No such file or directory), expected a writable folder with free space");
}

TEST_F(WholeFiles, FullDiskLeavesTheOldFileAndNoPart) {
  write_file_atomically(file_, "old");
  EXPECT_EQ(exit_code(in_child([&] {
              const rlimit limit{100000, 100000};  // writes beyond it fail as on a full disk
              ::setrlimit(RLIMIT_FSIZE, &limit);
              ::signal(SIGXFSZ, SIG_IGN);
              const std::string error = error_of([&] { write_file_atomically(file_, std::string(1'000'000, 'x')); });
              return error.find("cannot write it (File too large)") != std::string::npos ? 0 : 1;
            })),
            0);
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WholeFiles, DeviceWithoutSpaceIsNamed) {
  // A part file that leads to /dev/full: every write gives ENOSPC.
  fs::create_symlink("/dev/full", part_path(file_));
  EXPECT_EQ(error_of([&] { write_file_atomically(file_, "x"); }),
            file_.string() + ": cannot write it (No space left on device), expected a writable folder with free space");
  EXPECT_EQ(files(), 0u);
}

TEST_F(WholeFiles, KilledWriterLeavesTheOldFileWhole) {
  const std::string old(300'000, 'a'), renewed(300'000, 'b');
  write_file_atomically(file_, old);
  for (int round = 0; round < 20; ++round) {
    const pid_t child = in_child([&]() -> int {
      for (;;) write_file_atomically(file_, renewed), write_file_atomically(file_, old);
    });
    std::this_thread::sleep_for(milliseconds(3 + round));
    ::kill(child, SIGKILL);
    EXPECT_EQ(exit_code(child), 1000 + SIGKILL);
    const std::string found = read_file(file_);
    ASSERT_TRUE(found == old || found == renewed) << "torn in round " << round;
  }
}

TEST_F(WholeFiles, TwoWritersGiveOneOfTheirFiles) {
  std::vector<std::thread> threads;
  for (const char letter : {'a', 'b', 'c'})
    threads.emplace_back([&, letter] {
      for (int i = 0; i < 30; ++i) write_file_atomically(file_, std::string(50000, letter));
    });
  for (auto& thread : threads) thread.join();
  const std::string found = read_file(file_);
  EXPECT_EQ(found, std::string(50000, found[0]));
  EXPECT_EQ(files(), 1u);
}

TEST_F(WholeFiles, CommitFailsWithoutAPartAndNamesTheTarget) {
  EXPECT_NE(error_of([&] { commit_file(folder_ / "none", file_); }).find("No such file"), std::string::npos);
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(WholeFiles, LockKeepsASecondProcessOutUntilTheFirstDies) {
  const fs::path lock = folder_ / ".lock", order = folder_ / "order";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t holder = in_child([&] {
    const FileLock held(lock);
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    std::this_thread::sleep_for(std::chrono::seconds(60));
    return 0;
  });
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const fs::path messages = folder_ / "stderr";
  const pid_t waiter = in_child([&] {
    ::dup2(::open(messages.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644), STDERR_FILENO);
    const FileLock held(lock);
    std::ofstream(order) << "got it";
    return 0;
  });
  std::this_thread::sleep_for(milliseconds(350));
  EXPECT_FALSE(fs::exists(order)) << "two processes hold one lock";
  ::kill(holder, SIGKILL);
  EXPECT_EQ(exit_code(holder), 1000 + SIGKILL);
  EXPECT_EQ(exit_code(waiter), 0);
  EXPECT_TRUE(fs::exists(order));
  EXPECT_EQ(read_file(messages), "waiting for another cliplab that holds " + lock.string() + "\n");
}

TEST_F(WholeFiles, LockIsFreeAgainAfterItsScope) {
  { const FileLock held(folder_ / ".lock"); }
  const FileLock again(folder_ / ".lock");
  EXPECT_NE(error_of([&] { const FileLock none(folder_ / "no" / ".lock"); }).find("No such file"), std::string::npos);
}

TEST_F(WholeFiles, WaitForALockGivesWayToAStop) {
  const FileLock held(folder_ / ".lock");
  const pid_t waiter = in_child([&] {
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    install_stop_handlers();
    try {
      const FileLock second(folder_ / ".lock");
    } catch (const Interrupted&) {
      return 5;
    }
    return 0;
  });
  std::this_thread::sleep_for(milliseconds(200));
  ::kill(waiter, SIGTERM);
  EXPECT_EQ(exit_code(waiter), 5);
}

TEST_F(WholeFiles, FirstSignalAsksAndTheSecondStopsAtOnce) {
  const auto child = [&](int signals) {
    return exit_code(in_child([signals] {
      ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
      install_stop_handlers();
      if (stop_requested()) return 1;
      for (int i = 0; i < signals; ++i) ::raise(i == 0 ? SIGINT : SIGTERM);
      return stop_requested() ? 7 : 2;
    }));
  };
  EXPECT_EQ(child(1), 7);
  EXPECT_EQ(child(2), 130);
}

TEST_F(WholeFiles, ProjectRootIsTheNearestParentWithExperiments) {
  fs::create_directories(folder_ / "project/experiments/deep");
  const auto root_from = [&](const fs::path& folder, const char* variable) {
    return exit_code(in_child([&] {
      variable == nullptr ? ::unsetenv("CLIPLAB_ROOT") : ::setenv("CLIPLAB_ROOT", variable, 1);
      fs::current_path(folder);
      try {
        return project_root() == fs::canonical(folder_ / "project") ? 1 : 2;
      } catch (const InputError&) {
        return 3;
      }
    }));
  };
  EXPECT_EQ(root_from(folder_ / "project/experiments/deep", nullptr), 1);
  EXPECT_EQ(root_from(folder_ / "project", nullptr), 1);
  EXPECT_EQ(root_from("/", nullptr), 3);
  EXPECT_EQ(root_from("/", fs::canonical(folder_ / "project").c_str()), 1);
  EXPECT_EQ(root_from(folder_ / "project", "/nonexistent"), 3);
}

TEST_F(WholeFiles, ANamedFileIsTheOneThatIsThereElseTheProjects) {
  fs::create_directories(folder_ / "project/experiments");
  fs::create_directories(folder_ / "else");
  for (const char* file : {"project/both.txt", "project/own.txt", "else/both.txt"})
    write_file_atomically(folder_ / file, "text");
  EXPECT_EQ(exit_code(in_child([&] {
              ::setenv("CLIPLAB_ROOT", (folder_ / "project").c_str(), 1);
              fs::current_path(folder_ / "else");
              return named_file("both.txt") == "both.txt" && named_file("own.txt") == folder_ / "project/own.txt" &&
                             named_file((folder_ / "else/both.txt").string()) == folder_ / "else/both.txt"
                         ? 1
                         : 2;
            })),
            1);
}

}  // namespace
}  // namespace cliplab
