// parallel_for on std::thread: items are handed out one by one from an atomic counter; nothing spins. A loop
// inside a loop runs on the thread it is in.
#include "base/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

thread_local bool inside_loop = false;

}  // namespace

int num_threads() {
  static const int kCount = [] {
    if (const char* text = std::getenv("CLIPLAB_THREADS"); text != nullptr && *text != '\0') {
      const std::string_view word = text;
      int wanted = 0;
      if (!parse_number(word, wanted) || wanted < 1 || wanted > 1024)
        fail("CLIPLAB_THREADS", "'" + std::string(word) + "'", "an integer in [1, 1024]", "unset it for all cores");
      return wanted;
    }
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }();
  return kCount;
}

void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  const auto workers = std::min<std::int64_t>(num_threads(), count);
  if (workers <= 1 || inside_loop) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  // Blocks of items: few enough hand-outs for tiny bodies, enough of them for uneven ones.
  const std::int64_t block = std::max<std::int64_t>(1, count / (workers * 32));
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto work = [&] {
    inside_loop = true;
    try {
      for (;;) {
        const std::int64_t begin = next.fetch_add(block);
        if (begin >= count || failed) break;
        for (std::int64_t i = begin; i < std::min(count, begin + block) && !failed; ++i) body(i);
      }
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
      failed = true;
    }
    inside_loop = false;
  };
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(workers - 1));
  try {
    for (std::int64_t i = 1; i < workers; ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gives no more threads: those that run, and this one, do the work.
  }
  work();
  for (auto& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace cliplab
