// What zero-shot and linear probe have in common: the text tower generates the weights of a linear
// classifier (paper 3.1.2), the probe fits them. Metrics and intervals see only this.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "model/encoder.hpp"

namespace cliplab {

struct LinearClassifier {
  Matrix weight;                                // [C, D]
  Vector bias;                                  // [C]
  Matrix logits(const Matrix& features) const;  // [N, D] -> [N, C]
};

/// The zero-shot classifier: each class's prompts are encoded, averaged over templates and synonyms in embedding
/// space, normalised again (paper 3.1.4; openai/CLIP notebook `zeroshot_classifier`), and scaled by `logit_scale`.
/// class_names [C][synonyms], templates [P] with {} for the name. Bias is 0.
LinearClassifier zero_shot_classifier(TextEncoder& text, std::span<const std::vector<std::string>> class_names,
                                      std::span<const std::string> templates, float logit_scale);

/// Every prompt: class by class, synonym by synonym, template by template (base/prompt_template.hpp). Throws InputError
/// when no template has a place for the name; one that has none among others is a prompt as it is, as in
/// CLIP_benchmark.
std::vector<std::string> fill_templates(std::span<const std::vector<std::string>> class_names,
                                        std::span<const std::string> templates);
/// scores [N, prompts in that order] -> [N, C], the mean over each class's prompts.
Matrix class_means(const Matrix& scores, std::span<const std::vector<std::string>> class_names, std::size_t templates);

}  // namespace cliplab
