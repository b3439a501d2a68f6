// Which words does the caption of this picture have? (Joulin et al. 2016, multi-class logistic loss: a softmax over the
// vocabulary, every word of the caption an equally right answer.) A term a caption; one without words is none.
#include <algorithm>

#include "train/objectives/objective.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

Tensor sum(Clip& model, const Tensor& features, Captions captions) {
  std::vector<std::int64_t> rows, words;
  std::vector<double> shares;
  for (std::size_t i = 0; i < captions.size(); ++i) {
    const auto distinct = distinct_words(captions[i]);
    words.insert(words.end(), distinct.begin(), distinct.end());
    rows.insert(rows.end(), distinct.size(), static_cast<std::int64_t>(i));
    shares.insert(shares.end(), distinct.size(), 1.0 / static_cast<double>(std::max<std::size_t>(1, distinct.size())));
  }
  const Tensor logs = model->word_log_probabilities(features);
  const auto there = [&](const Tensor& x) { return x.to(logs.device()); };
  return -(logs.index({there(torch::tensor(rows, torch::kInt64)), there(torch::tensor(words, torch::kInt64))}) *
           there(torch::tensor(shares, logs.scalar_type())))
              .sum();
}

std::int64_t terms(Captions captions) {
  return std::count_if(captions.begin(), captions.end(),
                       [](const auto& caption) { return !distinct_words(caption).empty(); });
}

}  // namespace

Objective bow_prediction() { return {"bow_prediction", sum, terms}; }

}  // namespace cliplab
