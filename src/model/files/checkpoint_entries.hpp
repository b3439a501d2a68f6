// The parts of a pickled checkpoint that hold tensors: a state dict may lie under any word, next to the optimiser's
// state, an average of the weights, and objects of any class.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/files/pickle.hpp"

namespace cliplab {

/// A dict or a module with tensors.
struct CheckpointEntry {
  std::string path;                // its keys in the file, joined by '.'; "" for the whole
  std::vector<std::string> names;  // of its tensors
};

/// Which of the entries is the model. Throws InputError when none is.
using ChooseEntry = std::function<std::size_t(const std::vector<CheckpointEntry>& entries)>;

/// One entry with its values: tensors of a dict, or of a module and the modules in it (nn.Module's attributes, and
/// those of a TorchScript archive).
struct PickledEntry {
  std::string path;
  std::vector<std::pair<std::string, const PickleValue*>> tensors;
  bool is_script = false;  // a module of a TorchScript archive
};

/// All of a stream, those nearest to its root first. Throws InputError naming `where` for modules nested without end.
std::vector<PickledEntry> entries_of(const PickleValue& root, const std::string& where);

/// "its keys are epoch, state_dict (dict), args (argparse Namespace)", for messages.
std::string described_keys(const PickleValue& root);

}  // namespace cliplab
