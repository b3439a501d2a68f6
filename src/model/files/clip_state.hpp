// A checkpoint as a CLIP model: tensors under OpenAI's names, the sizes that they imply, the facts that they cannot
// tell. Sources: openai/CLIP `build_model`, open_clip `convert_to_custom_text_state_dict`, transformers
// `convert_clip_original_pytorch_to_hf.py`.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/architecture.hpp"
#include "model/files/facts.hpp"
#include "model/files/safetensors.hpp"

namespace cliplab {

struct ClipState {
  Architecture architecture;
  ModelFacts facts;                            // all known
  std::map<std::string, TensorBytes> tensors;  // "visual.conv1.weight", in any floating type
  std::int64_t pairs_seen = 0;                 // in training; 0: not said
  std::string format;                          // container: "torch.save"
  std::string naming;                          // "openai", "open_clip, custom text" or "Hugging Face"
  std::vector<std::string> ignored;            // names in the file that are no weights
  std::vector<std::shared_ptr<const void>> storage;
};

/// Reads any released CLIP file. `given` (the user's flags) counts more than what comes with the file. Throws
/// InputError naming the file: no CLIP model by its tensors, sizes that contradict each other, or facts that nobody
/// states (the message names the flags that do).
ClipState read_clip(const std::filesystem::path& file, const ModelFacts& given = {});

/// Name of one of the nine released models by the SHA-256 of its file (clip.py `_MODELS`), else "".
std::string released_model(const std::string& sha256);

}  // namespace cliplab
