// The few fields of Event (tensorflow/core/util/event.proto) that scalars need, written by hand: wall_time = 1, step =
// 2, file_version = 3, summary = 5; Summary.value = 1; Value.tag = 1, simple_value = 2. Little-endian, as the
// processors here are.
#include "store/event_file.hpp"

#include <bit>
#include <chrono>
#include <cmath>
#include <fstream>

#include "base/error.hpp"

namespace cliplab {
namespace {

static_assert(std::endian::native == std::endian::little);
namespace fs = std::filesystem;

enum Wire { kVarint = 0, kDouble = 1, kBytes = 2, kFloat = 5 };

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(int number, Wire wire, const std::string& content) {
  return static_cast<char>(number << 3 | wire) + (wire == kBytes ? varint(content.size()) : "") + content;
}

/// TFRecord's: a CRC of data that has CRCs in it would be weak.
std::string masked_crc(std::string_view bytes) { return raw(std::rotr(crc32c(bytes), 15) + 0xa282ead8u); }

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

EventFile::EventFile(const fs::path& folder, std::vector<std::string> tags) : tags_(std::move(tags)) {
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) old.push_back(entry.path());
  for (const fs::path& file : old) fs::remove(file);
  path_ = folder / ("events.out.tfevents." + std::to_string(static_cast<std::int64_t>(now())) + ".cliplab");
  append(field(1, kDouble, raw(now())) + field(3, kBytes, "brain.Event:2"));
}

void EventFile::add(double wall_time, std::int64_t step, std::span<const double> values) {
  std::string summary;
  for (std::size_t i = 0; i < tags_.size(); ++i)
    if (std::isfinite(values[i]))
      summary += field(1, kBytes, field(1, kBytes, tags_[i]) + field(2, kFloat, raw(static_cast<float>(values[i]))));
  append(field(1, kDouble, raw(wall_time)) + field(2, kVarint, varint(static_cast<std::uint64_t>(step))) +
         field(5, kBytes, summary));
}

void EventFile::append(std::string_view event) {
  const std::string length = raw(static_cast<std::uint64_t>(event.size()));
  std::ofstream out(path_, std::ios::binary | std::ios::app);
  out << length << masked_crc(length) << event << masked_crc(event) << std::flush;
  if (!out) fail(path_.string(), "cannot write", "space and permission for the curves");
}

}  // namespace cliplab
