// A checkpoint as an image-text model: tensors under the names of its family's towers, the sizes that they imply, and
// the specification, which the tensors do not determine.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/architecture.hpp"
#include "model/files/checkpoint_spec.hpp"
#include "model/files/safetensors.hpp"

namespace cliplab {

using StateDict = std::map<std::string, TensorBytes>;

struct ClipState {
  Architecture architecture;
  CheckpointSpec spec;               // complete
  StateDict tensors;                 // "visual.conv1.weight", in any floating type
  std::int64_t pairs_seen = 0;       // in training; 0: the file does not say
  std::string format;                // container: "torch.save"
  std::string naming;                // "openai", "open_clip, custom text" or "Hugging Face"
  std::string entry;                 // where in the file it is: "state_dict"; "": its top
  std::vector<std::string> ignored;  // entries of the file that are not weights
  std::vector<std::shared_ptr<const void>> storage;
};

/// Reads a file written here or a release of a known family; a folder or an index as checkpoint_files.hpp says. Facts
/// of `given` (the user's flags) count more than what comes with the file, with a notice; `given.like` fills what is
/// still missing and may not contradict what is stated. Throws InputError naming the file: tensors of no known family,
/// sizes that contradict each other or the configuration, or an incomplete specification (the message names the flags
/// that complete it).
ClipState read_clip(const std::filesystem::path& model, const CheckpointSpec& given = {});

/// Name of a released model by the SHA-256 of its file, else "".
std::string released_model(const std::string& sha256);

}  // namespace cliplab
