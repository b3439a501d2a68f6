// Which token comes next in the caption of this picture? (VirTex, Desai and Johnson 2020, forwards only.) A term a
// token, the end of text included. DEVIATION(2.3): the language model reads the pooled picture in the place of the
// start of text (VirTex attends to a grid), its output layer is its embedding table.
#include <algorithm>
#include <cmath>

#include "model/costs.hpp"
#include "train/objectives/objective.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

class LanguageModel : public TextSide {
 public:
  LanguageModel(torch::nn::Module& model, const Architecture& a) : blocks_(model, a) {
    image_projection_ = model.register_parameter(
        "image_projection",
        normal_values({a.text_width, a.embed_dim}, 1.0 / std::sqrt(static_cast<double>(a.embed_dim))));
    blocks_.draw_blocks(a);
  }

  /// features [B, E] of encode_image, tokens [B, T] int64 -> [B] ln of the chance of all tokens after the first, the
  /// end's too.
  Tensor log_likelihood(const Tensor& features, const Tensor& tokens) {
    const auto B = tokens.size(0),
               n = tokens.size(1) - 1;  // places that predict: the picture's, then each token's but the end's
    const Tensor image = apply_linear(features.to(compute_), image_projection_).unsqueeze(1);  // [B,E] -> [B,1,d]
    const Tensor before = at::embedding(blocks_.token_embedding, tokens.narrow(1, 1, n - 1)).to(compute_);
    Tensor x = torch::cat({image, before}, 1) + blocks_.positional_embedding.narrow(0, 0, n).to(compute_);  // [B,n,d]
    x = blocks_.transformer(x, /*causal=*/true);
    const Tensor place =
        torch::arange(n, tokens.device()).lt(tokens.argmax(1, true)).nonzero();  // [M,2]: no padding is projected
    const Tensor row = place.select(1, 0), column = place.select(1, 1);
    x = layer_norm(x.index({row, column}), blocks_.ln_final_weight, blocks_.ln_final_bias, blocks_.norm_eps);  // [M,d]
    const Tensor logs = log_probabilities_of(x, blocks_.token_embedding, tokens.index({row, column + 1}));     // [M]
    return torch::zeros({B}, logs.options().requires_grad(false)).index_add(0, row, logs);
  }

  Tensor score_prompts(const Tensor& features, std::span<const std::vector<std::int32_t>> prompts) override {
    const Tensor ids = padded_tokens(prompts).to(features.device());
    const std::int64_t n = features.size(0), P = ids.size(0);
    std::vector<Tensor> parts;  // P may be more than one pass should hold
    for (std::int64_t begin = 0; begin < P; begin += kTextsAtOnce) {
      const std::int64_t p = std::min(kTextsAtOnce, P - begin);
      parts.push_back(
          log_likelihood(features.repeat_interleave(p, 0), ids.narrow(0, begin, p).repeat({n, 1})).view({n, p}));
    }
    return torch::cat(parts, 1);
  }

  void pack() override { blocks_.transformer->pack(); }
  void set_recompute(bool on) override { blocks_.transformer->set_recompute(on); }

 private:
  TextBlocks blocks_;
  Tensor image_projection_;
};

class Captioning : public PredictingObjective {
 public:
  std::string name() const override { return "captioning"; }
  std::string summary() const override { return "token by token"; }

  double text_macs(const Architecture& a) const override {
    const double d = a.text_width, words = a.vocab_size;
    return transformer_macs(a.text_layers, d, a.text_hidden(), a.context_length) + d * a.embed_dim +
           words * a.text_width * a.context_length;
  }
  std::int64_t text_parameters(const Architecture& a) const override {
    const std::int64_t d = a.text_width;
    return std::int64_t{a.vocab_size} * d + 2 * d + d * a.embed_dim + a.context_length * d +
           transformer_parameters(a.text_layers, d, a.text_hidden());
  }
  std::unique_ptr<TextSide> make_text_side(torch::nn::Module& model, const Architecture& a) const override {
    check_clip_vocabulary(a);
    return std::make_unique<LanguageModel>(model, a);
  }

 protected:
  Tensor sum(Clip& model, const Tensor& features, Captions captions) const override {
    const Tensor tokens = padded_tokens(captions).to(features.device());
    return -dynamic_cast<LanguageModel&>(model->text()).log_likelihood(features, tokens).sum();
  }

  std::int64_t terms(Captions captions) const override {
    std::int64_t count = 0;
    for (const auto& caption : captions) count += std::ssize(caption) - 1;
    return count;
  }
};

CLIPLAB_REGISTER_OBJECTIVE(Captioning);

}  // namespace
}  // namespace cliplab
