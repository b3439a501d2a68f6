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

/// One step of forward_selection(): the template that was added, and top-1 with it.
struct SelectedTemplate {
  int index = 0;
  double top1 = 0;
};

/// Greedy forward selection, by which the paper's authors took seven of ImageNet's 80 templates: that which raises
/// top-1 on features x [N, D] with labels [N] the most is added, the first of equals, until none raises it or `most`
/// are taken. `count` templates to choose from, the first of the ensemble's.
std::vector<SelectedTemplate> forward_selection(const PromptEnsemble& ensemble, const Matrix& x,
                                                std::span<const int> labels, int count, int most);

}  // namespace cliplab
