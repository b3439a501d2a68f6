// Layers that towers are made of (openai/CLIP model.py). Parameters stay fp32; a forward pass in bf16 casts each weight
// where it is used, so gradients arrive in fp32. LayerNorm, normalisation, temperature and loss are always fp32.
#pragma once

#include <torch/torch.h>

#include <vector>

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
  TransformerImpl(int width, int hidden, int layers, int heads, bool quick_gelu, double norm_eps = 1e-5);
  /// x [B, T, d] -> [B, T, d]; `causal` masks the future. `first_only` -> [B, 1, d]: the last block computes the
  /// first token alone.
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
  double norm_eps_;
};
TORCH_MODULE(Transformer);

/// A module without a forward pass of its own: it gives the parameters of a layer their names in released files.
struct NamedParameters : torch::nn::Module {
  torch::Tensor put(const std::string& name, torch::Tensor value) { return register_parameter(name, std::move(value)); }
};

/// Registers one in `parent`.
inline std::shared_ptr<NamedParameters> child(torch::nn::Module& parent, const std::string& name) {
  return parent.register_module(name, std::make_shared<NamedParameters>());
}

/// A weight in the type that activations have now (the weight itself when it already is).
inline torch::Tensor as_type_of(const torch::Tensor& weight, const torch::Tensor& activations) {
  return weight.to(activations.scalar_type());
}

/// x [..., K] times weight^T [K, N] plus bias [N] (left out where undefined), in the type of x.
torch::Tensor apply_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});

/// ln of the softmax of x weight^T at `targets`: x [M, K], weight [V, K], targets [M] -> [M], fp32 (fp64 of fp64). The
/// M x V probabilities exist tile by tile, and are computed again in backward.
torch::Tensor log_probabilities_of(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& targets);

/// The weight in oneDNN's order of elements, for apply_linear in evaluation only; its own memory is freed. The weight
/// itself where oneDNN cannot reorder it.
torch::Tensor pack_linear(torch::Tensor weight);

/// LayerNorm over the last dimension, statistics in fp32 whatever the input's type.
torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                         double eps = 1e-5);

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
