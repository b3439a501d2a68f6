// parallel_for: each item once, exceptions out, nested calls inline, no busy waiting. The number of threads
// is fixed at the first use in a process, so tests that need their own number run in a fresh process
// (threadsafe death tests).
#include "base/parallel.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/error.hpp"

namespace cliplab {
namespace {

/// Runs `body` in a new process with CLIPLAB_THREADS=`threads`; its result is the exit code.
template <class Body>
void in_process(const char* threads, int expected, const Body& body) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT((::setenv("CLIPLAB_THREADS", threads, 1), std::_Exit(body())), testing::ExitedWithCode(expected), "");
}

TEST(Parallel, DoesEachItemOnce) {
  for (const std::int64_t count : {0, 1, 2, 3, 63, 1000, 100003}) {
    std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
    parallel_for(count, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
    for (const auto& times : done) ASSERT_EQ(times, 1);
  }
}

TEST(Parallel, RethrowsTheExceptionAndStopsHandingOut) {
  std::atomic<int> calls{0};
  const auto body = [&](std::int64_t i) {
    ++calls;
    if (i == 10) throw std::runtime_error("item 10");
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  };
  try {
    parallel_for(100000, body);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "item 10");
  }
  EXPECT_LT(calls, 10000);
  std::atomic<int> after{0};
  parallel_for(100, [&](std::int64_t) { ++after; });
  EXPECT_EQ(after, 100);
}

TEST(Parallel, RunsNestedLoopsOnTheThreadTheyAreIn) {
  in_process("4", 7, [] {
    std::atomic<int> items{0}, moved{0};
    parallel_for(16, [&](std::int64_t) {
      const auto outer = std::this_thread::get_id();
      parallel_for(16, [&](std::int64_t) {
        ++items;
        if (std::this_thread::get_id() != outer) ++moved;
      });
    });
    return items == 256 && moved == 0 ? 7 : 1;
  });
}

TEST(Parallel, UsesTheThreadsThatTheEnvironmentAsksFor) {
  in_process("3", 3, [] { return num_threads(); });
  in_process("3", 3, [] {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    parallel_for(300, [&](std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    });
    return static_cast<int>(threads.size());
  });
}

TEST(Parallel, RefusesAThreadCountThatIsNone) {
  for (const char* text : {"0", "4x", "-1", "many", "100000"})
    in_process(text, 9, [] {
      try {
        return num_threads();
      } catch (const InputError&) {
        return 9;
      }
    });
}

TEST(Parallel, RespectsTheAffinityOfTheProcess) {
  in_process("", 1, [] {
    cpu_set_t all, one;
    ::sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return num_threads();
  });
}

TEST(Parallel, WaitsWithoutBurningTheProcessor) {
  const std::clock_t start = std::clock();
  parallel_for(2, [](std::int64_t i) { std::this_thread::sleep_for(std::chrono::milliseconds(i == 0 ? 400 : 0)); });
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 0.2) << "of processor time while 0.4 s were slept";
}

}  // namespace
}  // namespace cliplab
