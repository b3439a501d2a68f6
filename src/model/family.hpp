// A model family is all that the program knows about one kind of image-text model: how its files are recognised and
// read, its sizes and their costs, its tokenizer, its part of the training recipe. A family registers itself from its
// own file in model/families (without LibTorch), its towers from one in model/towers; no other file names a family.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/architecture.hpp"
#include "model/files/checkpoint_spec.hpp"
#include "model/files/clip_state.hpp"
#include "model/text/text_tokenizer.hpp"

namespace cliplab {

struct NamedSize {
  Architecture architecture;
  double paper_learning_rate = 0;  // peak rate of its paper; 0: not in a paper
};

/// The moments' decay and epsilon of AdamW (paper Table 18).
struct AdamWMoments {
  double beta1 = 0.9, beta2 = 0.98, eps = 1e-6;
};

class ModelFamily {
 public:
  virtual ~ModelFamily() = default;
  virtual std::string name() const = 0;  // Architecture::family, also in the metadata of files

  // --- sizes ---
  virtual std::vector<NamedSize> named_sizes() const = 0;
  /// A name made of the sizes, for a model whose sizes have no name.
  virtual std::string describe(const Architecture& a) const = 0;
  /// Throws InputError naming `where` when the image tower's sizes do not fit each other.
  virtual void check(const Architecture& a, const std::string& where) const = 0;
  /// Width that the heads of the image tower share; 0: it has none.
  virtual int attention_width(const Architecture& a) const = 0;
  /// Width of the features before the projection into the joint space.
  virtual int trunk_dim(const Architecture& a) const = 0;

  // --- costs; the defaults are those of CLIP's text transformer ---
  virtual double image_macs(const Architecture& a) const = 0;
  virtual std::int64_t image_parameters(const Architecture& a) const = 0;
  virtual double text_macs(const Architecture& a) const;
  virtual std::int64_t text_parameters(const Architecture& a) const;

  // --- released files ---
  /// True if these tensors (names of the file, without wrappers) are a model of this family.
  virtual bool recognises(const StateDict& tensors) const = 0;
  /// Renames the tensors of `state` to those of the towers; sets its naming and its architecture's sizes.
  virtual void read(ClipState& state, const std::string& where) const = 0;
  /// What comes with the weights of a release, whose names `state` has. Default: the configurations and archives of
  /// CLIP releases.
  virtual CheckpointSpec released_spec(const std::filesystem::path& file, const ClipState& state,
                                       bool mentions_quick_gelu) const;
  /// Name of the released model whose file has this SHA-256, else "".
  virtual std::string released_as(const std::string& /*sha256*/) const { return {}; }

  // --- texts; default: CLIP's tokenizer ---
  virtual std::unique_ptr<TextTokenizer> make_tokenizer(TokenizerRules rules,
                                                        TextClean clean = TextClean::kLower) const;
  virtual int vocab_size() const;

  // --- computing and training ---
  /// True if this weight stays in float32 when a model computes in half precision (openai/CLIP `convert_weights`).
  virtual bool stays_float32(const std::string& weight) const;
  virtual AdamWMoments adamw_moments() const { return {}; }
  /// The tensor [tokens, d] of the image's positions, which another resolution resizes; "": none.
  virtual std::string image_positions() const { return {}; }
};

/// All families, in order of their names.
const std::vector<std::unique_ptr<ModelFamily>>& model_families();
/// Throws InputError naming `where` and the known families for an unknown one.
const ModelFamily& find_family(const std::string& name, const std::string& where = "model family");

bool register_family(std::unique_ptr<ModelFamily> family);
#define CLIPLAB_REGISTER_FAMILY(Class) \
  static const bool registered_##Class = ::cliplab::register_family(std::make_unique<Class>())

}  // namespace cliplab
