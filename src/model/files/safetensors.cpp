// Reader and writer of safetensors files (format: huggingface/safetensors README). The reader maps the file and
// trusts nothing in it.
#include "model/files/safetensors.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
constexpr std::size_t kMaxHeader = 16u << 20;  // a hundred thousand tensors

}  // namespace

std::size_t dtype_size(const std::string& dtype) {
  static const std::map<std::string, std::size_t> kSizes{{"F64", 8},  {"I64", 8}, {"F32", 4}, {"I32", 4}, {"F16", 2},
                                                         {"BF16", 2}, {"I16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}};
  const auto found = kSizes.find(dtype);
  return found == kSizes.end() ? 0 : found->second;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorBytes>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = header.dump();
  text.append((64 - (text.size() + 8) % 64) % 64, ' ');
  const std::uint64_t length = text.size();

  const auto part = part_path(path);
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(&length), 8);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const auto& [name, tensor] : tensors) out.write(tensor.data, static_cast<std::streamsize>(tensor.bytes));
  out.close();
  if (!out) {
    const std::string cause = std::strerror(errno);
    std::filesystem::remove(part);
    fail(path.string(), "cannot write it (" + cause + ")", "a writable folder with free space");
  }
  commit_file(part, path);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) {
  const std::string where = path.string();
  need_regular_file(path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) fail(where, std::strerror(errno), "a readable .safetensors file");
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 8) {
    ::close(descriptor);
    fail(where, "not a file of at least 8 bytes", "a .safetensors file");
  }
  size_ = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (mapped == MAP_FAILED) fail(where, std::strerror(errno), "memory to map it");
  data_ = static_cast<const char*>(mapped);
  try {
    parse(where);
  } catch (...) {
    ::munmap(mapped, size_);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { ::munmap(const_cast<char*>(data_), size_); }

void SafetensorsFile::parse(const std::string& where) {
  std::uint64_t length = 0;
  std::memcpy(&length, data_, 8);
  if (length > kMaxHeader || length > size_ - 8)
    fail(where, "a header of " + std::to_string(length) + " bytes in a file of " + std::to_string(size_),
         "a whole .safetensors file", "it is damaged or of another format");
  const json header = json::parse(data_ + 8, data_ + 8 + length, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) fail(where, "a header that is not JSON", "a .safetensors file");
  const char* begin = data_ + 8 + length;
  const std::size_t data_size = size_ - 8 - length;

  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) fail(where, "__metadata__ that is not an object", "text values");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) fail(where, "metadata '" + key + "' that is not text", "text values");
        metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    const auto bad = [&, &name = name](const std::string& what) {
      fail(where, "tensor '" + name + "' with " + what, "a valid entry");
    };
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
      bad("fields missing");
    const json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
    if (!dtype.is_string() || dtype_size(dtype) == 0) bad("unknown dtype " + dtype.dump().substr(0, 40));
    if (!shape.is_array() || shape.size() > 8) bad("a bad shape");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned())
      bad("bad offsets");
    TensorBytes tensor;
    tensor.dtype = dtype;
    std::size_t bytes = dtype_size(tensor.dtype);
    for (const json& side : shape) {
      if (!side.is_number_unsigned()) bad("a bad shape");
      const std::uint64_t extent = side;
      if (extent > (std::uint64_t{1} << 40) || (extent != 0 && bytes > (std::size_t{1} << 46) / extent))
        bad("an absurd shape");
      tensor.shape.push_back(static_cast<std::int64_t>(extent));
      bytes *= extent;
    }
    const std::uint64_t first = offsets[0], last = offsets[1];
    if (first > last || last > data_size || last - first != bytes)
      bad("offsets [" + std::to_string(first) + ", " + std::to_string(last) + ") for " + std::to_string(bytes) +
          " bytes in " + std::to_string(data_size));
    tensor.data = begin + first;
    tensor.bytes = bytes;
    ranges.emplace_back(first, last);
    tensors_[name] = std::move(tensor);
  }
  std::sort(ranges.begin(), ranges.end());
  std::size_t covered = 0;
  for (const auto& [first, last] : ranges) {
    if (first != covered)
      fail(where, first < covered ? "overlapping tensors" : "a hole between tensors", "adjacent data");
    covered = last;
  }
  if (covered != data_size) fail(where, std::to_string(data_size - covered) + " bytes after the last tensor", "none");
}

}  // namespace cliplab
