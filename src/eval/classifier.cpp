// Linear classifiers from prompts.
#include "eval/classifier.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/prompt_template.hpp"
#include "eval/prompt_ensemble.hpp"

namespace cliplab {

Matrix LinearClassifier::logits(const Matrix& features) const {
  if (features.cols() != weight.cols())
    fail("classifier", std::to_string(features.cols()) + " features a sample", std::to_string(weight.cols()));
  constexpr Eigen::Index kRows = 256;  // a task
  Matrix result(features.rows(), weight.rows());
  parallel_for((features.rows() + kRows - 1) / kRows, [&](std::int64_t task) {
    const Eigen::Index count = std::min(kRows, features.rows() - task * kRows);
    auto rows = result.middleRows(task * kRows, count);
    rows.noalias() = features.middleRows(task * kRows, count) * weight.transpose();  // [N,D] x [D,C]
    rows.rowwise() += bias.transpose();
  });
  return result;
}

std::vector<std::string> fill_templates(std::span<const std::vector<std::string>> class_names,
                                        std::span<const std::string> templates) {
  if (templates.empty()) fail("zero-shot", "no template", "at least one");
  if (std::none_of(templates.begin(), templates.end(), [](const std::string& text) { return has_place(text); }))
    fail("zero-shot", "no template with a place for the class name, the first is '" + templates.front() + "'",
         "{} or {c} where the class name goes");
  std::vector<std::string> prompts;
  for (const auto& synonyms : class_names) {
    if (synonyms.empty()) fail("zero-shot", "a class without a name", "at least one name a class");
    for (const std::string& name : synonyms)
      for (const std::string& prompt_template : templates) prompts.push_back(fill_template(prompt_template, name));
  }
  return prompts;
}

Matrix class_means(const Matrix& scores, std::span<const std::vector<std::string>> class_names, std::size_t templates) {
  Matrix means(scores.rows(), std::ssize(class_names));
  Eigen::Index column = 0;
  for (Eigen::Index c = 0; c < means.cols(); ++c) {
    const auto count = static_cast<Eigen::Index>(class_names[c].size() * templates);
    means.col(c) = scores.middleCols(column, count).rowwise().mean();
    column += count;
  }
  return means;
}

LinearClassifier zero_shot_classifier(TextEncoder& text, std::span<const std::vector<std::string>> class_names,
                                      std::span<const std::string> templates, float logit_scale) {
  std::vector<int> all(templates.size());
  std::iota(all.begin(), all.end(), 0);
  return PromptEnsemble(text, class_names, templates, logit_scale).classifier(all);
}

}  // namespace cliplab
