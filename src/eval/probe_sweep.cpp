// The fast rule starts each fit from the next stronger penalty's; the other rules start from zero, as scikit-learn
// does.
#include "eval/probe_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"

namespace cliplab {
namespace {

constexpr int kEdge = 48, kCoarse = 16;  // eighths of a decade, so that lambdas are exact keys

ProbeFitter make_fitter(const LabelledRows& rows, const SweepOptions& options) {
  const int num_classes = rows.truth.num_classes;
  if (!rows.truth.several_labels()) return {rows.x, rows.truth.labels, num_classes, options.rule, options.objective};
  Eigen::MatrixXi targets(rows.x.rows(), num_classes);
  for (Eigen::Index i = 0; i < targets.rows(); ++i)
    for (int c = 0; c < num_classes; ++c) targets(i, c) = rows.truth.targets[i * num_classes + c] > 0;
  return {rows.x, targets, options.rule};
}

void check_truth(const LabelledRows& rows) {
  const Truth& truth = rows.truth;
  if (truth.several_labels() && std::ssize(truth.targets) != rows.x.rows() * truth.num_classes)
    fail("probe", fmt::format("{} targets", truth.targets.size()),
         fmt::format("{} x {}", rows.x.rows(), truth.num_classes));
  if (rows.x.rows() != truth.size())
    fail("probe", fmt::format("{} labels", truth.size()), fmt::format("{}", rows.x.rows()));
  for (const int label : truth.labels)
    if (label < 0 || label >= truth.num_classes)
      fail("probe", fmt::format("label {}", label), fmt::format("a label in [0, {})", truth.num_classes));
}

class LambdaSearch {
 public:
  /// `held_out`: the validation rows were not fitted, so that their loss says something.
  LambdaSearch(const LabelledRows& train, const LabelledRows& validation, bool held_out, const SweepOptions& options)
      : fitter_(make_fitter(train, options)), validation_(validation), held_out_(held_out), options_(options) {}

  void run() {
    std::vector<int> grid;
    const bool full = options_.search == Search::kFull;
    for (int at = kEdge; at >= -kEdge; at -= full ? 1 : kCoarse) grid.push_back(at);
    const bool path = options_.rule == StopRule::kFast;
    if (path)
      for (const int at : grid) measure(std::span(&at, 1));
    else
      measure(grid);
    for (int step = kCoarse / 2; step >= 1 && !full; step /= 2) {
      std::vector<int> pair;
      for (const int at : {best() + step, best() - step})
        if (std::abs(at) <= kEdge && !points_.contains(at)) pair.push_back(at);
      measure(pair);
    }
  }

  int best() const {
    const auto score = [&](const SweepPoint& p) {  // accuracy, then minus the loss; of equals the stronger penalty
      return std::pair(p.validation_accuracy, held_out_ ? -p.validation_loss : 0.0);
    };
    auto top = points_.begin();
    for (auto it = std::next(top); it != points_.end(); ++it)
      if (score(it->second) >= score(top->second)) top = it;
    return top->first;
  }

  std::map<int, SweepPoint> points_;
  std::map<int, Fit> fitted_;  // fits that may start others; only the last keeps its warm starts

 private:
  /// Fits the lambdas in one stack.
  void measure(std::span<const int> eighths) {
    std::vector<double> lambdas;
    std::vector<const Fit*> starts;
    for (const int at : eighths) {
      lambdas.push_back(std::pow(10.0, at / 8.0));
      const auto stronger = fitted_.upper_bound(at);
      starts.push_back(stronger == fitted_.end() || options_.rule != StopRule::kFast ? nullptr : &stronger->second);
    }
    std::vector<Fit> fits = fitter_.fit(lambdas, options_.max_iterations, starts);
    for (auto& [at, fit] : fitted_) fit.warm_starts.clear();
    for (std::size_t i = 0; i < fits.size(); ++i) {
      const Matrix logits = fits[i].classifier.logits(validation_.x);
      const double accuracy = validation_.truth.several_labels()
                                  ? mean_average_precision_11(logits, validation_.truth.targets, true)
                                  : top_k(label_ranks(logits, validation_.truth.labels), 1).value;
      const double loss = validation_.truth.several_labels() ? binary_log_loss(logits, validation_.truth.targets)
                                                             : log_loss(logits, validation_.truth.labels);
      points_[eighths[i]] = {lambdas[i], accuracy, loss, fits[i].report};
      fitted_[eighths[i]] = std::move(fits[i]);
    }
    if (options_.search == Search::kFull) {  // the best so far and the weakest penalty are all that is needed again
      const int keep = best();
      std::erase_if(fitted_, [&](const auto& entry) { return entry.first != keep && entry.first != eighths.back(); });
    }
  }

  ProbeFitter fitter_;
  LabelledRows validation_;
  bool held_out_;
  const SweepOptions& options_;
};

}  // namespace

Cut cut_validation(std::span<const int> labels, int num_classes, double share, std::uint64_t seed) {
  std::vector<std::vector<Eigen::Index>> rows(num_classes);
  for (std::size_t i = 0; i < labels.size(); ++i) rows[labels[i]].push_back(static_cast<Eigen::Index>(i));
  Cut cut;
  Rng rng(seed, 0xc07);
  for (auto& mine : rows) {
    rng.shuffle(mine);
    // A class without a validation sample would have no say in the penalty.
    const std::size_t least = mine.size() > 1 ? 1 : 0;
    const auto held = std::max(least, static_cast<std::size_t>(share * static_cast<double>(mine.size())));
    cut.validation.insert(cut.validation.end(), mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(held));
    cut.train.insert(cut.train.end(), mine.begin() + static_cast<std::ptrdiff_t>(held), mine.end());
  }
  std::sort(cut.train.begin(), cut.train.end());
  std::sort(cut.validation.begin(), cut.validation.end());
  return cut;
}

int classes_of_one(const Truth& truth) {
  std::vector<int> sizes(truth.num_classes);
  for (const int label : truth.labels) ++sizes[label];
  return static_cast<int>(std::count(sizes.begin(), sizes.end(), 1));
}

Search search_named(const std::string& name) {
  if (name == "binary") return Search::kBinary;
  if (name == "full") return Search::kFull;
  fail("lambda search", "'" + name + "'", "binary or full");
}

SweepResult sweep_probe(const LabelledRows& train, const LabelledRows* validation, const SweepOptions& options) {
  check_truth(train);
  SweepResult result;
  const auto finish = [&](const LabelledRows& part, const LabelledRows& held, bool held_out, const LabelledRows& all) {
    LambdaSearch search(part, held, held_out, options);
    search.run();
    for (const auto& [at, point] : search.points_) result.points.push_back(point);
    const int chosen = search.best();
    result.lambda = search.points_[chosen].lambda;
    const Fit start{search.fitted_[chosen].classifier, {}, {}};
    const Fit* const starts[] = {options.rule == StopRule::kFast ? &start : nullptr};
    Fit refit =
        std::move(make_fitter(all, options).fit(std::span(&result.lambda, 1), options.max_iterations, starts).front());
    result.classifier = std::move(refit.classifier), result.refit = refit.report;
  };
  if (validation) {
    check_truth(*validation);
    if (validation->truth.size() == 0) fail("probe", "an empty validation split", "at least one sample, or none given");
    Matrix all(train.x.rows() + validation->x.rows(), train.x.cols());
    if (validation->x.cols() != train.x.cols())
      fail("probe", fmt::format("validation samples of {} features", validation->x.cols()),
           fmt::format("{}", train.x.cols()));
    all << train.x, validation->x;
    Truth truth = train.truth;
    for (std::int64_t i = 0; i < validation->truth.size(); ++i) truth.append(validation->truth, i);
    finish(train, *validation, true, {all, truth});
  } else {
    const Cut cut = cut_validation(train.truth.labels, train.truth.num_classes, options.validation_share, options.seed);
    const Matrix part = train.x(cut.train, Eigen::all), held = train.x(cut.validation, Eigen::all);
    const Truth part_truth = train.truth.rows(cut.train), held_truth = train.truth.rows(cut.validation);
    const LabelledRows fitted{part, part_truth};
    const bool any = held_truth.size() > 0;
    finish(fitted, any ? LabelledRows{held, held_truth} : fitted, any, train);
  }
  return result;
}

}  // namespace cliplab
