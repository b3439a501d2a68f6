// Few-shot probes (paper 3.1.5, Figures 6 and 7): k labelled samples a class, drawn again and again, and how many a
// class a probe needs to reach the zero-shot score.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/metrics.hpp"
#include "eval/probe_sweep.hpp"

namespace cliplab {

enum class FewShotStart {
  kZero,
  kRandom,    // N(0, 0.01^2) weights. The problem is convex: the minimum is kZero's, which a test holds.
  kZeroShot,  // begins at, and its penalty pulls towards, the zero-shot classifier: lambda/2 |W - W_zero-shot|^2
};

struct FewShotOptions {
  std::vector<int> shots{1, 2, 4, 8, 16};
  int draws = 20;
  bool held_out = true;  // the validation rows are not training rows, so that their loss decides between equal scores
  StopRule rule = StopRule::kFast;
  int max_iterations = 1000;
  std::uint64_t seed = 0;
  FewShotStart start = FewShotStart::kZero;
  std::string metric = "accuracy";              // of the validation and the test rows: see scores.hpp
  const LinearClassifier* zero_shot = nullptr;  // for kZeroShot; of the features' space
  std::function<std::vector<double>(const LinearClassifier&)>
      also{};  // more scores of the same fit; called on many threads
};

struct FewShotPoint {
  int shots = 0, draw = 0;
  double lambda = 0;         // chosen on the validation rows among 13, a decade apart: by score, loss, strength
  double score = 0;          // on the test rows
  std::vector<double> also;  // as options.also() scored the fit
  std::vector<int> ranks;    // [N] of the true class on the test rows
};

/// A draw takes the first k of a seeded order of each class, so that its 1 shot is part of its 2 shots; a class of
/// fewer samples gives all. Draws run side by side. The points are by shots, then by draw. Throws InputError: shots or
/// draws under 1, a class without a sample, labels out of range.
std::vector<FewShotPoint> few_shot(const LabelledRows& train, const LabelledRows& validation, const LabelledRows& test,
                                   const FewShotOptions& options);

/// Mean score over the draws of so many shots, 95 % by the normal approximation of its standard error.
Interval over_draws(std::span<const FewShotPoint> points, int shots);
/// The same of scores themselves, one a draw, each on n samples: between `least` (0 for rates, -1 for their
/// differences) and 1.
Interval mean_of_draws(std::span<const double> scores, std::int64_t n, double least = -1);

/// Fig 7: examples a class where `accuracies` (mean at each of `examples`, rising counts) cross `zero_shot`, linear in
/// log(examples) between neighbours, along the first line below the first (the first count where that line does not
/// rise); nothing when they never do.
std::optional<double> examples_to_match(std::span<const double> examples, std::span<const double> accuracies,
                                        double zero_shot);

}  // namespace cliplab
