// Checkpoint files as data: every tensor by its name in the file, whatever the container: safetensors, torch.save (zip,
// and the older stream), TorchScript archives. Nothing in a file is executed; see pickle.hpp.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/files/checkpoint_entries.hpp"
#include "model/files/safetensors.hpp"

namespace cliplab {

struct Checkpoint {
  std::string format;  // "safetensors", "torch.save", "torch.save, old stream", "TorchScript archive"
  std::map<std::string, TensorBytes> tensors;   // by their names in the file, row-major; nested names joined by '.'
  std::map<std::string, std::string> metadata;  // safetensors: its own
  bool mentions_quick_gelu = false;             // TorchScript: its code or constants have 1.702
  bool is_sealed = false;                       // written here, and the bytes match their checksum
  std::string entry;                            // of a pickle: where in the file these tensors are, as "state_dict"
  std::string keys;                             // of a pickle: its keys, in words for messages
  std::shared_ptr<const void> storage;          // what the tensors' bytes lie in
};

/// Opens a file by its first bytes, not its name; a folder or an index of shards as checkpoint_files.hpp says. Of a
/// pickle the entry that `choose` picks is read (without it: the whole, or "state_dict"). Throws InputError naming the
/// file: not one of the formats, compressed or overlapping entries, tensors outside their storage, a pickle with the
/// names of an attack. Memory: at most twice the file's size.
Checkpoint read_checkpoint(const std::filesystem::path& model, const ChooseEntry& choose = {});

}  // namespace cliplab
