// Writes what torch.save writes, byte by byte, so that tests can make every wrong form of it too.
#pragma once

#include <zip.h>

#include <cassert>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cliplab::torch_file {

inline std::string bytes_of(std::uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> 8 * i & 255);
  return bytes;
}
inline std::string text(const std::string& value) { return "X" + bytes_of(value.size(), 4) + value; }
inline std::string integer(std::int64_t value) {
  if (value >= 0 && value < 256) return "K" + bytes_of(static_cast<std::uint64_t>(value), 1);
  if (value >= INT32_MIN && value <= INT32_MAX) return "J" + bytes_of(static_cast<std::uint64_t>(value), 4);
  return "\x8a\x08" + bytes_of(static_cast<std::uint64_t>(value), 8);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::int64_t>& values) {
  std::string stream = "(";
  for (const std::int64_t value : values) stream += integer(value);
  return stream + "t";
}
inline std::string storage(const std::string& key, std::int64_t elements, const std::string& type = "FloatStorage") {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(elements) + "tQ";
}
inline std::string tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& stride) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + tuple(shape) + tuple(stride) +
         "\x89" + global("collections", "OrderedDict") + ")Rt" + "R";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string stream = "}(";
  for (const auto& [key, value] : entries) stream += text(key) + value;
  return stream + "u";
}
inline std::string pickle(const std::string& value) { return "\x80\x02" + value + "."; }

/// A zip of entries, stored unless the name ends in "!", which is cut off.
inline void write_zip(const std::filesystem::path& file,
                      const std::vector<std::pair<std::string, std::string>>& entries) {
  std::filesystem::remove(file);
  zip_t* archive = ::zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  assert(archive != nullptr);
  for (const auto& [name, bytes] : entries) {
    const bool compressed = name.ends_with("!");
    const std::string stored = compressed ? name.substr(0, name.size() - 1) : name;
    zip_source_t* source = ::zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = ::zip_file_add(archive, stored.c_str(), source, ZIP_FL_OVERWRITE);
    ::zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                               0);
  }
  [[maybe_unused]] const int closed = ::zip_close(archive);
  assert(closed == 0);
}

}  // namespace cliplab::torch_file
