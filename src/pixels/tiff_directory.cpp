#include "pixels/tiff_directory.hpp"

#include <algorithm>

namespace cliplab {

namespace {

constexpr std::size_t kMostEntries = 65535;

/// Bytes of a value of a type; 0 for those that Pillow skips.
std::size_t bytes_of_type(std::uint64_t type) {
  constexpr std::size_t kBytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
  return type < std::size(kBytes) ? kBytes[type] : 0;
}

bool is_integer(int type) {
  return type == 3 || type == 4 || type == 6 || type == 8 || type == 9 || type == 13 || type == 16;
}

}  // namespace

std::uint64_t TiffDirectory::read(std::string_view bytes, std::size_t at, std::size_t size) const {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + (big_endian_ ? i : size - 1 - i)]);
  return value;
}

TiffDirectory::TiffDirectory(std::string_view bytes, const Refuse& refuse) : big_endian_(bytes.starts_with("MM")) {
  const bool large = bytes.size() > 2 && bytes[2] == 43;  // BigTIFF, as Pillow knows it
  if (bytes.size() < (large ? 16 : 8)) refuse("ends inside its header");
  const std::size_t word = large ? 8 : 4, count_size = large ? 8 : 2, entry_size = large ? 20 : 12;
  std::uint64_t at = read(bytes, large ? 8 : 4, word);
  if (at > bytes.size() || bytes.size() - at < count_size) refuse("its directory lies behind its end");
  const std::uint64_t count = std::min<std::uint64_t>(read(bytes, at, count_size), kMostEntries);
  std::uint64_t total = 0;
  at += count_size;
  for (std::uint64_t i = 0; i < count && bytes.size() - at >= entry_size; ++i, at += entry_size) {
    const auto tag = static_cast<std::uint16_t>(read(bytes, at, 2));
    const std::uint64_t type = read(bytes, at + 2, 2), values = read(bytes, at + 4, word), unit = bytes_of_type(type);
    if (entries_.contains(tag) || unit == 0 || values == 0) continue;
    if (values > bytes.size() / unit) continue;
    const std::uint64_t size = values * unit;
    std::uint64_t begin = at + 4 + word;
    if (size > word) {
      begin = read(bytes, begin, word);
      total += size;
      if (total > bytes.size()) continue;
      if (begin > bytes.size() || bytes.size() - begin < size) break;
    }
    entries_[tag] = {static_cast<int>(type), bytes.substr(begin, size)};
  }
}

std::vector<std::uint64_t> TiffDirectory::numbers(tiff::Tag tag) const {
  const auto found = entries_.find(tag);
  if (found == entries_.end() || !is_integer(found->second.type)) return {};
  const std::size_t unit = bytes_of_type(found->second.type);
  std::vector<std::uint64_t> values(found->second.data.size() / unit);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = read(found->second.data, i * unit, unit);
  return values;
}

std::uint64_t TiffDirectory::number(tiff::Tag tag, std::uint64_t usual) const {
  if (!has(tag)) return usual;
  const auto values = numbers(tag);
  return values.empty() ? ~std::uint64_t{0} : values[0];
}

TiffKind TiffKind::of(const TiffDirectory& directory, const TiffDirectory::Refuse& refuse) {
  using Numbers = std::vector<std::uint64_t>;
  TiffKind kind;
  const std::uint64_t width = directory.number(tiff::kWidth, 0), height = directory.number(tiff::kHeight, 0);
  if (width < 1 || height < 1 || width > 0x7FFFFFFF || height > 0x7FFFFFFF) refuse("no width and height");
  kind.width = static_cast<int>(width), kind.height = static_cast<int>(height);
  kind.compression = directory.number(tiff::kCompression, 1);
  const bool old_jpeg = kind.compression == 6;
  const std::uint64_t photometric = old_jpeg ? 6 : directory.number(tiff::kPhotometric, 0);
  const std::uint64_t fill_order = directory.number(tiff::kFillOrder, 1);
  kind.planes = directory.number(tiff::kPlanar, 1) == 2;
  Numbers formats = directory.has(tiff::kSampleFormat) ? directory.numbers(tiff::kSampleFormat) : Numbers{1};
  Numbers bits = directory.has(tiff::kBits) ? directory.numbers(tiff::kBits) : Numbers{1};
  Numbers extra = directory.numbers(tiff::kExtraSamples);
  std::uint64_t samples = directory.number(tiff::kSamples, old_jpeg ? 3 : 1);
  const auto same = [](const Numbers& values) {
    return !values.empty() &&
           std::all_of(values.begin(), values.end(), [&](std::uint64_t v) { return v == values[0]; });
  };
  if (kind.planes && !extra.empty() &&
      std::all_of(extra.begin(), extra.end(), [](std::uint64_t v) { return v == 0; })) {
    if (bits.size() >= extra.size()) bits.resize(bits.size() - extra.size());
    samples -= std::min<std::uint64_t>(samples, extra.size());
    extra.clear();
  }
  if (samples < bits.size()) bits.resize(samples);
  if (bits.size() == 1 && samples > 1 && samples <= 6) bits.resize(samples, bits[0]);
  const auto unknown = [&] {
    refuse("photometric " + std::to_string(photometric) + " with " + std::to_string(samples) + " samples of " +
           (bits.empty() ? "no" : std::to_string(bits[0])) + " bits, which Pillow does not read");
  };
  if (samples < 1 || samples > 6 || bits.size() != samples || !same(bits) || !same(formats) ||
      (fill_order != 1 && fill_order != 2))
    unknown();
  if (photometric == 8) refuse("CIE L*a*b*, which is not read; convert it to RGB");
  kind.bits = static_cast<int>(std::min<std::uint64_t>(bits[0], 64)), kind.samples = static_cast<int>(samples);
  kind.reversed = fill_order == 2;
  kind.inverted = photometric == 0;
  kind.is_signed = formats[0] == 2, kind.is_float = formats[0] == 3;
  const int b = kind.bits;
  const bool plain = formats[0] == 1, small = b == 1 || b == 2 || b == 4 || b == 8, straight = !kind.reversed;
  const bool little = !directory.big_endian();
  bool known = false;
  if (photometric <= 1 && samples == 1) {
    known = extra.empty() && ((plain && small) || (plain && b == 12 && straight && little && photometric == 1) ||
                              (plain && b == 16 && (photometric == 1 ? straight || little : straight && little)) ||
                              (plain && b == 32 && straight && little && photometric == 1) ||
                              (kind.is_signed && (b == 8 || b == 16 || b == 32) && straight && photometric == 1) ||
                              (kind.is_float && b == 32 && straight));
    kind.inverted = kind.inverted && b <= 8;  // Pillow takes wide samples as they are
  } else if (photometric == 1 && samples == 2) {
    known = plain && b == 8 && straight && extra.size() == 1 && (extra[0] == 0 || extra[0] == 2);
    kind.alpha = known && extra[0] == 2 ? Alpha::kStraight : Alpha::kNone;
    if (plain && b == 8 && straight && extra == Numbers{1})
      refuse("grey multiplied by its alpha, which Pillow cannot convert");
  } else if (photometric == 2 && plain && (b == 8 || (b == 16 && samples <= 4))) {
    kind.colours = Colours::kRgb;
    const bool named = samples > 3 && extra.size() == samples - 3;
    const std::uint64_t first = named ? extra[0] : extra.empty() ? 2 : 9;
    const bool rest = std::all_of(extra.begin() + (named ? 1 : 0), extra.end(), [](std::uint64_t v) { return v == 0; });
    known = (samples == 3 && extra.empty() && (straight || b == 8)) ||
            (samples == 4 && straight && (named || extra.empty()) && (first <= 2 || (first == 999 && b == 8))) ||
            (samples > 4 && straight && named && first <= 2 && rest);
    if (samples > 3) kind.alpha = first == 0 ? Alpha::kNone : first == 1 ? Alpha::kMultiplied : Alpha::kStraight;
  } else if (photometric == 3 && plain && small) {
    kind.colours = Colours::kPalette;
    known = samples == 1 ? extra.empty()
                         : samples == 2 && b == 8 && straight && (extra == Numbers{0} || extra == Numbers{2});
  } else if (photometric == 5 && plain && straight) {
    kind.colours = Colours::kInks;
    known = (b == 8 && samples >= 4 && extra == Numbers(samples - 4, 0)) || (b == 16 && samples == 4 && extra.empty());
  } else if (photometric == 6 && plain && b == 8 && straight && extra.empty()) {
    kind.colours = samples == 3 ? Colours::kYcc : Colours::kGrey;
    known = samples == 3 || samples == 1;
  }
  if (!known) unknown();
  return kind;
}

}  // namespace cliplab
