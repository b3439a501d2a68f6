// Every prompt encoded once, from which the zero-shot classifier of any choice of templates follows (paper 3.1.4:
// ensembles in embedding space; openai/CLIP notebook `Prompt_Engineering_for_ImageNet`).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/classifier.hpp"

namespace cliplab {

class PromptEnsemble {
 public:
  /// class_names [C][synonyms], templates [P] with {} for the name. Throws InputError where one is empty or has no {}.
  PromptEnsemble(TextEncoder& text, std::span<const std::vector<std::string>> class_names,
                 std::span<const std::string> templates, float logit_scale);
  /// The mean of a class' prompts in the chosen templates (indices, in their order), normalised and scaled. Throws
  /// InputError for an empty list and for an index out of range.
  LinearClassifier classifier(std::span<const int> templates) const;

 private:
  Matrix rows_;                          // [prompts in fill_templates' order, D], length 1
  std::vector<Eigen::Index> num_names_;  // [C]
  int num_templates_;
  float logit_scale_;
};

/// `draws` choices of `size` of `count` templates without replacement, ascending; of size 1 every template once,
/// whatever `draws`.
std::vector<std::vector<int>> template_subsets(int count, int size, int draws, std::uint64_t seed);

}  // namespace cliplab
