// What the model layer knows about a training objective: the text side that it needs, and what that costs. The
// objective itself, with its loss, is one file in train/objectives that registers itself; no other file names it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/architecture.hpp"

namespace torch::nn {
class Module;
}

namespace cliplab {

class TextSide;

class ModelObjective {
 public:
  virtual ~ModelObjective() = default;
  virtual std::string name() const = 0;     // train.objective, also in the metadata of files
  virtual std::string summary() const = 0;  // a few words for the help: "which words the caption has"
  /// True if the text side is a tower into the joint space; otherwise it scores texts given a picture.
  virtual bool contrasts() const = 0;

  virtual double text_macs(const Architecture& a) const = 0;
  /// Learned values of the text side, all that `make_text_side` registers.
  virtual std::int64_t text_parameters(const Architecture& a) const = 0;
  /// Registers the parameters of the text side in `model`, with initial weights.
  virtual std::unique_ptr<TextSide> make_text_side(torch::nn::Module& model, const Architecture& a) const = 0;
};

/// All objectives, in order of their names.
const std::vector<std::unique_ptr<ModelObjective>>& model_objectives();
/// Throws InputError naming `where` and the known names for an unknown one.
const ModelObjective& find_model_objective(const std::string& name, const std::string& where = "train.objective");

bool register_objective(std::unique_ptr<ModelObjective> objective);
#define CLIPLAB_REGISTER_OBJECTIVE(Class) \
  static const bool registered_##Class = ::cliplab::register_objective(std::make_unique<Class>())

}  // namespace cliplab
