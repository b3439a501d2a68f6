// Means over chosen prompts.
#include "eval/prompt_ensemble.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"

namespace cliplab {

PromptEnsemble::PromptEnsemble(TextEncoder& text, std::span<const std::vector<std::string>> class_names,
                               std::span<const std::string> templates, float logit_scale)
    : rows_(text.encode(fill_templates(class_names, templates))),
      num_templates_(static_cast<int>(templates.size())),
      logit_scale_(logit_scale) {
  rows_.rowwise().normalize();
  for (const auto& names : class_names) num_names_.push_back(std::ssize(names));
}

LinearClassifier PromptEnsemble::classifier(std::span<const int> templates) const {
  if (templates.empty()) fail("zero-shot", "no template", "at least one");
  for (const int t : templates)
    if (t < 0 || t >= num_templates_)
      fail("zero-shot", "template " + std::to_string(t), "one of " + std::to_string(num_templates_));
  LinearClassifier classifier{Matrix(std::ssize(num_names_), rows_.cols()), Vector::Zero(std::ssize(num_names_))};
  Eigen::Index first = 0;
  for (Eigen::Index c = 0; c < classifier.weight.rows(); ++c) {
    std::vector<Eigen::Index> chosen;
    for (Eigen::Index name = 0; name < num_names_[c]; ++name, first += num_templates_)
      for (const int t : templates) chosen.push_back(first + t);
    const Eigen::RowVectorXf mean = rows_(chosen, Eigen::all).colwise().mean();
    classifier.weight.row(c) = logit_scale_ * mean.normalized();
  }
  return classifier;
}

std::vector<std::vector<int>> template_subsets(int count, int size, int draws, std::uint64_t seed) {
  if (size < 1 || size > count)
    fail("zero-shot", std::to_string(size) + " of " + std::to_string(count) + " templates",
         "at least one, at most all");
  std::vector<std::vector<int>> subsets;
  if (size == 1)
    for (int t = 0; t < count; ++t) subsets.push_back({t});
  for (int draw = 0; size > 1 && draw < draws; ++draw) {
    std::vector<int> order(count);
    std::iota(order.begin(), order.end(), 0);
    Rng rng(seed, (static_cast<std::uint64_t>(size) << 32) + static_cast<std::uint64_t>(draw));
    rng.shuffle(order);
    order.resize(size);
    std::sort(order.begin(), order.end());
    subsets.push_back(std::move(order));
  }
  return subsets;
}

std::vector<SelectedTemplate> forward_selection(const PromptEnsemble& ensemble, const Matrix& x,
                                                std::span<const int> labels, int count, int most) {
  std::vector<SelectedTemplate> steps;
  std::vector<int> chosen;
  std::vector<char> taken(static_cast<std::size_t>(std::max(0, count)));
  while (std::ssize(steps) < std::min(most, count)) {
    SelectedTemplate best{-1, steps.empty() ? -1 : steps.back().top1};
    for (int t = 0; t < count; ++t) {
      if (taken[t]) continue;
      std::vector<int> with = chosen;
      with.push_back(t);
      const std::vector<int> ranks = label_ranks(ensemble.classifier(with).logits(x), labels);
      const double top1 = static_cast<double>(std::ranges::count(ranks, 0)) / static_cast<double>(ranks.size());
      if (top1 > best.top1) best = {t, top1};
    }
    if (best.index < 0) break;
    chosen.push_back(best.index), taken[best.index] = 1, steps.push_back(best);
  }
  return steps;
}

}  // namespace cliplab
