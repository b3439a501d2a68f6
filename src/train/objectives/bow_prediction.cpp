// Which words does the caption of this picture have? (Joulin et al. 2016, multi-class logistic loss: a softmax over the
// vocabulary, every word of the caption an equally right answer.) A term a caption; a caption without words has none.
// DEVIATION(2.3): words are the tokenizer's pieces.
#include <algorithm>
#include <cmath>

#include "train/objectives/objective.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

class WordClassifier : public TextSide {
 public:
  WordClassifier(torch::nn::Module& model, const Architecture& a) {
    auto words = child(model, "words");
    weight_ = words->put("weight",
                         normal_values({a.vocab_size, a.embed_dim}, 1.0 / std::sqrt(static_cast<double>(a.embed_dim))));
    bias_ = words->put("bias", torch::zeros({a.vocab_size}));
  }

  /// features [B, E] of encode_image -> [B, V] ln of the chance that a word drawn from the caption is this one.
  Tensor log_probabilities(const Tensor& features) const {
    return at::log_softmax(apply_linear(features.to(compute_), weight_, bias_).to(feature_type()), 1);
  }

  /// The mean of ln p over a prompt's words.
  Tensor score_prompts(const Tensor& features, std::span<const std::vector<std::int32_t>> prompts) override {
    const Tensor logs = log_probabilities(features);  // [n,V]
    std::vector<Tensor> columns;
    for (const auto& prompt : prompts)
      columns.push_back(
          logs.index_select(1, torch::tensor(distinct_words(prompt), torch::kInt64).to(logs.device())).mean(1));
    return torch::stack(columns, 1);
  }

 private:
  Tensor weight_, bias_;
};

class BowPrediction : public PredictingObjective {
 public:
  std::string name() const override { return "bow_prediction"; }
  std::string summary() const override { return "which words"; }

  double text_macs(const Architecture& a) const override { return static_cast<double>(a.vocab_size) * a.embed_dim; }
  std::int64_t text_parameters(const Architecture& a) const override {
    return std::int64_t{a.vocab_size} * (a.embed_dim + 1);
  }
  std::unique_ptr<TextSide> make_text_side(torch::nn::Module& model, const Architecture& a) const override {
    check_clip_vocabulary(a);
    return std::make_unique<WordClassifier>(model, a);
  }

 protected:
  Tensor sum(Clip& model, const Tensor& features, Captions captions) const override {
    std::vector<std::int64_t> rows, words;
    std::vector<double> shares;
    for (std::size_t i = 0; i < captions.size(); ++i) {
      const auto distinct = distinct_words(captions[i]);
      words.insert(words.end(), distinct.begin(), distinct.end());
      rows.insert(rows.end(), distinct.size(), static_cast<std::int64_t>(i));
      shares.insert(shares.end(), distinct.size(),
                    1.0 / static_cast<double>(std::max<std::size_t>(1, distinct.size())));
    }
    const Tensor logs = dynamic_cast<WordClassifier&>(model->text()).log_probabilities(features);
    const auto there = [&](const Tensor& x) { return x.to(logs.device()); };
    return -(logs.index({there(torch::tensor(rows, torch::kInt64)), there(torch::tensor(words, torch::kInt64))}) *
             there(torch::tensor(shares, logs.scalar_type())))
                .sum();
  }

  std::int64_t terms(Captions captions) const override {
    return std::count_if(captions.begin(), captions.end(),
                         [](const auto& caption) { return !distinct_words(caption).empty(); });
  }
};

CLIPLAB_REGISTER_OBJECTIVE(BowPrediction);

}  // namespace
}  // namespace cliplab
