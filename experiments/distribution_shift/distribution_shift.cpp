// Effective robustness under natural shifts (paper 3.3, Figures 13 to 15; Taori et al. 2020): how much better a model
// does on the shifted set than its accuracy on the source predicts, where the prediction is a line in logit axes
// through ordinary models: for ImageNet's shifts the standard models of Taori et al.'s testbed, as in the paper.
// DEVIATION(3.3): for other shifts, of which nobody has measured so many models, they are supervised probes on raw
// pixels and on the untrained encoder, fitted on growing shares of the source.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "base/rng.hpp"
#include "eval/robustness.hpp"
#include "eval/scores.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"
#include "lab/shared_classes.hpp"
#include "testbed.hpp"

namespace cliplab {
namespace {

/// A model on the shift's pictures: top-1, of clips the mean of pm-0 and pm-10, and both. logits [N, the shift's
/// classes].
struct OnShift {
  Interval score, pm0, pm10;
};
OnShift on_shift(const Matrix& logits, const Outcome& outcome) {
  const Truth& truth = outcome.truth;
  if (!truth.has_clips()) return {score_named("accuracy", logits, truth), {}, {}};
  return {score_named("mean of pm-0 and pm-10", logits, truth), score_named("pm-0", logits, truth),
          score_named("pm-10", logits, truth)};
}

/// Whether each picture of a shift is right; of clips the mean of anchor and all frames, a clip each.
std::vector<float> shift_units(const Matrix& logits, const Truth& truth) {
  if (truth.has_clips()) return clip_units(logits, truth);
  return score_units("accuracy", label_ranks(logits, truth.labels));
}

/// Whether each of the source's pictures of the shared classes is right over these classes alone, as Taori et al.
/// compare them.
std::vector<float> units_on_source(const Outcome& outcome, const SharedClasses& shared) {
  std::vector<Eigen::Index> rows;
  std::vector<int> labels;
  for (std::int64_t i = 0; i < outcome.truth.size(); ++i)
    if (const int label = shared.of_source(outcome.truth.labels[i]); label >= 0)
      rows.push_back(i), labels.push_back(label);
  return score_units("accuracy", label_ranks(on_shared(outcome.logits(rows, Eigen::all), shared), labels));
}

/// Its top-1 on the source.
Interval on_source(const Outcome& outcome, const SharedClasses& shared) {
  const std::vector<float> right = units_on_source(outcome, shared);
  return clopper_pearson(std::ranges::count(right, 1.0f), std::ssize(right));
}

double mean_of(const std::vector<float>& units) {
  return std::accumulate(units.begin(), units.end(), 0.0) / static_cast<double>(units.size());
}

/// a - b, unit by unit.
std::vector<float> less(std::vector<float> a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

struct Point {
  std::string method, model;
  Interval source;
  OnShift on_shift;
  std::vector<float> units{};  // of the shift, of zero-shot
  Params params{};             // of its records; "role" is "baseline" for those behind the line
  bool is_baseline() const { return params.contains("role"); }
};

/// The two data sets that are compared. A record's data set is the shift; its source stands in the params.
struct Pair {
  std::string source, shift;
  std::string name() const { return source + "->" + shift; }  // of arrays and messages
  Params with(Params params = {}) const {
    params["source_set"] = source;
    return params;
  }
};

/// The same seeded share of the training rows for every model: nested, so that 1/8 is part of 1/4.
FeatureSet share_of(const FeatureSet& set, double share, std::uint64_t seed) {
  std::vector<Eigen::Index> rows(set.x.rows());
  std::iota(rows.begin(), rows.end(), 0);
  Rng rng(seed, 0x51a2e);
  rng.shuffle(rows);
  rows.resize(std::max<std::size_t>(2, static_cast<std::size_t>(share * static_cast<double>(rows.size()))));
  FeatureSet part;
  part.id = fmt::format("{}|share {} seed {}", set.id, share, seed);
  part.encoder = set.encoder, part.split = set.split, part.description = set.description;
  part.x = set.x(rows, Eigen::all), part.truth = set.truth.rows(rows);
  if (!set.validation.empty())
    for (const Eigen::Index row : rows) part.validation.push_back(set.validation[row]);
  return part;
}

/// The training labels that the shift has, as its classes.
std::vector<int> as_shift(const std::vector<int>& labels, const SharedClasses& shared) {
  std::vector<int> kept;
  for (const int label : labels)
    if (const int own = shared.of_source(label); own >= 0) kept.push_back(own);
  return kept;
}

/// What a classifier says of a set, without ranks.
Outcome outcome_of(const LinearClassifier& classifier, const FeatureSet& set) {
  Outcome outcome;
  outcome.logits = classifier.logits(set.x), outcome.truth = set.truth;
  return outcome;
}

constexpr std::int64_t kTestbedPictures = 50000;          // of ImageNet's validation split
constexpr const char* kSourceNames = "source-zero-shot";  // zero-shot by the source's class names, a method of its own

/// Do the shift's classes have the names and templates that they have at the source?
bool same_prompts(Lab& lab, const std::string& source, const std::string& shift, const SharedClasses& shared) {
  const Prompts theirs = lab.prompts(source), own = lab.prompts(shift);
  if (theirs.templates != own.templates || std::ssize(shared.columns) != shared.num_classes) return false;
  for (std::size_t s = 0; s < shared.columns.size(); ++s)
    if (theirs.class_names[shared.columns[s]] != own.class_names[shared.owner[s]]) return false;
  return true;
}

/// Figure 15's numbers of examples a class, up to four fifths of the smallest class of `train`.
std::vector<int> shots_of(const FeatureSet& train) {
  std::vector<std::int64_t> of_class(train.truth.num_classes);
  for (const int label : train.truth.labels) ++of_class[label];
  std::vector<int> shots;
  for (int k = 1; k <= 128 && 5 * k <= 4 * *std::ranges::min_element(of_class); k *= 2) shots.push_back(k);
  return shots;
}

class DistributionShift : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("distribution_shift.pairs",
                     {"tuxpaint_photo>tuxpaint_cartoon", "openmoji_groups>gemojione_groups"}, Role::kShift,
                     "source>shift: two data sets with the same classes");
    options.add_integer("distribution_shift.shares", 5, 2, 8,
                        "baseline fits a feature kind: on 1, 1/2, 1/4, ... of the source");
    options.add_integer("distribution_shift.draws", 3, 0, 1000,
                        "draws of 1, 2, 4 to 128 samples a class for few-shot probes; 0: none");
  }

  void run(Lab& lab) const override {
    lab.for_each(lab.sets("distribution_shift.pairs"), [&](const std::string& pair) {
      const auto arrow = pair.find('>');
      measure(lab, {pair.substr(0, arrow), pair.substr(arrow + 1)});
    });
  }

 private:
  static void measure(Lab& lab, const Pair& pair) {
    const auto& [source, shift] = pair;
    const SharedClasses shared = shared_classes(lab, source, shift);
    const std::vector<TestbedPoint> testbed = testbed_models(source, shift);
    std::vector<Point> points;
    if (testbed.empty()) points = baseline(lab, pair, shared);
    std::vector<double> x, y;
    for (const Point& p : points)
      x.push_back(logit(p.source.value, p.source.n)), y.push_back(logit(p.on_shift.score.value, p.on_shift.score.n));
    for (const TestbedPoint& p : testbed)
      x.push_back(logit(p.source, kTestbedPictures)), y.push_back(logit(p.shift, kTestbedPictures));
    const std::optional<Line> line = line_through(pair, x, y);
    Params of_line = pair.with({{"role", "baseline"}});
    if (!testbed.empty()) of_line["testbed"] = "STANDARD";
    if (line) record_line(lab, {shift, "test", "", "", "", of_line}, *line, "logit");
    lab.record({shift, "test", "majority-class", "floor", "source_top1", pair.with()}, lab.majority(source));
    lab.record({shift, "test", "majority-class", "floor", "shift_top1", pair.with()},
               majority_class(as_shift(lab.truth(source, "train").labels, shared), lab.truth(shift, "test")));

    const bool own_prompts = !same_prompts(lab, source, shift, shared);
    std::vector<Point> zero_shot;  // of each model
    for (const auto& model : lab.models()) {
      const std::string& name = model->info().name;
      const Outcome at_source = lab.zero_shot(*model, source), by_own_names = lab.zero_shot(*model, shift);
      zero_shot.push_back({"zero-shot", name, on_source(at_source, shared), on_shift(by_own_names.logits, by_own_names),
                           shift_units(by_own_names.logits, by_own_names.truth)});
      points.push_back(zero_shot.back());
      if (at_source.classifier.weight.size() > 0 && own_prompts)
        points.push_back(by_source_names(lab, *model, pair, at_source, by_own_names, zero_shot.back(), shared));
      points.push_back({"linear-probe", name, on_source(lab.probe(*model, source), shared),
                        of_source(lab.probe(*model, source, Space::kTrunk, shift), shared)});
    }
    for (const Point& p : points) write(lab, pair, p, line);
    for (std::size_t m = 0; m < zero_shot.size(); ++m)
      few_shot_robustness(lab, *lab.models()[m], pair, shared, line, zero_shot[m]);
    table(lab, pair, points, testbed);
  }

  /// Figure 15: probes on k samples a class of the source, of each fit both accuracies, beside the same model's
  /// zero-shot.
  static void few_shot_robustness(Lab& lab, ClipModel& model, const Pair& pair, const SharedClasses& shared,
                                  const std::optional<Line>& line, const Point& zero_shot) {
    FewShotOptions options{.draws = static_cast<int>(lab.options().integer("distribution_shift.draws"))};
    if (options.draws == 0) return;
    const auto& [source, shift] = pair;
    const std::string& name = model.info().name;
    if (options.shots = shots_of(lab.features(model, source, "train", Space::kTrunk)); options.shots.empty())
      return say(fmt::format("{}: a class of {} has one training sample of this run or none: no few-shot probes",
                             pair.name(), source));
    const FeatureSet &at_source = lab.features(model, source, "test", Space::kTrunk),
                     &at_shift = lab.features(model, shift, "test", Space::kTrunk);
    options.also = [&](const LinearClassifier& fit) {
      const std::vector<float> on_shift = shift_units(on_shared(fit.logits(at_shift.x), shared), at_shift.truth);
      return std::vector<std::vector<float>>{units_on_source(outcome_of(fit, at_source), shared), on_shift,
                                             less(on_shift, zero_shot.units)};
    };
    const FewShotDraws draws = few_shot_draws(lab, model, source, Space::kTrunk, options);
    const std::vector<FewShotPoint>& points = draws.points;
    Array array{"few_shot/" + pair.name() + "/" + name,
                {"shots", "draw", "lambda", "source", "shift"},
                MatrixD(std::ssize(points), 5),
                array_params("few_shot", shift, name, pair.with())};
    for (std::size_t i = 0; i < points.size(); ++i)
      array.values.row(static_cast<Eigen::Index>(i)) << points[i].shots, points[i].draw, points[i].lambda,
          mean_of(points[i].also[0]), mean_of(points[i].also[1]);
    lab.array(std::move(array));
    for (std::size_t i = 0; i < draws.shots.size(); ++i) {
      const int k = draws.shots[i];
      const auto of_draws = [&](std::size_t place, double least = 0) {
        return over_draws_also(points, k, place, draws.shared[i], least);
      };
      const auto record = [&, &shift = shift](const std::string& metric, const Interval& value, Params params = {}) {
        params["shots"] = std::to_string(k);
        lab.record({shift, "test", name, "few-shot", metric, pair.with(std::move(params))}, value);
      };
      Interval on_source = of_draws(0);
      const Interval on_shift = of_draws(1);
      record("source_top1", on_source), record("shift_top1", on_shift), record("relative_robustness", of_draws(2, -1));
      if (!line) continue;
      on_source.n = zero_shot.source.n;  // logits are of so many pictures
      // The mean over the draws' own distances; how far it may be off is that of the distance at their mean.
      Interval robustness = effective_robustness(*line, on_source, on_shift);
      double mean = 0, count = 0;
      for (const FewShotPoint& p : points)
        if (p.shots == k)
          mean += mean_of(p.also[1]) - inverse_logit(line->at(logit(mean_of(p.also[0]), on_source.n))), count += 1;
      const double moved = mean / count - robustness.value;
      robustness.value += moved, robustness.low += moved, robustness.high += moved;
      record("effective_robustness", robustness, {{"line", standing(*line, on_source.value, on_source.n)}});
    }
  }

  /// Figure 14's zero-shot before its classes are adapted to the shift: the source's classifier, pooled to the shift's
  /// classes. Records what its own class names add on the same pictures.
  static Point by_source_names(Lab& lab, ClipModel& model, const Pair& pair, const Outcome& at_source,
                               const Outcome& by_own_names, const Point& own, const SharedClasses& shared) {
    Outcome pooled = outcome_of(at_source.classifier, lab.features(model, pair.shift, "test", Space::kJoint));
    const OnShift score = of_source(pooled, shared);
    const bool clips = pooled.truth.has_clips();
    if (!clips) pooled.ranks = label_ranks(on_shared(pooled.logits, shared), pooled.truth.labels);
    lab.record(
        {pair.shift, "test", model.info().name, "zero-shot", "class_adaptation", pair.with()},
        paired_gain(clips ? "mean of pm-0 and pm-10" : "top1", by_own_names, own.on_shift.score, pooled, score.score));
    return {kSourceNames, model.info().name, own.source, score};
  }

  static OnShift of_source(const Outcome& outcome, const SharedClasses& shared) {
    return on_shift(on_shared(outcome.logits, shared), outcome);
  }

  /// Ordinary models: probes on raw pixels and on every untrained encoder, on shares of the source's training split.
  static std::vector<Point> baseline(Lab& lab, const Pair& pair, const SharedClasses& shared) {
    const auto& [source, shift] = pair;
    std::vector<Point> points;
    const auto seed = static_cast<std::uint64_t>(lab.options().integer("seed"));
    const auto add = [&](const std::string& name, Params params, const FeatureSet& train, const FeatureSet& source_test,
                         const FeatureSet& shift_test) {
      double share = 1;
      for (std::int64_t i = 0; i < lab.options().integer("distribution_shift.shares"); ++i, share /= 2) {
        const FeatureSet part = share_of(train, share, seed);
        params["role"] = "baseline", params["share"] = fmt::format("1/{}", 1 << i);
        points.push_back({"linear-probe",
                          name,
                          on_source(lab.probe(part, source_test), shared),
                          of_source(lab.probe(part, shift_test), shared),
                          {},
                          params});
      }
    };
    if (lab.measures("raw-pixels"))
      add("raw-pixels", {}, lab.raw_pixels(source, "train", shift), lab.raw_pixels(source, "test", shift),
          lab.raw_pixels(shift, "test", source));
    std::vector<std::string> done;
    if (!lab.measures("untrained")) return points;
    for (const auto& model : lab.models()) {
      const std::string architecture = model->info().architecture.name;
      if (std::find(done.begin(), done.end(), architecture) != done.end()) continue;
      done.push_back(architecture);
      ClipModel& untrained = lab.untrained(*model);
      add("untrained " + architecture, {{"weights", "untrained"}},
          lab.features(untrained, source, "train", Space::kTrunk),
          lab.features(untrained, source, "test", Space::kTrunk),
          lab.features(untrained, shift, "test", Space::kTrunk));
    }
    return points;
  }

  /// The baselines' line; nothing, with a notice, where they all have one accuracy at the source.
  static std::optional<Line> line_through(const Pair& pair, const std::vector<double>& x,
                                          const std::vector<double>& y) {
    if (x.size() < 3) {
      say(fmt::format("{}: {} baselines (eval.floors): no line, no effective robustness", pair.name(), x.size()));
      return {};
    }
    if (!can_fit_line(x)) {
      say(fmt::format("{}: the {} baselines have one accuracy on {}: no line, no effective robustness", pair.name(),
                      x.size(), pair.source));
      return {};
    }
    return fit_line(x, y);
  }

  static void write(Lab& lab, const Pair& pair, const Point& p, const std::optional<Line>& line) {
    const auto record = [&](const std::string& metric, Params params, const Interval& value) {
      params.insert(p.params.begin(), p.params.end());
      lab.record({pair.shift, "test", p.model, p.method, metric, pair.with(std::move(params))}, value);
    };
    record("source_top1", {}, p.source), record("shift_top1", {}, p.on_shift.score);
    if (p.on_shift.pm0.n > 0)  // of clips: as the columns of Table 16
      record("shift_top1", {{"frames", "pm-0"}}, p.on_shift.pm0),
          record("shift_top1", {{"frames", "pm-10"}}, p.on_shift.pm10);
    if (!line) return;
    const Interval robustness = effective_robustness(*line, p.source, p.on_shift.score);
    // A baseline's distance from a line that it is part of is a residual, no estimate.
    record("effective_robustness", {{"line", standing(*line, p.source.value, p.source.n)}},
           p.is_baseline() ? point(robustness.value, robustness.n) : robustness);
  }

  static void table(Lab& lab, const Pair& pair, const std::vector<Point>& points,
                    const std::vector<TestbedPoint>& testbed) {
    MatrixD values(std::ssize(points) + std::ssize(testbed), 5);
    for (std::size_t i = 0; i < testbed.size(); ++i)
      values.row(static_cast<Eigen::Index>(points.size() + i)) << testbed[i].source, testbed[i].shift, kTestbedPictures,
          kTestbedPictures, 1.0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Point& p = points[i];
      values.row(i) << p.source.value, p.on_shift.score.value, static_cast<double>(p.source.n),
          static_cast<double>(p.on_shift.score.n), p.is_baseline() ? 1.0 : 0.0;
    }
    lab.array({"points/" + pair.name(),
               {"source", "shift", "n_source", "n_shift", "is_baseline"},
               values,
               {{"kind", "points"}, {"dataset", pair.shift}, {"source_set", pair.source}}});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(DistributionShift, "distribution_shift", "section 3.3, Figures 13 to 15",
                            "Does zero-shot lose less under a natural shift than models fitted on the source?");

}  // namespace
}  // namespace cliplab
