// CLIP's text transformer with OpenAI's initial weights (openai/CLIP model.py `CLIP`).
#include <cmath>

#include "model/towers/modules.hpp"

namespace cliplab {

using torch::Tensor;

TextBlocks::TextBlocks(torch::nn::Module& model, const Architecture& a)
    : transformer(model.register_module("transformer", Transformer(a.text_width, a.text_hidden(), a.text_layers,
                                                                   a.text_heads(), a.quick_gelu, a.text_norm_eps))),
      norm_eps(a.text_norm_eps) {
  const std::int64_t d = a.text_width;
  token_embedding = child(model, "token_embedding")->put("weight", normal_values({a.vocab_size, d}, 0.02));
  positional_embedding = model.register_parameter("positional_embedding", normal_values({a.context_length, d}, 0.01));
  auto ln_final = child(model, "ln_final");
  ln_final_weight = ln_final->put("weight", torch::ones({d}));
  ln_final_bias = ln_final->put("bias", torch::zeros({d}));
}

void TextBlocks::draw_blocks(const Architecture& a) {
  if (WithoutInitialValues::active()) return;
  torch::NoGradGuard no_grad;
  const double d = a.text_width, attention = 1.0 / std::sqrt(d),
               projection = attention / std::sqrt(2.0 * a.text_layers);
  for (auto& item : transformer->named_parameters()) {
    const std::string& name = item.key();
    const auto ends = [&](const char* suffix) { return name.ends_with(suffix); };
    if (ends("attn.in_proj_weight")) item.value().normal_(0, attention);
    if (ends("attn.out_proj.weight") || ends("mlp.c_proj.weight")) item.value().normal_(0, projection);
    if (ends("mlp.c_fc.weight")) item.value().normal_(0, 1.0 / std::sqrt(2.0 * d));
  }
}

namespace {

class TextTransformer : public TextSide {
 public:
  TextTransformer(torch::nn::Module& model, const Architecture& a) : blocks_(model, a) {
    const std::int64_t d = a.text_width;
    projection_ = model.register_parameter("text_projection",
                                           normal_values({d, a.embed_dim}, 1.0 / std::sqrt(static_cast<double>(d))));
    blocks_.draw_blocks(a);
  }

  /// Read at the first largest id, the end of text. All groups go through the blocks in one pass.
  Tensor encode(const std::vector<Tensor>& groups) override {
    std::vector<TokenGroup> sizes;
    std::vector<Tensor> ids, places, ends;
    std::int64_t rows = 0;
    for (const Tensor& tokens : groups) {
      const auto B = tokens.size(0), T = tokens.size(1);
      sizes.push_back({B, T});
      ids.push_back(tokens.reshape(-1));
      places.push_back(blocks_.positional_embedding.narrow(0, 0, T).repeat({B, 1}));  // [T,d] -> [B*T,d]
      ends.push_back(torch::arange(B, tokens.options()).mul_(T).add_(tokens.argmax(1)).add_(rows));
      rows += B * T;
    }
    // One look-up for all: each costs a gradient as large as the table.
    Tensor x = at::embedding(blocks_.token_embedding, torch::cat(ids)) + torch::cat(places);  // [N] -> [N,d]
    x = blocks_.transformer->forward(x.to(compute_).unsqueeze(0), /*causal=*/true, /*first_only=*/false, sizes)
            .squeeze(0);
    x = x.index({torch::cat(ends)});  // [N,d] -> [B,d]; LayerNorm is per row, so after it or before is equal
    x = layer_norm(x, blocks_.ln_final_weight, blocks_.ln_final_bias, blocks_.norm_eps);
    return apply_linear(x, projection_.t()).to(feature_type());
  }

  void pack() override { blocks_.transformer->pack(); }
  void set_recompute(bool on) override { blocks_.transformer->set_recompute(on); }

 private:
  TextBlocks blocks_;
  Tensor projection_;
};

}  // namespace

std::unique_ptr<TextSide> make_clip_text_tower(torch::nn::Module& model, const Architecture& architecture) {
  return std::make_unique<TextTransformer>(model, architecture);
}

}  // namespace cliplab
