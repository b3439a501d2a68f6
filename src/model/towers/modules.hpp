// A model in memory: an image tower, a text side and the temperature, as LibTorch modules with the parameter names of
// the released files. For src/model and src/train. Which towers a family has and which text side an objective needs,
// both register themselves.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/architecture.hpp"
#include "model/towers/layers.hpp"

namespace cliplab {

/// An image tower: pixels [B, 3, R, R] normalised -> trunk features [B, trunk_dim] and joint features [B, E]. It is the
/// model's module "visual".
class VisionTowerImpl : public torch::nn::Module {
 public:
  virtual torch::Tensor trunk(torch::Tensor pixels) = 0;
  /// The projection into the joint space; the identity where the trunk ends with it (ResNet).
  virtual torch::Tensor project(torch::Tensor trunk) = 0;
  /// Puts what is constant in evaluation into the weights (ResNet: BatchNorm into convolutions). No training
  /// afterwards.
  virtual void fold() {}
  /// Puts weights in the order in which this processor multiplies them. No training and no reading of them afterwards.
  virtual void pack() {}
  virtual void set_recompute(bool on) = 0;
};

/// The text side of a model: a tower into the joint space, or a predictor of captions from pictures. Its parameters
/// are registered in the model itself, under the released names.
class TextSide {
 public:
  virtual ~TextSide() = default;

  /// Groups of captions, each tokens [B, T] int64 with a T of its own, T up to context_length -> [sum of B, E], fp32,
  /// not normalised. Only where the objective contrasts.
  virtual torch::Tensor encode(const std::vector<torch::Tensor>& groups);
  /// ln of the prompts' likelihood given a picture: features [n, E] of encode_image -> [n, P]. Only where the objective
  /// does not contrast.
  virtual torch::Tensor score_prompts(const torch::Tensor& features,
                                      std::span<const std::vector<std::int32_t>> prompts);

  virtual void pack() {}
  virtual void set_recompute(bool /*on*/) {}
  void set_compute_type(torch::ScalarType type) { compute_ = type; }

  static constexpr std::int64_t kTextsAtOnce = 256;  // their distributions over the vocabulary are 0.2 MB a token

 protected:
  torch::ScalarType feature_type() const { return compute_ == torch::kFloat64 ? compute_ : torch::kFloat32; }
  torch::ScalarType compute_ = torch::kFloat32;
};

/// CLIP's text transformer, read at the end of text (towers/text_transformer.cpp). Its groups are cut to their longest
/// captions, which is exact under the causal mask.
std::unique_ptr<TextSide> make_clip_text_tower(torch::nn::Module& model, const Architecture& architecture);

/// The modules of a family.
struct Towers {
  std::shared_ptr<VisionTowerImpl> (*vision)(const Architecture& architecture) = nullptr;
  /// Registers its parameters in `model`.
  std::unique_ptr<TextSide> (*text)(torch::nn::Module& model, const Architecture& architecture) = make_clip_text_tower;
};
bool register_towers(const std::string& family, Towers towers);
/// Of the family with this name. Throws InputError when there are none.
const Towers& towers_of(const std::string& family);

class ClipImpl : public torch::nn::Module {
 public:
  /// Initial weights as OpenAI's initialize_parameters, drawn from torch's default generator (seed it first).
  explicit ClipImpl(const Architecture& architecture);

  /// pixels [B, 3, R, R] -> [B, trunk_dim], fp32.
  torch::Tensor image_trunk(torch::Tensor pixels);
  /// -> [B, E], fp32, not normalised.
  torch::Tensor encode_image(torch::Tensor pixels);
  /// See TextSide::encode.
  torch::Tensor encode_text(torch::Tensor tokens) { return text_->encode({std::move(tokens)}); }
  torch::Tensor encode_text(const std::vector<torch::Tensor>& groups) { return text_->encode(groups); }
  TextSide& text() { return *text_; }

  void fold() { visual_->fold(); }
  void pack() { visual_->pack(), text_->pack(); }
  void set_recompute(bool on) { visual_->set_recompute(on), text_->set_recompute(on); }

  /// fp32, bf16 or fp16 activations from now on; fp64 ones where the weights are fp64 (tests).
  void set_compute_type(torch::ScalarType type) { compute_ = type, text_->set_compute_type(type); }
  const Architecture& architecture() const { return architecture_; }

  torch::Tensor logit_scale =
      torch::zeros({});  // [] ln of the scale, starts at ln(1/0.07); no parameter where nothing contrasts

 private:
  torch::ScalarType feature_type() const { return compute_ == torch::kFloat64 ? compute_ : torch::kFloat32; }

  Architecture architecture_;
  torch::ScalarType compute_ = torch::kFloat32;
  std::shared_ptr<VisionTowerImpl> visual_;
  std::unique_ptr<TextSide> text_;
};
TORCH_MODULE(Clip);

/// Blocks, embedding, positions and last LayerNorm of a text transformer under OpenAI's names.
struct TextBlocks {
  TextBlocks(torch::nn::Module& model, const Architecture& architecture);
  /// OpenAI's initial weights of the blocks (initialize_parameters), drawn after all other weights.
  void draw_blocks(const Architecture& architecture);

  Transformer transformer;
  torch::Tensor token_embedding, positional_embedding, ln_final_weight, ln_final_bias;
  double norm_eps;
};

/// Ids with start and end of text -> [B, T] int64, padded with 0 to the longest.
torch::Tensor padded_tokens(std::span<const std::vector<std::int32_t>> captions);
/// A caption's ids of CLIP's vocabulary, each once, without start and end of text.
std::vector<std::int64_t> distinct_words(std::span<const std::int32_t> caption);

}  // namespace cliplab
