// Few-shot probes (paper 3.1.5, Figures 6 and 7): k labelled samples a class, drawn again and again, and how many a
// class a probe needs to reach the zero-shot score.
#pragma once

#include <cstdint>
#include <functional>
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
  /// More scores of the same fit: of each, one a test unit (picture or clip), whose mean is the score. Called on many
  /// threads.
  std::function<std::vector<std::vector<float>>(const LinearClassifier&)> also{};
};

struct FewShotPoint {
  int shots = 0, draw = 0;
  double lambda = 0;  // chosen on the validation rows among 13, a decade apart: by score, loss, strength
  double score = 0;   // on the test rows
  std::vector<std::vector<float>> also;  // as options.also() scored the fit
  std::vector<int> ranks;                // [N] of the true class on the test rows
};

/// A draw takes the first k of a seeded order of each class, so that its 1 shot is part of its 2 shots; a class of
/// fewer samples gives all. Draws run side by side. The points are by shots, then by draw. Throws InputError: shots or
/// draws under 1, a class without a sample, labels out of range.
std::vector<FewShotPoint> few_shot(const LabelledRows& train, const LabelledRows& validation, const LabelledRows& test,
                                   const FewShotOptions& options);

/// Mean score over the draws of so many shots, by `metric` on the test rows' `truth`; `shared` of the pool is in each
/// draw. See mean_of_draws.
Interval over_draws(std::span<const FewShotPoint> points, int shots, const std::string& metric, const Truth& truth,
                    double shared);

/// The same of the score at `place` of FewShotPoint::also: a rate, or with `least` -1 a difference of two.
Interval over_draws_also(std::span<const FewShotPoint> points, int shots, std::size_t place, double shared,
                         double least = 0);

/// The share of a pool of training samples that a draw of so many a class takes: the mean over classes, 0.95 at most.
double shared_of_pool(const Truth& pool, int shots);

/// How many examples a class a probe needs.
struct Match {
  double examples = 0;
  /// "": between two counts, or less than a halving below the first. "below": fewer than `examples`, half the first
  /// count. "above": more than `examples`, the last count.
  std::string censored{};
};

/// Fig 7: examples a class where `accuracies` (mean at each of `examples`, rising counts) cross `zero_shot`, linear in
/// log(examples) between neighbours. Below the first count the first line goes on for one halving; where it does not
/// rise, the first count is the answer.
Match examples_to_match(std::span<const double> examples, std::span<const double> accuracies, double zero_shot);

/// Their median over data sets: "below" and "above" count as less and more than every number. Bounds by order
/// statistics, unless one of these is censored.
struct MedianMatch {
  Interval examples;
  std::string censored;
};
MedianMatch median_match(std::vector<Match> matches);

}  // namespace cliplab
