// The safetensors container: 8-byte little-endian header length, JSON header, raw tensors. Data only; every
// length and offset of a file is checked before it is used. Used for model files and training checkpoints. What is
// written here is sealed: the metadata has the SHA-256 of the whole file (with zeros in that digest's place), and a
// file with one is checked when it is opened. It detects damage, not forgery.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

struct TensorBytes {
  std::string dtype;                // "F32", "F64", "I64", "BF16", "F16"
  std::vector<std::int64_t> shape;  // [] is a scalar
  const char* data = nullptr;       // little-endian, row-major; not owned
  std::size_t bytes = 0;
};

/// Bytes of one element; 0 for a dtype that is not known here.
std::size_t dtype_size(const std::string& dtype);

/// Writes the file whole or not at all, sealed, tensors in name order, data 64-byte aligned. Throws InputError.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorBytes>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// Tells the user that damage in a file of an older version would not be noticed.
void note_unsealed(const std::string& where);

/// A file mapped into memory; tensor data lives as long as this object.
class SafetensorsFile {
 public:
  /// Throws InputError naming the file and what to do: too short, header over 16 MiB or past the end, not JSON, unknown
  /// dtype, negative or overflowing shape, offsets outside, overlapping or not covering the data, or bytes that do not
  /// match the seal.
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::map<std::string, TensorBytes>& tensors() const { return tensors_; }
  /// Without the seal.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool is_sealed() const { return is_sealed_; }

 private:
  void parse(const std::string& where, std::string_view header);
  void check_seal(const std::string& where, std::string_view header);
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  bool is_sealed_ = false;
  std::map<std::string, TensorBytes> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace cliplab
