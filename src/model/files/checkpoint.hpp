// Checkpoint files as data: every tensor by its name in the file, whatever the container. safetensors, torch.save (zip,
// and the older stream), TorchScript archives. Nothing in a file is executed; see pickle.hpp.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/files/safetensors.hpp"

namespace cliplab {

struct Checkpoint {
  std::string format;  // "safetensors", "torch.save", "torch.save, old stream", "TorchScript archive"
  std::map<std::string, TensorBytes> tensors;   // by their names in the file, row-major; nested names joined by '.'
  std::map<std::string, std::string> metadata;  // safetensors: its own
  bool mentions_quick_gelu = false;             // TorchScript: its code or constants have 1.702
  std::shared_ptr<const void> storage;          // what the tensors' bytes lie in
};

/// Opens `file` by its first bytes, not its name. Of a training checkpoint only the entry "state_dict" is read. Throws
/// InputError naming the file: not one of the formats, compressed or overlapping entries, tensors outside their
/// storage, a pickle that is more than data. Memory: at most twice the file's size.
Checkpoint read_checkpoint(const std::filesystem::path& file);

}  // namespace cliplab
