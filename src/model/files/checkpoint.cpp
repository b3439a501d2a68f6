// The containers. torch.save's zip holds "<name>/data.pkl" and a stored entry a storage, "<name>/data/<key>"
// (torch/serialization.py `_save`); a TorchScript archive has the same with modules instead of dicts, and its
// code; before torch 1.6 torch.save wrote a stream of pickles followed by the storages (`_legacy_save`).
#include "model/files/checkpoint.hpp"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <list>

#include "base/error.hpp"
#include "base/files.hpp"
#include "model/files/checkpoint_files.hpp"
#include "model/files/pickle.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormats = "a .safetensors file, a torch.save file or a TorchScript archive";

std::vector<std::string> names_of(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors) names.push_back(name);
  return names;
}

/// Bytes of a storage by its key, `elements` of `dtype`. They stay where they are as long as the checkpoint.
using StorageBytes = std::function<std::string_view(const PickleValue& storage)>;

/// Memory that the tensors of a checkpoint lie in.
struct Buffers {
  std::list<std::string> kept;
  std::string_view keep(std::string bytes) { return kept.emplace_back(std::move(bytes)); }
};

void copy_strided(const char* source, std::size_t element, const PickleValue& tensor, std::size_t dimension,
                  char*& out) {
  if (dimension == tensor.shape.size()) {
    std::memcpy(out, source, element);
    out += element;
    return;
  }
  for (std::int64_t i = 0; i < tensor.shape[dimension]; ++i)
    copy_strided(source + static_cast<std::size_t>(i * tensor.stride[dimension]) * element, element, tensor,
                 dimension + 1, out);
}

bool is_row_major(const PickleValue& tensor) {
  std::int64_t expected = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.stride[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

/// The tensors of a pickle's chosen entry.
class Collector {
 public:
  Collector(const StorageBytes& bytes_of, Buffers& buffers, std::size_t file_size, const std::string& where,
            Checkpoint& out)
      : bytes_of_(bytes_of), buffers_(buffers), copies_left_(file_size), where_(where), out_(out) {}

  void collect(const PickleValue& root, const ChooseEntry& choose) {
    const std::vector<PickledEntry> entries = entries_of(root, where_);
    if (entries.empty()) fail(where_, "no tensor", "a state dict", described_keys(root));
    std::vector<CheckpointEntry> named;
    for (const PickledEntry& entry : entries) {
      named.push_back({entry.path, {}});
      for (const auto& [name, tensor] : entry.tensors) named.back().names.push_back(name);
    }
    out_.keys = described_keys(root);
    const PickledEntry& chosen = entries[choose ? choose(named) : plain_choice(named)];
    out_.entry = chosen.path;
    if (chosen.is_script) out_.format = "TorchScript archive";
    for (const auto& [name, tensor] : chosen.tensors) add(name, *tensor);
  }

 private:
  /// The whole, or "state_dict".
  static std::size_t plain_choice(const std::vector<CheckpointEntry>& entries) {
    const auto found = std::ranges::find(entries, "state_dict", &CheckpointEntry::path);
    return found == entries.end() ? 0 : static_cast<std::size_t>(found - entries.begin());
  }

  void add(const std::string& name, const PickleValue& tensor) {
    const PickleValue& storage = *tensor.items[0];
    const std::string_view bytes = bytes_of_(storage);
    const std::size_t element = dtype_size(storage.dtype);
    TensorBytes result{storage.dtype, tensor.shape, bytes.data() + static_cast<std::size_t>(tensor.integer) * element,
                       element};
    for (const std::int64_t side : tensor.shape) result.bytes *= static_cast<std::size_t>(side);
    if (!is_row_major(tensor) && result.bytes > 0) {
      if (result.bytes > copies_left_) fail(where_, "more rearranged tensors than the file is large", "a state dict");
      copies_left_ -= result.bytes;
      std::string copy(result.bytes, '\0');
      char* out = copy.data();
      copy_strided(result.data, element, tensor, 0, out);
      result.data = buffers_.keep(std::move(copy)).data();
    }
    if (!out_.tensors.emplace(name, result).second)
      fail(where_, "tensor '" + name.substr(0, 80) + "' twice", "each once");
  }

  const StorageBytes& bytes_of_;
  Buffers& buffers_;
  std::size_t copies_left_;
  const std::string& where_;
  Checkpoint& out_;
};

std::size_t storage_size(const PickleValue& storage, std::size_t limit, const std::string& where) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(storage.integer), dtype_size(storage.dtype), &bytes) ||
      bytes > limit)
    fail(where, "storage '" + storage.text.substr(0, 40) + "' of " + std::to_string(storage.integer) + " elements",
         "at most the file's " + std::to_string(limit) + " bytes");
  return bytes;
}

// --- zip ---------------------------------------------------------------------------------------------------------

class ZipFile {
 public:
  ZipFile(const fs::path& file, std::size_t file_size) : where_(file.string()), left_(file_size) {
    int code = 0;
    archive_.reset(::zip_open(file.c_str(), ZIP_RDONLY, &code));
    if (!archive_) {
      zip_error_t error;
      ::zip_error_init_with_code(&error, code);
      const std::string text = ::zip_error_strerror(&error);
      ::zip_error_fini(&error);
      fail(where_, "a zip archive that cannot be read (" + text + ")", "a whole file", "copy or download it again");
    }
    if (entries() > 100'000) fail(where_, std::to_string(entries()) + " entries", "at most 100000");
  }

  zip_int64_t entries() const { return ::zip_get_num_entries(archive_.get(), 0); }
  std::string name(zip_uint64_t index) const {
    const char* text = ::zip_get_name(archive_.get(), index, ZIP_FL_ENC_RAW);
    return text == nullptr ? std::string() : text;
  }
  zip_uint64_t size(zip_uint64_t index) const {
    zip_stat_t entry;
    return ::zip_stat_index(archive_.get(), index, 0, &entry) == 0 && (entry.valid & ZIP_STAT_SIZE) != 0 ? entry.size
                                                                                                         : 0;
  }
  bool has(const std::string& name) const {
    return ::zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW) >= 0;
  }

  /// An entry as it lies in the file. All that is read together may be no larger than the file, which many entries over
  /// the same bytes would be.
  std::string read_stored(const std::string& name, std::size_t limit) {
    return read(name, std::min(limit, left_), /*stored=*/true);
  }
  /// An entry of at most `limit` bytes, compressed or not.
  std::string read_any(const std::string& name, std::size_t limit) { return read(name, limit, /*stored=*/false); }

 private:
  std::string read(const std::string& name, std::size_t limit, bool stored) {
    zip_stat_t entry;
    if (::zip_stat(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW, &entry) != 0)
      fail(where_, "no entry '" + name.substr(0, 80) + "'", "a whole archive");
    const auto bad = [&](const std::string& found, const std::string& expected) {
      fail(where_, "entry '" + name.substr(0, 80) + "' " + found, expected);
    };
    constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if ((entry.valid & kWanted) != kWanted) bad("without a size", "a whole archive");
    if (stored && entry.comp_method != ZIP_CM_STORE) bad("that is compressed", "stored tensors, as torch.save writes");
    if (entry.size > limit) bad("of " + std::to_string(entry.size) + " bytes", "at most " + std::to_string(limit));
    if (stored) left_ -= entry.size;
    const std::unique_ptr<zip_file_t, decltype(&::zip_fclose)> open(::zip_fopen_index(archive_.get(), entry.index, 0),
                                                                    ::zip_fclose);
    std::string bytes(entry.size, '\0');
    if (!open || ::zip_fread(open.get(), bytes.data(), bytes.size()) != static_cast<zip_int64_t>(bytes.size()))
      bad("that cannot be read whole", "a whole archive");
    char more = 0;  // reading on makes libzip check the CRC
    if (::zip_fread(open.get(), &more, 1) != 0) bad("whose CRC is wrong", "a whole archive");
    return bytes;
  }

  std::string where_;
  std::size_t left_;
  std::unique_ptr<zip_t, decltype(&::zip_discard)> archive_{nullptr, ::zip_discard};
};

void read_zip(const fs::path& file, std::size_t file_size, const ChooseEntry& choose, Buffers& buffers,
              Checkpoint& out) {
  const std::string where = file.string();
  ZipFile zip(file, file_size);
  std::string prefix;
  for (zip_int64_t i = 0; i < zip.entries() && prefix.empty(); ++i) {
    const std::string name = zip.name(static_cast<zip_uint64_t>(i));
    if (name.ends_with("/data.pkl") && std::count(name.begin(), name.end(), '/') == 1)
      prefix = name.substr(0, name.size() - 8);
  }
  if (prefix.empty()) fail(where, "a zip archive without data.pkl", kFormats);
  if (zip.has(prefix + "byteorder") && zip.read_any(prefix + "byteorder", 16) != "little")
    fail(where, "a byte order that is not little", "a file of a little-endian machine");

  out.format = "torch.save";
  std::map<std::string, std::string_view, std::less<>> storages;
  const StorageBytes bytes_of = [&](const PickleValue& storage) {
    const auto found = storages.find(storage.text);
    if (found != storages.end() && found->second.size() != storage_size(storage, file_size, where))
      fail(where, "storage '" + storage.text.substr(0, 40) + "' of two sizes", "one");
    if (found != storages.end()) return found->second;
    const std::size_t bytes = storage_size(storage, file_size, where);
    std::string data = zip.read_stored(prefix + "data/" + storage.text, file_size);
    if (data.size() != bytes)
      fail(where, "storage '" + storage.text.substr(0, 40) + "' of " + std::to_string(data.size()) + " bytes",
           std::to_string(bytes));
    return storages[storage.text] = buffers.keep(std::move(data));
  };
  const std::string stream = zip.read_any(prefix + "data.pkl", Pickle::kMaxBytes);
  const Pickle pickle(stream, where);
  Collector(bytes_of, buffers, file_size, where, out).collect(pickle.root(), choose);
  if (out.format != "TorchScript archive") return;
  for (zip_int64_t i = 0; i < zip.entries() && !out.mentions_quick_gelu; ++i) {
    const std::string name = zip.name(static_cast<zip_uint64_t>(i));
    if (name.starts_with(prefix + "code/") && name.ends_with(".py"))
      out.mentions_quick_gelu = zip.read_any(name, std::size_t{4} << 20).find("1.702") != std::string::npos;
    // Where a graph was traced, the number is not in the code but a constant of its own: a scalar in double.
    if (name.starts_with(prefix + "constants/") && zip.size(static_cast<zip_uint64_t>(i)) == sizeof(double)) {
      double constant = 0;
      std::memcpy(&constant, zip.read_any(name, sizeof constant).data(), sizeof constant);
      out.mentions_quick_gelu = constant == 1.702;
    }
  }
}

// --- the stream of torch.save before 1.6 -----------------------------------------------------------------------------

constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);

bool is_old_stream(std::string_view bytes) {
  return bytes.size() > 16 && bytes.starts_with(std::string_view("\x80\x02\x8a\x0a", 4)) &&
         bytes.substr(4).starts_with(kMagic);
}

void read_old_stream(std::string_view bytes, const ChooseEntry& choose, Buffers& buffers, Checkpoint& out,
                     const std::string& where) {
  std::size_t at = 0;
  const auto next = [&]() {
    auto pickle = std::make_unique<Pickle>(bytes.substr(at), where);
    at += pickle->size();
    return pickle;
  };
  next();  // magic number
  next();  // protocol version
  const auto system = next();
  if (const PickleValue* little = system->root().find("little_endian"); little == nullptr || little->integer != 1)
    fail(where, "a byte order that is not little", "a file of a little-endian machine");
  const auto tree = next(), keys = next();
  std::map<std::string, std::string_view, std::less<>> storages;  // from the element count on
  // The tree has the size of each storage; the bytes follow the keys in their order. So the sizes are read first.
  std::map<std::string, std::size_t, std::less<>> sizes;
  tree->for_each_storage(
      [&](const PickleValue& storage) { sizes[storage.text] = storage_size(storage, bytes.size(), where); });
  for (const PickleValue* key : keys->root().items) {
    const auto size = sizes.find(key->text);
    if (size == sizes.end() || size->second > bytes.size() || bytes.size() - at < 8 + size->second)
      fail(where, "storage '" + key->text.substr(0, 40) + "' that is cut short or unknown", "a whole file");
    storages[key->text] = bytes.substr(at + 8, size->second);
    at += 8 + size->second;
  }
  out.format = "torch.save, old stream";
  const StorageBytes bytes_of = [&](const PickleValue& storage) {
    const auto found = storages.find(storage.text);
    if (found == storages.end() || found->second.size() != storage_size(storage, bytes.size(), where))
      fail(where, "no storage '" + storage.text.substr(0, 40) + "'", "a whole file");
    return found->second;
  };
  Collector(bytes_of, buffers, bytes.size(), where, out).collect(tree->root(), choose);
}

/// `where` and, if the file is one of several, the index are in the messages.
Checkpoint read_one(const fs::path& file, const ChooseEntry& choose) {
  const std::string where = file.string();
  std::error_code error;
  if (!fs::is_regular_file(file, error)) fail(where, "no such file", kFormats);
  const std::size_t size = fs::file_size(file);
  std::string head(std::min<std::size_t>(size, 64), '\0');
  std::ifstream(file, std::ios::binary).read(head.data(), static_cast<std::streamsize>(head.size()));

  Checkpoint out;
  if (head.starts_with("PK\x03\x04")) {
    auto buffers = std::make_shared<Buffers>();
    read_zip(file, size, choose, *buffers, out);
    out.storage = buffers;
  } else if (is_old_stream(head)) {
    auto buffers = std::make_shared<Buffers>();
    read_old_stream(buffers->keep(read_file(file, std::size_t{64} << 30)), choose, *buffers, out, where);
    out.storage = buffers;
  } else if (head.size() > 9 && head[8] == '{') {
    const auto archive = std::make_shared<SafetensorsFile>(file);
    out.format = "safetensors", out.tensors = archive->tensors(), out.metadata = archive->metadata();
    out.is_sealed = archive->is_sealed(), out.storage = archive;
    if (choose) choose({{"", names_of(out)}});
  } else {
    fail(where, size == 0 ? "an empty file" : "another format by its first bytes", kFormats,
         "if it is damaged, copy it again; if a training here made it, delete it and give the same command again");
  }
  return out;
}

/// The tensors that an index lists, each from the file that it names.
Checkpoint read_shards(const fs::path& index, const ChooseEntry& choose) {
  const std::map<std::string, std::string> file_of = shard_map(index);
  Checkpoint all;
  auto storage = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const fs::path& file : shards_of(index)) {
    Checkpoint part = read_one(file, {});
    for (const auto& [name, tensor] : part.tensors) {
      const auto listed = file_of.find(name);
      if (listed == file_of.end() || listed->second != file.filename().string())
        fail(file.string(), "tensor '" + name.substr(0, 80) + "'", "only what its index lists for this file",
             "copy or download the folder again");
      all.tensors[name] = tensor;
    }
    all.format = part.format + ", several files";
    storage->push_back(part.storage);
  }
  for (const auto& [name, file] : file_of)
    if (!all.tensors.contains(name))
      fail((index.parent_path() / file).string(), "no tensor '" + name.substr(0, 80) + "'", "one, by its index",
           "copy or download the folder again");
  all.storage = storage;
  if (choose) choose({{"", names_of(all)}});
  return all;
}

}  // namespace

Checkpoint read_checkpoint(const fs::path& model, const ChooseEntry& choose) {
  const fs::path file = weights_file(model);
  return is_shard_index(file) ? read_shards(file, choose) : read_one(file, choose);
}

}  // namespace cliplab
