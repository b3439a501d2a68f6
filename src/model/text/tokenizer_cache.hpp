// Words that the tokenizer has already merged, with their ids; for tokenizer.cpp alone. Any number of threads
// look up and insert without a lock: an entry is never changed once its slot points to it. An entry is one
// cache line; longer words are merged each time. The table is full when it is full: nothing is thrown out.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace cliplab {

class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 24, kMaxIds = 8;

  using Bytes = std::array<std::uint64_t, 3>;
  static_assert(sizeof(Bytes) == kMaxBytes);

  /// The key of a word of at most kMaxBytes: its bytes, padded with zeros, and a hash of them.
  struct Key {
    Bytes bytes{};
    std::uint32_t hash;
    explicit Key(std::string_view word) {
      std::memcpy(bytes.data(), word.data(), word.size());
      std::uint64_t h = word.size();
      for (const std::uint64_t part : bytes) h = ((h ^ part) * 0x9E3779B97F4A7C15u) ^ (h >> 29);
      hash = static_cast<std::uint32_t>(h >> 32);
    }
  };

  WordCache() : slots_(kSlots) {}
  ~WordCache() {
    for (const auto& slot : slots_) delete slot.load();
  }
  WordCache(const WordCache&) = delete;
  WordCache& operator=(const WordCache&) = delete;

  /// Empty when the word is not there.
  std::span<const std::int32_t> find(const Key& key) const {
    for (std::uint32_t i = 0; i < kProbes; ++i) {
      const Entry* entry = slots_[(key.hash + i) % kSlots].load(std::memory_order_acquire);
      if (entry == nullptr) break;
      if (same(entry->bytes, key.bytes)) return {entry->ids.data(), entry->num_ids};
    }
    return {};
  }

  /// Does nothing when the ids are too many or the places of this word are taken. Two threads may insert the
  /// same word: the second entry is never found.
  void insert(const Key& key, std::span<const std::int32_t> ids) {
    if (ids.size() > kMaxIds) return;
    auto made = std::make_unique<Entry>();
    made->bytes = key.bytes;
    made->num_ids = static_cast<std::uint32_t>(ids.size());
    std::copy(ids.begin(), ids.end(), made->ids.begin());
    for (std::uint32_t i = 0; i < kProbes; ++i) {
      const Entry* expected = nullptr;
      if (!slots_[(key.hash + i) % kSlots].compare_exchange_strong(expected, made.get(), std::memory_order_release))
        continue;
      static_cast<void>(made.release());  // the slot owns it now
      return;
    }
  }

 private:
  static bool same(const Bytes& a, const Bytes& b) {  // == calls memcmp: a fifth of all the time
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2])) == 0;
  }

  struct alignas(64) Entry {
    Bytes bytes;
    std::uint32_t num_ids;
    std::array<std::int32_t, kMaxIds> ids;
  };
  static constexpr std::uint32_t kSlots = 1u << 17, kProbes = 8;
  std::vector<std::atomic<const Entry*>> slots_;
};

}  // namespace cliplab
