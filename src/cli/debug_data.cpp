// For tests/parity and tests/bench: pixels and labels of any set as the readers give them, and the rate of the shard
// loader.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/debug.hpp"
#include "kernels/normalize.hpp"
#include "sets/loader.hpp"
#include "sets/open_set.hpp"

namespace cliplab {
namespace {

std::int64_t number(const std::string& word) {
  std::int64_t value = 0;
  if (!parse_number(word, value) || value < 0) fail("debug", "'" + word + "'", "a number");
  return value;
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  long whole = 0, resident = 0;
  file >> whole >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace

int debug_samples(const std::string& name, const std::string& split, const std::string& most) {
  const std::int64_t count = number(most);
  const auto set = open_dataset(name, split);
  for (std::int64_t i = 0; i < std::min(count, set->size()); ++i) {
    const Sample sample = set->get(i);
    std::cout << fmt::format("{} {} {} {}\n", sample.image.height, sample.image.width, sample.image.channels,
                             set->class_names()[sample.label]);
    std::cout.write(reinterpret_cast<const char*>(sample.image.pixels.data()),
                    static_cast<std::streamsize>(sample.image.size()));
  }
  return 0;
}

int debug_loader_speed(const std::string& shards, const std::string& size, const std::string& most) {
  using Clock = std::chrono::steady_clock;
  LoaderOptions options;
  options.shards = expand_shards(shards), options.preprocess.size = static_cast<int>(number(size));
  const std::int64_t count = number(most), area = 3 * options.preprocess.size * options.preprocess.size;
  const NormalizeTable table =
      make_normalize_table(options.preprocess.normalization.mean, options.preprocess.normalization.std);
  std::vector<float> floats(options.batch * area);  // [B, 3, size, size]
  std::vector<LoadedSample> batch;
  const auto start = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::int64_t done = 0, bad = 0;
  double first = 0, waited = 0, early = 0;
  for (; done < count; ++options.epoch) {
    Loader loader(options);
    while (done < count && loader.next(batch)) {
      for (std::size_t i = 0; i < batch.size(); ++i)
        normalize_cpu(batch[i].image.pixels.data(), 1, options.preprocess.size, table,
                      floats.data() + static_cast<std::int64_t>(i) * area);
      if (done == 0) first = seconds();
      done += std::ssize(batch);
      if (early == 0 && 10 * done >= count) early = resident_mib();
    }
    bad += loader.bad(), waited += loader.waited_seconds();
    if (loader.position() == 0) fail(shards, "no sample", "<key>.jpg with <key>.txt or <key>.cls");
  }
  fmt::print(
      "{:.1f} images/s, {:.3f} s to the first batch, {} bad, waited {:.1f} %, {:.1f} MiB after a tenth, {:.1f} MiB at "
      "the end\n",
      static_cast<double>(done) / seconds(), first, bad, 100 * waited / seconds(), early, resident_mib());
  return 0;
}

}  // namespace cliplab
