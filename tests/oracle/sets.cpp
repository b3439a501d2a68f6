// Samples of any data set as the readers give them, and the speed of the shard loader.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "kernels/normalize.hpp"
#include "oracle.hpp"
#include "sets/loader.hpp"
#include "sets/set_ref.hpp"

namespace cliplab::oracle {
namespace {

std::int64_t count_of(const std::string& word) {
  std::int64_t value = 0;
  if (!parse_number(word, value) || value < 0) fail("cliplab_oracle", "'" + word + "'", "a number");
  return value;
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  long whole = 0, resident = 0;
  file >> whole >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace

/// For each of the first COUNT samples a line "H W C class", then the pixels.
void samples(Words words) {
  const std::int64_t count = count_of(words[2]);
  const auto set = open_dataset(SetRef::parse(words[0]), words[1]);
  for (std::int64_t i = 0; i < std::min(count, set->size()); ++i) {
    const Sample sample = set->get(i);
    std::cout << fmt::format("{} {} {} {}\n", sample.image.height, sample.image.width, sample.image.channels,
                             set->class_names()[sample.label]);
    write_bytes(sample.image.pixels.data(), sample.image.size());
  }
}

/// COUNT samples of SHARDS to normalised floats, epoch after epoch: rate, seconds to the first batch, memory.
void loader_speed(Words words) {
  LoaderOptions options;
  options.shards = expand_shards(words[0]), options.preprocess.size = static_cast<int>(count_of(words[1]));
  const std::int64_t count = count_of(words[2]), area = 3 * options.preprocess.size * options.preprocess.size;
  const NormalizeTable table =
      make_normalize_table(options.preprocess.normalization.mean, options.preprocess.normalization.std);
  std::vector<float> floats(options.batch * area);  // [B, 3, SIZE, SIZE]
  std::vector<LoadedSample> batch;
  const auto start = Clock::now();
  std::int64_t done = 0, bad = 0;
  double first = 0, waited = 0, early = 0;
  for (; done < count; ++options.epoch) {
    Loader loader(options);
    while (done < count && loader.next(batch)) {
      for (std::size_t i = 0; i < batch.size(); ++i)
        normalize_cpu(batch[i].image.pixels.data(), 1, options.preprocess.size, table,
                      floats.data() + static_cast<std::int64_t>(i) * area);
      if (done == 0) first = seconds_since(start);
      done += std::ssize(batch);
      if (early == 0 && 10 * done >= count) early = resident_mib();
    }
    bad += loader.bad(), waited += loader.waited_seconds();
    if (loader.position() == 0) fail(words[0], "no sample", "<key>.jpg with <key>.txt");
  }
  fmt::print(
      "{:.1f} images/s, {:.3f} s to the first batch, {} bad, waited {:.1f} %, {:.1f} MiB after a tenth, {:.1f} MiB at "
      "the end\n",
      static_cast<double>(done) / seconds_since(start), first, bad, 100 * waited / seconds_since(start), early,
      resident_mib());
}

}  // namespace cliplab::oracle
