// Format: numpy/lib/format.py. The header is a Python dict literal that NumPy itself writes: descr, fortran_order,
// shape.
#include "sets/npy.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

constexpr std::size_t kMaxHeader = 1 << 16, kMaxValues = 1 << 24;

template <class T>
double value_of(const char* bytes, bool swap) {
  char raw[sizeof(T)];
  std::memcpy(raw, bytes, sizeof raw);
  if (swap) std::reverse(raw, raw + sizeof raw);
  T value;
  std::memcpy(&value, raw, sizeof value);
  return static_cast<double>(value);
}

double half_of(const char* bytes, bool swap) {
  const auto bits = static_cast<std::uint16_t>(value_of<std::uint16_t>(bytes, swap));
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent == 0    ? mantissa * 0x1p-24
                      : exponent == 31 ? (mantissa == 0 ? HUGE_VAL : __builtin_nan(""))
                                       : (1024 + mantissa) * __builtin_ldexp(1.0, exponent - 25);
  return bits >> 15 != 0 ? -size : size;
}

using Convert = double (*)(const char*, bool);

Convert conversion(char kind, std::size_t size) {
  switch (kind) {
    case 'b':
      return size == 1 ? value_of<std::uint8_t> : nullptr;
    case 'i':
      return size == 1   ? value_of<std::int8_t>
             : size == 2 ? value_of<std::int16_t>
             : size == 4 ? value_of<std::int32_t>
             : size == 8 ? value_of<std::int64_t>
                         : nullptr;
    case 'u':
      return size == 1   ? value_of<std::uint8_t>
             : size == 2 ? value_of<std::uint16_t>
             : size == 4 ? value_of<std::uint32_t>
             : size == 8 ? value_of<std::uint64_t>
                         : nullptr;
    case 'f':
      return size == 2 ? half_of : size == 4 ? value_of<float> : size == 8 ? value_of<double> : nullptr;
    default:
      return nullptr;
  }
}

/// What follows "'name':" in the header, without blanks in front.
std::string_view entry(std::string_view header, const std::string& name) {
  for (const char mark : {'\'', '"'}) {
    const auto at = header.find(mark + name + mark);
    if (at == std::string_view::npos) continue;
    std::string_view rest = header.substr(at + name.size() + 2);
    rest.remove_prefix(std::min(rest.find_first_not_of(" :"), rest.size()));
    return rest;
  }
  return {};
}

}  // namespace

std::vector<double> read_npy(std::string_view bytes, const std::string& where) {
  const auto refuse = [&](const std::string& found) { fail(where, found, "a .npy file with a row of numbers"); };
  if (!bytes.starts_with("\x93NUMPY") || bytes.size() < 12) refuse("no .npy file by its first bytes");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  const bool old = bytes[6] == 1;
  if (bytes[6] < 1 || bytes[6] > 3) refuse("version " + std::to_string(byte(6)));
  const std::size_t start = old ? 10 : 12,
                    length = old ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > kMaxHeader || bytes.size() < start + length) refuse("a cut header");
  const std::string_view header = bytes.substr(start, length), data = bytes.substr(start + length);

  std::string_view type = entry(header, "descr");
  if (type.size() < 4 || (type[0] != '\'' && type[0] != '"')) refuse("no type");
  type = type.substr(1, type.find(type[0], 1) - 1);
  if (type.empty()) refuse("no type");
  const bool swap = type[0] == '>' && std::endian::native == std::endian::little;
  if (std::string_view("<>|=").find(type[0]) != std::string_view::npos) type.remove_prefix(1);
  std::size_t size = 0;
  const Convert convert =
      type.size() > 1 && parse_number(type.substr(1), size) && size < 16 ? conversion(type[0], size) : nullptr;
  if (convert == nullptr) refuse("values of the type '" + std::string(type.substr(0, 20)) + "'");

  std::string_view shape = entry(header, "shape");
  if (!shape.starts_with('(') || shape.find(')') == std::string_view::npos) refuse("no shape");
  shape = shape.substr(1, shape.find(')') - 1);
  std::size_t count = 1, longest = 1;
  for (std::string side : split_columns(shape, ',')) {
    std::erase_if(side, [](unsigned char c) { return std::isspace(c); });
    if (side.empty()) continue;
    std::size_t sides = 0;
    if (!parse_number(side, sides) || sides > kMaxValues) refuse("a side of '" + side.substr(0, 20) + "'");
    if (count > 0 && sides > kMaxValues / count) refuse("sizes over the limit");
    count *= sides, longest = std::max(longest, sides);
  }
  if (count != longest && count != 0) refuse("more than one row");
  if (data.size() != count * size)
    refuse(std::to_string(data.size()) + " bytes of values where its sizes say " + std::to_string(count * size));
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(convert(data.data() + i * size, swap));
  return values;
}

}  // namespace cliplab
