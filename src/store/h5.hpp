// HDF5 behind a few functions: RAII over the C API; nothing else in the program includes hdf5.h.
// Every file carries a seal (store/seal.hpp); beyond it, every type, layout and size is checked before memory is
// taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cliplab {

class H5Writer {
 public:
  /// Creates `path` (truncated). Throws InputError with the file's name from here on.
  explicit H5Writer(const std::filesystem::path& path);
  ~H5Writer();
  H5Writer(const H5Writer&) = delete;
  H5Writer& operator=(const H5Writer&) = delete;

  void attribute(const std::string& object, const std::string& name, const std::string& value);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, const std::vector<std::string>& values);
  void group(const std::string& name);                                            // with its parents
  void strings(const std::string& name, const std::vector<std::string>& values);  // [N]
  void doubles(const std::string& name, const double* values, const std::vector<std::uint64_t>& shape);
  void floats(const std::string& name, const float* values, const std::vector<std::uint64_t>& shape);
  /// A float32 matrix [rows, cols] that exists a chunk of rows at a time: `produce` fills count * cols numbers.
  void float_rows(const std::string& name, std::uint64_t rows, std::uint64_t cols, std::uint64_t chunk,
                  const std::function<void(std::uint64_t begin, std::uint64_t count, float* values)>& produce);
  void integers(const std::string& name, const std::vector<std::int64_t>& values);  // [N]
  /// Flushes, closes and seals; throws when the disk is full.
  void close();

 private:
  void dataset(const std::string& name, std::int64_t stored, std::int64_t memory, const void* values,
               const std::vector<std::uint64_t>& shape);
  std::vector<const char*> pointers(const std::vector<std::string>& values) const;
  [[noreturn]] void refuse(const std::string& what) const;

  std::filesystem::path path_;
  std::int64_t file_ = -1;
};

/// Makes `path`, whole or not at all: `fill` writes a part file, which is then sealed and renamed. Creates its folder.
/// Throws InputError naming the file when the disk is full or not writable.
void write_whole(const std::filesystem::path& path, const std::function<void(H5Writer& file)>& fill);

class H5Reader {
 public:
  /// Checks the seal, then opens. Throws InputError with the file's name from here on.
  explicit H5Reader(const std::filesystem::path& path);
  ~H5Reader();
  H5Reader(const H5Reader&) = delete;
  H5Reader& operator=(const H5Reader&) = delete;

  bool exists(const std::string& object) const;
  std::string text_attribute(const std::string& object, const std::string& name) const;
  std::int64_t integer_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> list_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> attribute_names(const std::string& object) const;
  std::vector<std::string> strings(const std::string& name) const;    // [N], at most 10 million
  std::vector<std::int64_t> integers(const std::string& name) const;  // [N], at most 10 million
  /// Rank 1 to 4, plain data in this file; no more numbers than the file has bytes.
  std::vector<std::uint64_t> shape(const std::string& name) const;
  /// Fill `values`, which has room for all items of shape(name). Stored as float64 (at most 2^31 bytes),
  /// float32.
  void doubles(const std::string& name, double* values) const;
  void floats(const std::string& name, float* values) const;
  /// Rows [begin, begin + count) of a float32 matrix.
  void float_rows(const std::string& name, std::uint64_t begin, std::uint64_t count, float* values) const;

 private:
  void numbers(const std::string& name, std::int64_t stored, std::int64_t memory, std::uint64_t max_bytes,
               void* values) const;
  [[noreturn]] void refuse(const std::string& found, const std::string& expected) const;

  std::filesystem::path path_;
  std::uint64_t file_bytes_ = 0;
  std::int64_t file_ = -1;
};

}  // namespace cliplab
