// The two towers together (openai/CLIP model.py `CLIP`), with OpenAI's initial weights.
#include <cmath>

#include "model/modules.hpp"

namespace cliplab {

using torch::Tensor;

ClipImpl::ClipImpl(const Architecture& architecture) : architecture_(architecture) {
  const Architecture& a = architecture_;
  visual_ = register_module("visual", a.family == "vit" ? make_vision_transformer(a) : make_modified_resnet(a));
  transformer_ = register_module("transformer", Transformer(a.text_width, a.text_hidden(), a.text_layers, a.text_heads(), a.quick_gelu));
  const std::int64_t d = a.text_width;
  auto embedding = register_module("token_embedding", std::make_shared<torch::nn::Module>());
  token_embedding_ = embedding->register_parameter("weight", normal_values({a.vocab_size, d}, 0.02));
  positional_embedding_ = register_parameter("positional_embedding", normal_values({a.context_length, d}, 0.01));
  auto ln_final = register_module("ln_final", std::make_shared<torch::nn::Module>());
  ln_final_weight_ = ln_final->register_parameter("weight", torch::ones({d}));
  ln_final_bias_ = ln_final->register_parameter("bias", torch::zeros({d}));
  text_projection_ = register_parameter("text_projection", normal_values({d, a.embed_dim}, 1.0 / std::sqrt(double(d))));
  logit_scale = register_parameter("logit_scale", torch::tensor(std::log(1.0 / 0.07), torch::kFloat32));

  if (WithoutInitialValues::active()) return;
  // initialize_parameters: the text tower's blocks; the ViT's keep PyTorch's defaults.
  torch::NoGradGuard no_grad;
  const double attention = 1.0 / std::sqrt(double(d)), projection = attention / std::sqrt(2.0 * a.text_layers);
  for (auto& item : transformer_->named_parameters()) {
    const std::string& name = item.key();
    const auto ends = [&](const char* suffix) { return name.ends_with(suffix); };
    if (ends("attn.in_proj_weight")) item.value().normal_(0, attention);
    if (ends("attn.out_proj.weight") || ends("mlp.c_proj.weight")) item.value().normal_(0, projection);
    if (ends("mlp.c_fc.weight")) item.value().normal_(0, 1.0 / std::sqrt(2.0 * d));
  }
}

Tensor ClipImpl::image_trunk(Tensor pixels) { return visual_->trunk(pixels.to(compute_)).to(feature_type()); }

Tensor ClipImpl::encode_image(Tensor pixels) {
  return visual_->project(visual_->trunk(pixels.to(compute_))).to(feature_type());
}

Tensor ClipImpl::encode_text(Tensor tokens) {
  const auto B = tokens.size(0), T = tokens.size(1);
  Tensor x = at::embedding(token_embedding_, tokens) + positional_embedding_.narrow(0, 0, T);  // [B,T] -> [B,T,d]
  x = transformer_(x.to(compute_), /*causal=*/true);
  const Tensor end = tokens.argmax(1);  // the first largest id is the end of text
  x = x.index({torch::arange(B, tokens.device()), end});  // [B,T,d] -> [B,d]; LayerNorm is per row, so after it or before is equal
  x = layer_norm(x, ln_final_weight_, ln_final_bias_);
  return apply_linear(x, text_projection_.t()).to(feature_type());
}

}  // namespace cliplab
