// Where in a file the tensors of an image-text model are: under which words, in which wrappers.
#pragma once

#include <string>
#include <vector>

#include "model/files/checkpoint.hpp"
#include "model/files/clip_state.hpp"

namespace cliplab {

/// The place of a model in a file.
struct ClipPlace {
  std::size_t entry = 0;  // of the pickle's entries
  std::string prefix;     // before the names of its tensors, without wrappers: "student."
  std::string path;       // both in one, as the user can give it: "state_dict.student"
};

/// A name without `module.` (DistributedDataParallel) and `_orig_mod.` (torch.compile), and with `trainers` without
/// `model.` too.
std::string without_wrappers(const std::string& name, bool trainers = false);

/// Finds models by the tensors of their towers. `wanted` is the user's choice; else weights under a usual word count
/// more than under another, and an average of the weights least. Throws InputError naming `where`: none, two that count
/// the same, none of the wanted name.
class ClipFinder {
 public:
  ClipFinder(std::string wanted, std::string where) : wanted_(std::move(wanted)), where_(std::move(where)) {}

  /// The entry of the model; for read_checkpoint.
  std::size_t choose(const std::vector<CheckpointEntry>& entries);
  /// The entry of the first model, or 0, without a choice between several.
  std::size_t look(const std::vector<CheckpointEntry>& entries);
  /// Keeps the model's tensors under the names of their family; those of another model or of no model go to `ignored`.
  void take(ClipState& state) const;

  bool found() const { return found_; }
  const std::vector<std::string>& others() const { return others_; }

 private:
  void look_through(const std::vector<CheckpointEntry>& entries, bool trainers);
  void look_for_all(const std::vector<CheckpointEntry>& entries);

  std::string wanted_, where_;
  bool found_ = false, trainers_ = false;
  std::vector<ClipPlace> places_;
  ClipPlace place_;
  std::vector<std::string> others_;
};

}  // namespace cliplab
