// The contrastive objective with a bag of words as the text tower (paper 2.3, Figure 2): a text is the mean of its
// words' embeddings, in no order. DEVIATION(2.3): words are the tokenizer's pieces.
#include <cmath>

#include "train/objectives/loss.hpp"
#include "train/objectives/objective.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

class BagOfWords : public TextSide {
 public:
  BagOfWords(torch::nn::Module& model, const Architecture& a) {
    const std::int64_t d = a.text_width;
    embedding_ = child(model, "token_embedding")->put("weight", normal_values({a.vocab_size, d}, 0.02));
    auto ln_final = child(model, "ln_final");
    ln_final_weight_ = ln_final->put("weight", torch::ones({d}));
    ln_final_bias_ = ln_final->put("bias", torch::zeros({d}));
    projection_ = model.register_parameter("text_projection",
                                           normal_values({d, a.embed_dim}, 1.0 / std::sqrt(static_cast<double>(d))));
  }

  Tensor encode(const std::vector<Tensor>& groups) override {
    std::vector<Tensor> means;
    for (const Tensor& tokens : groups) means.push_back(mean_of_words(tokens));
    const Tensor x = layer_norm(torch::cat(means), ln_final_weight_, ln_final_bias_).to(compute_);
    return apply_linear(x, projection_.t()).to(feature_type());
  }

 private:
  /// Words are the positions between the start and the end of text.
  Tensor mean_of_words(const Tensor& tokens) const {
    const Tensor place = torch::arange(tokens.size(1), tokens.device()), end = tokens.argmax(1, true);  // [T], [B,1]
    const Tensor is_word = (place > 0).logical_and(place < end).to(embedding_.scalar_type());           // [B,T]
    const Tensor sum = (at::embedding(embedding_, tokens) * is_word.unsqueeze(2)).sum(1);  // [B,T,d] -> [B,d]
    return sum / is_word.sum(1, true).clamp_min(1);
  }

  Tensor embedding_, ln_final_weight_, ln_final_bias_, projection_;
};

class BowContrastive : public ComparingObjective {
 public:
  std::string name() const override { return "bow_contrastive"; }
  std::string summary() const override { return "words without order"; }

  double text_macs(const Architecture& a) const override { return static_cast<double>(a.text_width) * a.embed_dim; }
  std::int64_t text_parameters(const Architecture& a) const override {
    const std::int64_t d = a.text_width;
    return std::int64_t{a.vocab_size} * d + 2 * d + d * a.embed_dim;
  }
  std::unique_ptr<TextSide> make_text_side(torch::nn::Module& model, const Architecture& a) const override {
    check_clip_vocabulary(a);
    return std::make_unique<BagOfWords>(model, a);
  }

 protected:
  Tensor loss(Clip& model, const Tensor& image, const Tensor& text, Comm& comm) const override {
    return shared_contrastive_loss(image, text, model->logit_scale, comm);
  }
};

CLIPLAB_REGISTER_OBJECTIVE(BowContrastive);

}  // namespace
}  // namespace cliplab
