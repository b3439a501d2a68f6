// PBM, PGM and PPM (P1 to P6) as Pillow reads them: plain and binary, up to 16 bits a sample, comments in the header
// and between plain numbers. Values are scaled to 8 bits; grey of more than 8 bits is Pillow's mode I, of 0 to 65535.
#include <cctype>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"
#include "pixels/samples.hpp"

namespace cliplab {
namespace {

constexpr std::size_t kPlainBlock = 1 << 20;  // bytes that Pillow checks at once
constexpr std::size_t kLongestNumber = 10;    // characters

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Digits, with or without a plus, as a number; nothing for other words.
std::optional<std::int64_t> whole_number(std::string_view word) {
  if (word.size() > kLongestNumber) return {};
  if (word.starts_with('+')) word.remove_prefix(1);
  if (word.empty()) return {};
  std::int64_t value = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  return value;
}

struct PnmFile {
  std::string_view bytes;
  std::size_t at = 0;
  int kind = 0;  // the digit behind P
  std::int64_t width = 0, height = 0, most = 1;

  int samples() const { return kind == 3 || kind == 6 ? 3 : 1; }
};

/// The next word of the header, with the blank behind it; a comment ends no word.
std::string header_word(PnmFile& file) {
  std::string word;
  while (word.size() <= kLongestNumber && file.at < file.bytes.size()) {
    const char c = file.bytes[file.at++];
    if (c == '#') {
      while (file.at < file.bytes.size() && file.bytes[file.at] != '\n' && file.bytes[file.at] != '\r') ++file.at;
      if (file.at < file.bytes.size()) ++file.at;
    } else if (!is_blank(c)) {
      word += c;
    } else if (!word.empty()) {
      break;
    }
  }
  return word;
}

PnmFile read_pnm_header(std::string_view bytes, const std::string& where) {
  PnmFile file{bytes, 3};
  file.kind = bytes[1] - '0';
  for (std::int64_t PnmFile::*field : {&PnmFile::width, &PnmFile::height, &PnmFile::most}) {
    if (field == &PnmFile::most && (file.kind == 1 || file.kind == 4)) break;
    const std::string word = header_word(file);
    const auto value = whole_number(word);
    if (!value) fail(where, "a header of PNM with '" + word + "'", "a width, a height and the largest value");
    file.*field = *value;
  }
  if (file.most < 1 || file.most > 65535)
    fail(where, "a PNM with values up to " + std::to_string(file.most), "a largest value of 1 to 65535");
  return file;
}

/// Python's round(value / most * out_most).
int scaled(std::int64_t value, std::int64_t most, int out_most) {
  return static_cast<int>(std::nearbyint(static_cast<double>(value) / static_cast<double>(most) * out_most));
}

/// Plain text from `from` on in Pillow's blocks, without comments: `take` gets a block and says whether it wants more.
template <class Take>
void plain_blocks(std::string_view text, Take take) {
  bool in_comment = false;
  for (std::size_t at = 0; at < text.size(); at += kPlainBlock) {
    std::string block;
    for (const char c : text.substr(at, kPlainBlock)) {
      if (in_comment)
        in_comment = c != '\n' && c != '\r';
      else if (c == '#')
        in_comment = true;
      else
        block += c;
    }
    if (!take(block)) return;
  }
}

/// P1: a digit a pixel, with or without blanks.
std::vector<std::uint8_t> plain_bits(const PnmFile& file, std::size_t count, const std::string& where) {
  std::vector<std::uint8_t> grey;
  plain_blocks(file.bytes.substr(file.at), [&](const std::string& block) {
    for (const char c : block) {
      if (is_blank(c)) continue;
      if (c != '0' && c != '1') fail(where, "a PBM with a pixel that is neither 0 nor 1", "0 and 1");
      if (grey.size() < count) grey.push_back(c == '0' ? 255 : 0);
    }
    return grey.size() < count;
  });
  return grey;
}

/// P2, P3: numbers between blanks.
std::vector<std::uint16_t> plain_values(const PnmFile& file, std::size_t count, const std::string& where) {
  std::vector<std::uint16_t> values;
  std::string word;
  const auto finish_word = [&] {
    if (word.empty() || values.size() == count) return;
    const auto value = whole_number(word);
    if (!value || *value > file.most)
      fail(where, "a PNM with the value '" + word + "'", "numbers up to " + std::to_string(file.most));
    values.push_back(static_cast<std::uint16_t>(*value));
    word.clear();
  };
  plain_blocks(file.bytes.substr(file.at), [&](const std::string& block) {
    for (const char c : block) {
      if (is_blank(c))
        finish_word();
      else if (word.size() <= kLongestNumber)
        word += c;
      if (values.size() == count) return false;
    }
    return true;
  });
  finish_word();
  return values;
}

}  // namespace

Image decode_pnm(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const PnmFile file = read_pnm_header(bytes, where);
  check_size(file.height, file.width, where, max_pixels);
  const int height = static_cast<int>(file.height), width = static_cast<int>(file.width);
  const std::size_t count = static_cast<std::size_t>(file.height) * file.width * file.samples();
  const auto enough = [&](std::size_t found, std::size_t wanted, const char* what) {
    if (found < wanted)
      fail(where, "a PNM that ends before its last pixel", std::to_string(wanted) + " " + what + " of pixels");
  };
  const std::size_t rest = bytes.size() - std::min(bytes.size(), file.at);
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data()) + (bytes.size() - rest);
  if (file.kind == 1) {
    enough(rest, count, "digits");
    const auto grey = plain_bits(file, count, where);
    enough(grey.size(), count, "digits");
    return grey_image(grey, height, width, PixelMode::kBilevel);
  }
  if (file.kind == 4) {
    const Packing packing{1};
    const std::size_t row_bytes = packed_bytes(packing, width);
    enough(rest, row_bytes * height, "bytes");
    std::vector<std::uint8_t> grey(count);
    for (int y = 0; y < height; ++y)
      unpack(packing, data + y * row_bytes, width, grey.data() + static_cast<std::size_t>(y) * width);
    for (std::uint8_t& value : grey) value = value == 0 ? 255 : 0;
    return grey_image(grey, height, width, PixelMode::kBilevel);
  }
  std::vector<std::uint16_t> values;
  if (file.kind <= 3) {
    enough(rest, count, "numbers");
    values = plain_values(file, count, where);
    enough(values.size(), count, "numbers");
  } else {
    const int size = file.most < 256 ? 1 : 2;
    enough(rest, count * size, "bytes");
    values.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      values[i] = size == 1 ? data[i] : static_cast<std::uint16_t>(data[2 * i] << 8 | data[2 * i + 1]);
  }
  if (file.samples() == 1 && file.most > 255) {
    std::vector<std::uint8_t> wide(count * 4);
    for (std::size_t i = 0; i < count; ++i) {
      const std::int32_t value = std::min(65535, scaled(values[i], file.most, 65535));
      std::memcpy(wide.data() + 4 * i, &value, 4);
    }
    return wide_image(std::move(wide), height, width, PixelMode::kInt32);
  }
  std::vector<std::uint8_t> small(count);
  for (std::size_t i = 0; i < count; ++i)
    small[i] = static_cast<std::uint8_t>(std::min(255, scaled(values[i], file.most, 255)));
  if (file.samples() == 1) return grey_image(small, height, width);
  Image image{height, width, 3, std::move(small)};
  return image;
}

}  // namespace cliplab
