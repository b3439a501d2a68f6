// The vision transformer of the family "vit" (openai/CLIP model.py: VisionTransformer).
#include <cmath>

#include "model/towers/modules.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

class VisionTransformer : public VisionTowerImpl {
 public:
  explicit VisionTransformer(const Architecture& a) : patch_(a.patch), norm_eps_(a.vision_norm_eps) {
    const std::int64_t d = a.vision_width, grid = a.resolution / a.patch;
    const double scale = 1.0 / std::sqrt(static_cast<double>(d));
    class_embedding_ = register_parameter("class_embedding", normal_values({d}, scale));
    positional_embedding_ = register_parameter("positional_embedding", normal_values({grid * grid + 1, d}, scale));
    proj_ = register_parameter("proj", normal_values({d, a.embed_dim}, scale));
    conv_weight_ = child(*this, "conv1")->put("weight", default_uniform({d, 3, patch_, patch_}, 3 * patch_ * patch_));
    auto ln_pre = child(*this, "ln_pre"), ln_post = child(*this, "ln_post");
    ln_pre_weight_ = ln_pre->put("weight", torch::ones({d})), ln_pre_bias_ = ln_pre->put("bias", torch::zeros({d}));
    ln_post_weight_ = ln_post->put("weight", torch::ones({d})), ln_post_bias_ = ln_post->put("bias", torch::zeros({d}));
    transformer_ = register_module("transformer", Transformer(a.vision_width, a.vision_hidden(), a.vision_layers[0],
                                                              a.vision_width / a.head_width, a.quick_gelu, norm_eps_));
  }

  Tensor trunk(Tensor pixels) override {
    const auto B = pixels.size(0), grid = pixels.size(2) / patch_, d = class_embedding_.size(0);
    // The strided convolution as one matrix product over non-overlapping patches.
    Tensor x = pixels.view({B, 3, grid, patch_, grid, patch_}).permute({0, 2, 4, 1, 3, 5});
    x = x.reshape({B, grid * grid, 3 * patch_ * patch_});  // [B,3,R,R] -> [B,G*G,3*P*P]
    x = apply_linear(x, conv_weight_.view({d, -1}));
    x = torch::cat({as_type_of(class_embedding_, x).expand({B, 1, d}), x}, 1);
    x = x + as_type_of(positional_embedding_, x);
    x = transformer_(layer_norm(x, ln_pre_weight_, ln_pre_bias_, norm_eps_), /*causal=*/false, /*first_only=*/true);
    return layer_norm(x.select(1, 0), ln_post_weight_, ln_post_bias_, norm_eps_);  // [B,T,d] -> [B,d]
  }

  void pack() override { transformer_->pack(); }
  void set_recompute(bool on) override { transformer_->set_recompute(on); }

  Tensor project(Tensor trunk) override { return apply_linear(trunk, proj_.t()); }

 private:
  std::int64_t patch_;
  double norm_eps_;
  Tensor class_embedding_, positional_embedding_, proj_, conv_weight_;
  Tensor ln_pre_weight_, ln_pre_bias_, ln_post_weight_, ln_post_bias_;
  Transformer transformer_{nullptr};
};

std::shared_ptr<VisionTowerImpl> make(const Architecture& architecture) {
  return std::make_shared<VisionTransformer>(architecture);
}

const bool registered = register_towers("vit", {make});

}  // namespace
}  // namespace cliplab
