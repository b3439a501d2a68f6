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
#include "base/hash.hpp"
#include "base/progress.hpp"
#include "model/files/bounded_json.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
constexpr std::size_t kMaxHeader = 16u << 20;  // a hundred thousand tensors

// Two keys, so that one damaged letter does not make a sealed file look like one that never was.
constexpr const char* kSealKey = "cliplab.sha256";
constexpr const char* kSealedKey = "cliplab.sealed";
const std::string kBlankDigest(64, '0');

/// For a file that a user may have from anywhere, or that a training here left.
constexpr const char* kDamageAdvice =
    "copy or download it again; if a training here made it, delete it and give the same command again";

[[noreturn]] void refuse_file(const std::string& where, const std::string& found, const std::string& expected) {
  fail(where, found, expected, kDamageAdvice);
}

/// Where the digest is in a header as it is written here; npos: nowhere.
std::size_t digest_place(std::string_view header) {
  const std::string before = std::string("\"") + kSealKey + "\":\"";
  const std::size_t at = header.find(before);
  const std::size_t place = at == std::string_view::npos ? at : at + before.size();
  return place != std::string_view::npos && place + kBlankDigest.size() > header.size() ? std::string_view::npos
                                                                                        : place;
}

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
  header["__metadata__"][kSealKey] = kBlankDigest, header["__metadata__"][kSealedKey] = "yes";
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = header.dump();
  text.append((64 - (text.size() + 8) % 64) % 64, ' ');
  const std::uint64_t length = text.size();
  Sha256 hash;
  hash.add(&length, 8), hash.add(text.data(), text.size());
  for (const auto& [name, tensor] : tensors) hash.add(tensor.data, tensor.bytes);
  text.replace(digest_place(text), kBlankDigest.size(), hash.hex());

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

void note_unsealed(const std::string& where) {
  say(where + ": written by an older version, without a checksum: damage would not be noticed");
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) {
  const std::string where = path.string();
  need_regular_file(path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) fail(where, std::strerror(errno), "a readable .safetensors file");
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 8) {
    ::close(descriptor);
    refuse_file(where, "not a file of at least 8 bytes", "a .safetensors file");
  }
  size_ = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (mapped == MAP_FAILED) fail(where, std::strerror(errno), "memory to map it");
  data_ = static_cast<const char*>(mapped);
  try {
    std::uint64_t length = 0;
    std::memcpy(&length, data_, 8);
    if (length > kMaxHeader || length > size_ - 8)
      refuse_file(where, "a header of " + std::to_string(length) + " bytes in a file of " + std::to_string(size_),
                  "a whole .safetensors file");
    const std::string_view header(data_ + 8, length);
    parse(where, header);
    check_seal(where, header);
  } catch (...) {
    ::munmap(mapped, size_);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { ::munmap(const_cast<char*>(data_), size_); }

void SafetensorsFile::check_seal(const std::string& where, std::string_view header) {
  const auto sealed = metadata_.find(kSealedKey), digest = metadata_.find(kSealKey);
  if (sealed == metadata_.end() && digest == metadata_.end()) return;
  const std::size_t place = digest_place(header);
  const auto damaged = [&](const char* found) { refuse_file(where, found, "the bytes that cliplab wrote"); };
  if (sealed == metadata_.end() || digest == metadata_.end() || place == std::string_view::npos)
    damaged("half a checksum (damaged)");
  Sha256 hash;
  hash.add(data_, 8), hash.add(header.data(), place);
  hash.add(kBlankDigest.data(), kBlankDigest.size());
  const std::size_t behind = 8 + place + kBlankDigest.size();
  hash.add(data_ + behind, size_ - behind);
  if (header.substr(place, kBlankDigest.size()) != hash.hex())
    damaged("bytes that do not match its checksum (damaged)");
  metadata_.erase(kSealedKey), metadata_.erase(kSealKey);
  is_sealed_ = true;
}

void SafetensorsFile::parse(const std::string& where, std::string_view text) {
  const json header = parse_bounded_json(text);
  if (!header.is_object()) refuse_file(where, "a header that is not JSON", "a .safetensors file");
  const std::size_t length = text.size();
  const char* begin = data_ + 8 + length;
  const std::size_t data_size = size_ - 8 - length;

  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) refuse_file(where, "__metadata__ that is not an object", "text values");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) refuse_file(where, "metadata '" + key + "' that is not text", "text values");
        metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    const auto bad = [&, &name = name](const std::string& what) {
      refuse_file(where, "tensor '" + name + "' with " + what, "a valid entry");
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
      refuse_file(where, first < covered ? "overlapping tensors" : "a hole between tensors", "adjacent data");
    covered = last;
  }
  if (covered != data_size)
    refuse_file(where, std::to_string(data_size - covered) + " bytes after the last tensor", "none");
}

}  // namespace cliplab
