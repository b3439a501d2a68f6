// A stream of encoded samples behind one lock, decoders that take from it in turn, a ring of slots in the stream's
// order.
#include "sets/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "base/rng.hpp"
#include "pixels/codecs.hpp"
#include "sets/archive_reader.hpp"
#include "sets/members.hpp"
#include "sets/shard_samples.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNamed = 5;    // bad samples that are named; the rest is counted
constexpr std::int64_t kPeeked = 64;  // samples of the first shard that are looked at for captions

struct Encoded {
  std::string key, picture, text;
  std::string where;    // shard:member of the picture
  std::string problem;  // not empty: what is wrong, in a line
  int rank = -1;        // of the picture's suffix; -1: none yet
  bool has_text = false, has_class = false;

  std::int64_t bytes() const { return std::ssize(picture) + std::ssize(text); }
};

/// The samples of one shard after the other by webdataset's rules (shard_samples.hpp): members of one key that follow
/// each other. What is wrong with a sample, or with a shard, comes as an Encoded with a problem.
class ShardStream {
 public:
  explicit ShardStream(std::vector<fs::path> shards) : shards_(std::move(shards)) {}

  bool next(Encoded& sample) {
    sample = {};
    for (;;) {
      if (!has_member_ && !read_member()) {
        if (!sample.key.empty()) return check(sample);  // the last of its shard
        if (!problem_.empty()) return sample.problem = std::exchange(problem_, {}), true;
        if (at_ == shards_.size()) return false;
        continue;
      }
      if (!sample.key.empty() && member_.key != sample.key) return check(sample);  // the member begins the next one
      has_member_ = false;
      if (sample.key.empty()) sample.key = member_.key, sample.where = shards_[at_].string() + ":" + member_.key;
      try {
        take(sample);
      } catch (const InputError& error) {  // the archive is damaged here
        if (sample.problem.empty()) sample.problem = std::string(error.what()) + "; what follows in it is left out";
        close();
        return true;
      }
    }
  }

 private:
  static bool check(Encoded& sample) {
    if (!sample.problem.empty()) return true;
    if (sample.rank < 0)
      sample.problem = sample.where + ": a text without a picture";
    else if (!sample.has_text)
      sample.problem = sample.where + (sample.has_class ? ": a class number (.cls) and no caption (.txt)"
                                                        : ": a picture without a text");
    else if (const std::string fault = caption_fault(sample.text); !fault.empty())
      sample.problem = sample.where + ": a caption that is " + fault;
    return true;
  }

  void close() { reader_.reset(), ++at_, has_member_ = false; }

  /// Puts the member into its sample; of several pictures the one whose suffix is wanted most. Others are not read.
  void take(Encoded& sample) {
    const std::string where = shards_[at_].string() + ":" + reader_->name();
    const int rank = picture_rank(training_pictures(), member_.suffix);
    const bool text = member_.suffix == "txt";
    sample.has_class = sample.has_class || member_.suffix == "cls";
    if (!text && rank < 0) return;
    if (text ? sample.has_text : rank == sample.rank && sample.where == where) {
      sample.problem = where + ": a name used twice";
      return;
    }
    if (!text && sample.rank >= 0 && rank >= sample.rank) return;
    if (const std::int64_t size = reader_->size(); size > kMaxMember) {
      sample.problem = fmt::format("{}: {} bytes, expected at most {}", where, size, kMaxMember);
      return;
    }
    std::string bytes = reader_->read(kMaxMember);
    if (text) {
      while (bytes.ends_with('\n') || bytes.ends_with('\r')) bytes.pop_back();
      sample.text = std::move(bytes), sample.has_text = true;
    } else {
      sample.picture = std::move(bytes), sample.rank = rank, sample.where = where;
    }
  }

  /// Goes to the next member of this shard that belongs to a sample. False: the shard's end, or problem_.
  bool read_member() {
    if (at_ == shards_.size() || !problem_.empty()) return false;
    try {
      if (!reader_) reader_.emplace(shards_[at_], ArchiveReader::Formats::kTar);
      while (reader_->next()) {
        if (!reader_->is_file() || reader_->name().empty()) continue;
        auto member = sample_member(reader_->name());
        if (!member) continue;
        member_ = std::move(*member);
        return has_member_ = true;
      }
      return close(), false;
    } catch (const InputError& error) {
      problem_ = std::string(error.what()) + "; what follows in it is left out";
      close();
      return false;
    }
  }

  std::vector<fs::path> shards_;
  std::size_t at_ = 0;
  std::optional<ArchiveReader> reader_;  // at the member that member_ names
  bool has_member_ = false;              // not in a sample yet
  MemberName member_;
  std::string problem_;  // not reported by a sample yet
};

std::vector<fs::path> shards_of_rank(const LoaderOptions& options) {
  std::vector<fs::path> all = options.shards, mine;
  Rng rng(options.seed, 0x5a4d0000ull + static_cast<std::uint64_t>(options.epoch));
  if (options.shuffle_shards) rng.shuffle(all);
  for (std::size_t i = options.rank; i < all.size(); i += options.ranks) mine.push_back(all[i]);
  return mine;
}

LoaderOptions checked(LoaderOptions options) {
  const auto need = [](bool right, const std::string& found, const char* expected) {
    if (!right) fail("loader", found, expected);
  };
  need(!options.shards.empty(), "no shard", "tar files");
  need(options.batch > 0 && options.ahead > 0, "no batch", "batch and ahead above 0");
  need(options.threads >= 0 && options.skip >= 0, "a negative option", "threads and skip of 0 or more");
  need(options.rank >= 0 && options.rank < options.ranks, fmt::format("rank {} of {}", options.rank, options.ranks),
       "a rank under the number of ranks");
  need(std::ssize(options.shards) >= options.ranks,
       fmt::format("{} shards for {} ranks", options.shards.size(), options.ranks), "one each at least");
  if (options.threads == 0) options.threads = num_threads();
  return options;
}

}  // namespace

struct Loader::State {
  explicit State(LoaderOptions given)
      : options(checked(std::move(given))),
        stream(shards_of_rank(options)),
        rng(options.seed,
            (0xb0ffull + static_cast<std::uint64_t>(options.epoch)) * 65536 + static_cast<std::uint64_t>(options.rank)),
        slots(options.ahead * options.batch) {}

  struct Slot {
    bool done = false;
    LoadedSample sample;
    std::string problem;
  };

  /// The next sample in shuffled order. Under `reading`.
  bool draw(Encoded& sample) {
    if (options.buffer <= 1) return stream.next(sample);
    while (!stream_ended && std::ssize(waiting) < options.buffer && waiting_bytes < options.buffer_bytes) {
      Encoded one;
      if (stream.next(one))
        waiting_bytes += one.bytes(), waiting.push_back(std::move(one));
      else
        stream_ended = true;
    }
    if (waiting.empty()) return false;
    std::swap(waiting[rng.below(waiting.size())], waiting.back());
    sample = std::move(waiting.back());
    waiting.pop_back();
    waiting_bytes -= sample.bytes();
    return true;
  }

  void decode_all() {
    try {
      for (;;) {
        Encoded encoded;
        std::int64_t mine = 0;
        {
          const std::lock_guard<std::mutex> turn(reading);
          {
            std::unique_lock<std::mutex> lock(mutex);
            room.wait(lock, [&] { return stop || ended || given_out - taken < std::ssize(slots); });
            if (stop || ended) return;
          }
          bool any = draw(encoded);
          for (; any && skipped < options.skip; ++skipped) {
            if (stop_requested()) throw Interrupted("stopped while going to the place where a pass stopped");
            any = draw(encoded);
          }
          const std::lock_guard<std::mutex> lock(mutex);
          if (!any) {
            ended = true;
            ready.notify_all(), room.notify_all();
            return;
          }
          mine = given_out++;
        }
        Slot slot{.done = true,
                  .sample = {.key = std::move(encoded.key), .text = std::move(encoded.text), .image = {}},
                  .problem = std::move(encoded.problem)};
        if (slot.problem.empty()) try {
            const Image decoded = decode_image(encoded.picture, encoded.where);
            slot.sample.image = options.view ? options.view(decoded, options.skip + mine)
                                             : preprocess_pixels(decoded, options.preprocess);
          } catch (const InputError& error) {
            slot.problem = error.what();
          }
        const std::lock_guard<std::mutex> lock(mutex);
        slots[mine % std::ssize(slots)] = std::move(slot);
        if (mine == taken) ready.notify_one();
      }
    } catch (...) {  // no memory, no threads
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception(), ended = true;
      ready.notify_all(), room.notify_all();
    }
  }

  /// Moves the next slot out; false: the end.
  bool take(Slot& slot) {
    std::unique_lock<std::mutex> lock(mutex);
    Slot& here = slots[taken % std::ssize(slots)];
    const auto there = [&] { return here.done || failure || (ended && taken == given_out); };
    if (!there()) {
      const auto start = Clock::now();
      while (!ready.wait_for(lock, std::chrono::milliseconds(200), there))
        if (stop_requested()) throw Interrupted("stopped while loading samples");
      waited += seconds_since(start);
    }
    if (failure) std::rethrow_exception(failure);
    if (!here.done) return false;
    slot = std::exchange(here, {});
    ++taken;
    room.notify_one();
    return true;
  }

  const LoaderOptions options;
  std::mutex reading;  // the stream and the order; before `mutex`
  ShardStream stream;
  Rng rng;
  std::vector<Encoded> waiting;
  std::int64_t waiting_bytes = 0;
  bool stream_ended = false;
  std::int64_t skipped = 0;

  std::mutex mutex;  // the ring
  std::condition_variable ready, room;
  std::vector<Slot> slots;
  std::int64_t given_out = 0, taken = 0;
  bool ended = false, stop = false;
  std::exception_ptr failure;

  std::int64_t bad = 0;
  double waited = 0;
  std::vector<std::thread> threads;
};

Loader::Loader(LoaderOptions options) : state_(std::make_unique<State>(std::move(options))) {
  for (int i = 0; i < state_->options.threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->decode_all(); });
}

Loader::~Loader() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stop = true;
    state_->room.notify_all();
  }
  for (std::thread& thread : state_->threads) thread.join();
}

bool Loader::next(std::vector<LoadedSample>& samples, std::int64_t count) {
  samples.clear();
  if (count <= 0) count = state_->options.batch;
  State::Slot slot;
  while (std::ssize(samples) < count && state_->take(slot)) {
    if (slot.problem.empty()) {
      samples.push_back(std::move(slot.sample));
      continue;
    }
    if (state_->options.bad_is_fatal)
      fail("loader", slot.problem, "samples without fault", "leave bad ones out, or mend the shard");
    if (++state_->bad <= kNamed) say("left out: " + slot.problem);
    if (state_->bad == kNamed) say("further bad samples are counted only");
  }
  return !samples.empty();
}

std::int64_t Loader::position() const { return state_->options.skip + state_->taken; }
std::int64_t Loader::bad() const { return state_->bad; }
double Loader::waited_seconds() const { return state_->waited; }

void need_captions(const std::vector<fs::path>& shards) {
  ShardStream stream(shards);
  std::int64_t classes = 0, numbers = 0, captions = 0;
  std::string where;
  Encoded sample;
  for (std::int64_t i = 0; i < kPeeked && stream.next(sample); ++i) {
    if (sample.has_class && !sample.has_text && sample.rank >= 0 && classes++ == 0) where = sample.where;
    captions += sample.has_text;
    numbers += sample.has_text && parse_class_number(sample.text);
  }
  if (classes > 0 && captions == 0)
    fail(where, "a class number (.cls) and no caption, as in each of the first samples", "captions (.txt)",
         "train on captions; a set with classes is for evaluation");
  if (captions > 1 && numbers == captions)
    say(fmt::format("{}: the captions of the first {} samples are numbers; are they class numbers?",
                    shards.front().string(), captions));
}

std::vector<fs::path> expand_shards(const std::string& pattern) {
  std::vector<fs::path> shards;
  if (fs::is_directory(pattern)) {
    for (const auto& entry : fs::directory_iterator(pattern))
      if (is_shard_name(entry.path().filename().string()) && !entry.is_directory()) shards.push_back(entry.path());
    std::sort(shards.begin(), shards.end());
    for (const fs::path& shard : shards) need_regular_file(shard);
    if (shards.empty()) fail(pattern, "no *.tar", "tar shards");
    return shards;
  }
  const auto open = pattern.find('{'), dots = pattern.find("..", open), close = pattern.find('}', open);
  if (open == std::string::npos || dots == std::string::npos || close == std::string::npos || dots > close) {
    shards.emplace_back(pattern);
  } else {
    const std::string low = pattern.substr(open + 1, dots - open - 1),
                      high = pattern.substr(dots + 2, close - dots - 2);
    const auto number = [](const std::string& text) {
      return !text.empty() && text.size() <= 7 && text.find_first_not_of("0123456789") == std::string::npos
                 ? std::stol(text)
                 : -1;
    };
    if (number(low) < 0 || number(high) < number(low))
      fail(pattern, "the range {" + low + ".." + high + "}", "two numbers in order");
    for (long i = number(low); i <= number(high); ++i)
      shards.emplace_back(fmt::format("{}{:0{}}{}", pattern.substr(0, open), i, low.size(), pattern.substr(close + 1)));
  }
  for (const fs::path& shard : shards)
    if (need_regular_file(shard); !fs::is_regular_file(shard))
      fail(shard.string(), "no such file", "a tar shard",
           shards.size() > 1 ? pattern + " names " + std::to_string(shards.size()) : "");
  return shards;
}

}  // namespace cliplab
