// The towers as LibTorch modules with OpenAI's parameter names (openai/CLIP model.py), for src/model and src/train.
// Parameters stay fp32; a forward pass in bf16 casts each weight where it is used, so gradients arrive in fp32.
// LayerNorm, normalisation, temperature and loss are always fp32.
#pragma once

#include <torch/torch.h>

#include <span>
#include <vector>

#include "model/architecture.hpp"

namespace cliplab {

/// While one lives in a thread, modules are made there without drawing initial values: their weights are loaded next.
class WithoutInitialValues {
 public:
  WithoutInitialValues() { active_ = true; }
  ~WithoutInitialValues() { active_ = false; }
  WithoutInitialValues(const WithoutInitialValues&) = delete;
  WithoutInitialValues& operator=(const WithoutInitialValues&) = delete;
  static bool active() { return active_; }

 private:
  static thread_local bool active_;
};

/// `sequences` of `tokens` tokens each.
struct TokenGroup {
  std::int64_t sequences = 0, tokens = 0;
};

/// One transformer: `resblocks.<i>.{ln_1, attn, ln_2, mlp}` (model.py `Transformer`), `hidden` wide within its MLPs.
class TransformerImpl : public torch::nn::Module {
 public:
  TransformerImpl(int width, int hidden, int layers, int heads, bool quick_gelu);
  /// x [B, T, d] -> [B, T, d]; `causal` masks the future. `first_only` -> [B, 1, d]: the last block, whose other tokens
  /// nobody reads, gives the first one alone.
  /// With `groups`, sequences of several lengths in one pass: x [1, sum of B T, d], group after group of [B, T]. Only
  /// attention sees where a sequence ends; all else is one operation over all rows.
  torch::Tensor forward(torch::Tensor x, bool causal, bool first_only = false,
                        const std::vector<TokenGroup>& groups = {});
  /// pack_linear for the weights of all blocks.
  void pack();
  /// Training keeps the blocks' inputs alone and computes each block again in backward (gradient checkpointing).
  void set_recompute(bool on) { recompute_ = on; }

 private:
  struct Block {
    torch::Tensor ln_1_weight, ln_1_bias, in_weight, in_bias, out_weight, out_bias;
    torch::Tensor ln_2_weight, ln_2_bias, fc_weight, fc_bias, proj_weight, proj_bias;
  };
  torch::Tensor run_block(const Block& b, torch::Tensor x, bool causal, bool first_only,
                          const std::vector<TokenGroup>& groups) const;

  std::vector<Block> blocks_;
  int width_, heads_;
  bool quick_gelu_, recompute_ = false;
};
TORCH_MODULE(Transformer);

/// An image tower: pixels [B, 3, R, R] normalised -> trunk features [B, trunk_dim] and joint features [B, E].
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

std::shared_ptr<VisionTowerImpl> make_vision_transformer(const Architecture& architecture);
std::shared_ptr<VisionTowerImpl> make_modified_resnet(const Architecture& architecture);

class ClipImpl : public torch::nn::Module {
 public:
  /// Initial weights as OpenAI's initialize_parameters, drawn from torch's default generator (seed it first).
  explicit ClipImpl(const Architecture& architecture);

  /// pixels [B, 3, R, R] -> [B, trunk_dim], fp32.
  torch::Tensor image_trunk(torch::Tensor pixels);
  /// -> [B, E], fp32, not normalised.
  torch::Tensor encode_image(torch::Tensor pixels);
  /// tokens [B, T] int64, T up to context_length and cut to the longest caption (exact under the causal mask);
  /// read at the first largest id, the end of text. -> [B, E], fp32, not normalised.
  torch::Tensor encode_text(torch::Tensor tokens) { return encode_text(std::vector{std::move(tokens)}); }
  /// Groups of captions, each [B, T] with a T of its own -> [sum of B, E]: as encode_text one by one, in one pass.
  torch::Tensor encode_text(const std::vector<torch::Tensor>& groups);

  /// bow_prediction: features [B, E] of encode_image -> [B, V] ln of the chance that a word drawn from the caption is
  /// this one.
  torch::Tensor word_log_probabilities(torch::Tensor features);
  /// captioning: features [B, E], tokens [B, T] as above -> [B] ln of the chance of all tokens after the first, the
  /// end's too.
  torch::Tensor caption_log_likelihood(torch::Tensor features, torch::Tensor tokens);

  void fold() { visual_->fold(); }
  void pack() {
    visual_->pack();
    if (transformer_) transformer_->pack();
  }
  void set_recompute(bool on) {
    visual_->set_recompute(on);
    if (transformer_) transformer_->set_recompute(on);
  }

  /// fp32, bf16 or fp16 activations from now on; fp64 ones where the weights are fp64 (tests).
  void set_compute_type(torch::ScalarType type) { compute_ = type; }
  const Architecture& architecture() const { return architecture_; }

  torch::Tensor logit_scale =
      torch::zeros({});  // [] ln of the scale, starts at ln(1/0.07); no parameter where nothing contrasts

 private:
  void make_word_classifier();
  torch::Tensor bag_of_words(const torch::Tensor& tokens);
  torch::ScalarType feature_type() const { return compute_ == torch::kFloat64 ? compute_ : torch::kFloat32; }

  Architecture architecture_;
  torch::ScalarType compute_ = torch::kFloat32;
  std::shared_ptr<VisionTowerImpl> visual_;
  Transformer transformer_{nullptr};
  torch::Tensor token_embedding_, positional_embedding_, ln_final_weight_, ln_final_bias_, text_projection_;
  torch::Tensor image_projection_, words_weight_, words_bias_;
};
TORCH_MODULE(Clip);

/// Ids with start and end of text -> [B, T] int64, padded with 0 to the longest.
torch::Tensor padded_tokens(std::span<const std::vector<std::int32_t>> captions);
/// A caption's ids, each once, without start and end of text.
std::vector<std::int64_t> distinct_words(std::span<const std::int32_t> caption);

/// A weight in the type that activations have now (the weight itself when it already is).
inline torch::Tensor as_type_of(const torch::Tensor& weight, const torch::Tensor& activations) {
  return weight.to(activations.scalar_type());
}

/// x [..., K] times weight^T [K, N] plus bias [N] (left out where undefined), in the type of x.
torch::Tensor apply_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});

/// ln of the softmax of x weight^T at `targets`: x [M, K], weight [V, K], targets [M] -> [M], fp32 (fp64 of fp64). The
/// M x V probabilities exist tile by tile, and are computed again in backward.
torch::Tensor log_probabilities_of(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& targets);

/// The weight in oneDNN's own order, for apply_linear in evaluation only, its memory given back; as it is where that
/// cannot be.
torch::Tensor pack_linear(torch::Tensor weight);

/// LayerNorm over the last dimension, eps 1e-5, statistics in fp32 whatever the input's type.
torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

/// x * sigmoid(1.702 x); in evaluation in the memory of x, which must be a temporary.
torch::Tensor quick_gelu(const torch::Tensor& x);

/// x + y; in evaluation in the memory of x, which must be a temporary.
inline torch::Tensor add_to(torch::Tensor x, const torch::Tensor& y) {
  return torch::GradMode::is_enabled() ? x + y : x.add_(y);
}

/// PyTorch's default initial weight and bias of a Linear or Conv layer: uniform within 1 / sqrt(fan_in).
torch::Tensor default_uniform(std::vector<std::int64_t> shape, std::int64_t fan_in);
/// Normal with mean 0.
torch::Tensor normal_values(std::vector<std::int64_t> shape, double standard_deviation);

}  // namespace cliplab
