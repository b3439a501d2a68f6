// Every draw is a task of its own; inside it the lambdas are one stack, and with fewer samples than features the fit is
// in the samples' own space (logistic_regression.cpp), so a task is some milliseconds.
#include "eval/few_shot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/rng.hpp"
#include "eval/scores.hpp"

namespace cliplab {
namespace {

constexpr int kFirstExponent = -6, kLastExponent = 6;

std::vector<std::vector<Eigen::Index>> rows_by_class(std::span<const int> labels, int num_classes) {
  std::vector<std::vector<Eigen::Index>> rows(num_classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= num_classes)
      fail("few-shot", fmt::format("label {}", labels[i]), fmt::format("a label in [0, {})", num_classes));
    rows[labels[i]].push_back(static_cast<Eigen::Index>(i));
  }
  for (int c = 0; c < num_classes; ++c)
    if (rows[c].empty()) fail("few-shot", fmt::format("class {} without a training sample", c), "at least one a class");
  return rows;
}

FewShotPoint fit_draw(const Matrix& x, const std::vector<int>& y, const LabelledRows& validation,
                      const LabelledRows& test, const FewShotOptions& options, std::uint64_t stream) {
  const int num_classes = test.truth.num_classes;
  ProbeFitter fitter(x, y, num_classes, options.rule);
  std::vector<double> lambdas;
  for (int at = kLastExponent; at >= kFirstExponent; --at) lambdas.push_back(std::pow(10.0, at));
  Fit random;
  std::vector<const Fit*> starts;
  if (options.start == FewShotStart::kRandom) {
    Rng rng(options.seed, stream);
    random.classifier = {Matrix(num_classes, x.cols()), Vector::Zero(num_classes)};
    for (float& v : random.classifier.weight.reshaped()) v = static_cast<float>(0.01 * rng.normal());
    starts.assign(lambdas.size(), &random);
  }
  const LinearClassifier* anchor = options.start == FewShotStart::kZeroShot ? options.zero_shot : nullptr;
  const std::vector<Fit> fits = fitter.fit(lambdas, options.max_iterations, starts, anchor);
  std::size_t best = 0;
  std::pair<double, double> best_score{-1, 0};  // score, then minus the loss; of equals the stronger penalty stays
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const Matrix logits = fits[i].classifier.logits(validation.x);
    const std::pair<double, double> score{score_value(options.metric, logits, validation.truth),
                                          options.held_out ? -log_loss(logits, validation.truth.labels) : 0};
    if (score > best_score) best = i, best_score = score;
  }
  const Matrix logits = fits[best].classifier.logits(test.x);
  return {0,
          0,
          lambdas[best],
          score_value(options.metric, logits, test.truth),
          options.also ? options.also(fits[best].classifier) : std::vector<std::vector<float>>{},
          label_ranks(logits, test.truth.labels)};
}

}  // namespace

std::vector<FewShotPoint> few_shot(const LabelledRows& train, const LabelledRows& validation, const LabelledRows& test,
                                   const FewShotOptions& options) {
  const int num_classes = train.truth.num_classes;
  if (options.draws < 1 || options.shots.empty())
    fail("few-shot", fmt::format("{} draws of {} numbers of shots", options.draws, options.shots.size()),
         "at least one");
  for (const int k : options.shots)
    if (k < 1) fail("few-shot", fmt::format("{} shots", k), "at least 1");
  if (options.start == FewShotStart::kZeroShot && options.zero_shot == nullptr)
    fail("few-shot", "no zero-shot classifier", "one to start from");
  const auto rows = rows_by_class(train.truth.labels, num_classes);
  std::vector<FewShotPoint> points(options.shots.size() * static_cast<std::size_t>(options.draws));
  parallel_for(std::ssize(points), [&](std::int64_t task) {
    // The largest draws come first: a thread that ends early finds small ones left.
    const auto i = static_cast<std::size_t>(std::ssize(points) - 1 - task);
    const int k = options.shots[i / options.draws], draw = static_cast<int>(i % options.draws);
    Rng rng(options.seed, 0xfe5107 + static_cast<std::uint64_t>(draw));
    std::vector<Eigen::Index> chosen;
    std::vector<int> labels;
    for (int c = 0; c < num_classes; ++c) {
      auto mine = rows[c];
      rng.shuffle(mine);
      for (int s = 0; s < std::min<int>(k, static_cast<int>(mine.size())); ++s)
        chosen.push_back(mine[s]), labels.push_back(c);
    }
    points[i] = fit_draw(train.x(chosen, Eigen::all), labels, validation, test, options, 0x57a27 + i);
    points[i].shots = k, points[i].draw = draw;
  });
  return points;
}

namespace {

/// The scores of the draws of so many shots, and each test unit's own score, its mean over these draws.
template <class Units>
std::vector<double> mean_of_units(std::span<const FewShotPoint> points, int shots, const Units& units) {
  std::vector<double> mean;
  double draws = 0;
  for (const FewShotPoint& p : points) draws += p.shots == shots;
  for (const FewShotPoint& p : points) {
    if (p.shots != shots) continue;
    const auto& own = units(p);
    mean.resize(own.size());
    for (std::size_t i = 0; i < own.size(); ++i) mean[i] += own[i] / draws;
  }
  return mean;
}

}  // namespace

Interval over_draws(std::span<const FewShotPoint> points, int shots, const std::string& metric, const Truth& truth,
                    double shared) {
  std::vector<double> scores;
  for (const FewShotPoint& p : points)
    if (p.shots == shots) scores.push_back(p.score);
  const std::vector<double> units =
      mean_of_units(points, shots, [&](const FewShotPoint& p) { return score_units(metric, p.ranks); });
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
  return mean_of_draws(scores, sampling_of(metric, mean, units, truth), shared, 0);
}

Interval over_draws_also(std::span<const FewShotPoint> points, int shots, std::size_t place, double shared,
                         double least) {
  std::vector<double> scores;
  for (const FewShotPoint& p : points)
    if (p.shots == shots)
      scores.push_back(std::accumulate(p.also[place].begin(), p.also[place].end(), 0.0) /
                       static_cast<double>(std::max<std::size_t>(1, p.also[place].size())));
  const std::vector<double> units =
      mean_of_units(points, shots, [&](const FewShotPoint& p) -> const std::vector<float>& { return p.also[place]; });
  return mean_of_draws(scores, sampling_of_mean(units), shared, least);
}

double shared_of_pool(const Truth& pool, int shots) {
  std::map<int, int> sizes;
  for (const int label : pool.labels) ++sizes[label];
  double shared = 0;
  for (const auto& [label, size] : sizes) shared += std::min(1.0, static_cast<double>(shots) / size);
  constexpr double kMost = 0.95;  // draws of nearly all samples are nearly the same: they say nothing of other pools
  return std::min(kMost, shared / static_cast<double>(std::max<std::size_t>(1, sizes.size())));
}

Match examples_to_match(std::span<const double> examples, std::span<const double> accuracies, double zero_shot) {
  if (examples.size() != accuracies.size() || examples.size() < 2)
    fail("few-shot", "fewer than two points", "an accuracy for each of two counts or more");
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (!(examples[i] > (i == 0 ? 0 : examples[i - 1])) || !std::isfinite(accuracies[i]) || !std::isfinite(zero_shot))
      fail("few-shot", "counts that do not rise, or a score that is not finite", "rising counts and finite scores");
  const double first = examples[0], half = first / 2;
  if (accuracies[0] >= zero_shot) {
    if (accuracies[0] == zero_shot || accuracies[1] <= accuracies[0]) return {first};
    const double t = (zero_shot - accuracies[0]) / (accuracies[1] - accuracies[0]);
    const double crossed = first * std::exp(t * std::log(examples[1] / first));
    return crossed < half ? Match{half, "below"} : Match{crossed};
  }
  for (std::size_t i = 1; i < examples.size(); ++i) {
    if (accuracies[i] < zero_shot) continue;
    const double t = (zero_shot - accuracies[i - 1]) / (accuracies[i] - accuracies[i - 1]);
    return {std::exp(std::log(examples[i - 1]) + t * std::log(examples[i] / examples[i - 1]))};
  }
  return {examples.back(), "above"};
}

MedianMatch median_match(std::vector<Match> matches) {
  const auto rank = [](const Match& match) { return match.censored == "below" ? 0 : match.censored.empty() ? 1 : 2; };
  std::sort(matches.begin(), matches.end(), [&](const Match& a, const Match& b) {
    return std::pair(rank(a), a.examples) < std::pair(rank(b), b.examples);
  });
  // By place in this order, so that a censored number keeps its side whatever its count.
  std::vector<double> places(matches.size());
  std::iota(places.begin(), places.end(), 0.0);
  const Interval place = median_of(places, "data sets");
  const Match &lower = matches[static_cast<std::size_t>(std::floor(place.value))],
              &upper = matches[static_cast<std::size_t>(std::ceil(place.value))];
  MedianMatch median{point((lower.examples + upper.examples) / 2, std::ssize(matches)), {}};
  if (rank(lower) != 1 || rank(upper) != 1) {  // no number but a bound
    const Match& bound = rank(upper) == 2 ? upper : lower;
    const bool is_above = rank(upper) == 2;
    median = {point(is_above && rank(lower) == 1 ? lower.examples : bound.examples, std::ssize(matches)),
              is_above ? "above" : "below"};
    return median;
  }
  if (!place.has_bounds()) return median;
  const Match &low = matches[static_cast<std::size_t>(place.low)],
              &high = matches[static_cast<std::size_t>(place.high)];
  if (rank(low) != 1 || rank(high) != 1) return median;
  median.examples.low = low.examples, median.examples.high = high.examples, median.examples.covers = place.covers;
  return median;
}

}  // namespace cliplab
