// Effective robustness under natural shifts (paper 3.3, Figures 13 and 14; Taori et al. 2020): how much better a model
// does on the shifted set than its accuracy on the source predicts, where the prediction is a line in logit axes
// through ordinary models. DEVIATION(3.3): the paper's line goes through 204 ImageNet models; here the ordinary models
// are supervised probes on raw pixels and on the untrained encoder, fitted on growing shares of the source.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/robustness.hpp"
#include "eval/scores.hpp"
#include "run/experiment.hpp"

namespace cliplab {
namespace {

/// For each class of the shift, the source's class of that name: ImageNet-A and -R have 200 of ImageNet's 1,000.
std::vector<int> shared_classes(Context& context, const std::string& source, const std::string& shift) {
  context.need_one_label(source), context.need_one_label(shift);
  const auto names = context.dataset(source, "test").class_names();
  std::vector<int> shared;
  for (const std::string& name : context.dataset(shift, "test").class_names()) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) fail("distribution_shift.pairs", "class '" + name + "' of " + shift, "a class of " + source, "give both sets the same names");
    shared.push_back(static_cast<int>(at - names.begin()));
  }
  return shared;
}

/// Top-1 of a classifier of the source's classes on the shift's pictures: over the shared classes.
Interval on_shift(const Outcome& outcome, const std::vector<int>& shared) {
  return score_named("accuracy", columns_of(outcome.logits, shared), {outcome.labels});
}

/// Its top-1 on the source: over the same classes and their pictures alone, as Taori et al. compare them.
Interval on_source(const Outcome& outcome, const std::vector<int>& shared) {
  std::vector<Eigen::Index> rows;
  std::vector<int> labels;
  for (std::size_t i = 0; i < outcome.labels.size(); ++i)
    if (const auto at = std::find(shared.begin(), shared.end(), outcome.labels[i]); at != shared.end())
      rows.push_back(static_cast<Eigen::Index>(i)), labels.push_back(static_cast<int>(at - shared.begin()));
  return score_named("accuracy", columns_of(outcome.logits(rows, Eigen::all), shared), {labels});
}

struct Point {
  std::string name;
  Interval source, shift;
  bool is_baseline = false;
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
  part.encoder = set.encoder, part.split = set.split, part.description = set.description, part.num_classes = set.num_classes;
  part.x = set.x(rows, Eigen::all);
  for (const Eigen::Index row : rows) part.labels.push_back(set.labels[row]);
  return part;
}

std::vector<int> in_source(std::vector<int> labels, const std::vector<int>& shared) {
  for (int& label : labels) label = shared[label];
  return labels;
}

class DistributionShift : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_list("distribution_shift.pairs", {"tuxpaint_photo>tuxpaint_cartoon", "openmoji_groups>gemojione_groups"},
                     "source>shift: two data sets with the same classes");
    options.add_integer("distribution_shift.shares", 5, 2, 8, "baseline fits a feature kind: on 1, 1/2, 1/4, ... of the source");
  }

  void run(Context& context) const override {
    for (const std::string& pair : context.options().list("distribution_shift.pairs")) {
      const auto arrow = pair.find('>');
      if (arrow == std::string::npos) fail("distribution_shift.pairs", "'" + pair + "'", "source>shift");
      measure(context, pair.substr(0, arrow), pair.substr(arrow + 1));
    }
  }

 private:
  static void measure(Context& context, const std::string& source, const std::string& shift) {
    const std::vector<int> shared = shared_classes(context, source, shift);
    const std::string pair = source + "->" + shift;
    std::vector<Point> points = baseline(context, source, shift, shared);
    std::vector<double> x, y;
    for (const Point& p : points) x.push_back(logit(p.source.value, p.source.n)), y.push_back(logit(p.shift.value, p.shift.n));
    const Line line = fit_line(x, y);
    const std::string variant = "logit shift = a + b logit source";
    context.record({pair, "test", "baseline", "fit", "slope", variant}, {line.slope, line.slope_low, line.slope_high, line.n});
    context.record({pair, "test", "baseline", "fit", "intercept", variant}, {line.intercept, line.intercept, line.intercept, line.n});
    context.record({pair, "test", "baseline", "fit", "r", variant}, {line.r, line.r, line.r, line.n});
    context.record({pair, "test", "majority-class", "floor", "source_top1", ""}, context.majority(source));
    context.record({pair, "test", "majority-class", "floor", "shift_top1", ""},
                   majority_class(context.raw_pixels(source, "train").labels, in_source(context.raw_pixels(shift, "test").labels, shared)));

    for (const auto& model : context.models()) {
      points.push_back({"zero-shot|" + model->info().name, on_source(context.zero_shot(*model, source), shared),
                        top_k(context.zero_shot(*model, shift).ranks, 1)});  // by the shift's own names
      const FeatureSet& train = context.features(*model, source, "train", Space::kTrunk);
      points.push_back({"linear-probe|" + model->info().name,
                        on_source(context.probe(train, context.features(*model, source, "test", Space::kTrunk)), shared),
                        on_shift(context.probe(train, context.features(*model, shift, "test", Space::kTrunk)), shared)});
    }
    for (const Point& p : points) write(context, pair, p, line);
    table(context, pair, points);
  }

  /// Ordinary models: probes on raw pixels and on every untrained encoder, on shares of the source's training split.
  static std::vector<Point> baseline(Context& context, const std::string& source, const std::string& shift, const std::vector<int>& shared) {
    std::vector<Point> points;
    const auto seed = static_cast<std::uint64_t>(context.options().integer("seed"));
    const auto add = [&](const std::string& name, const FeatureSet& train, const FeatureSet& source_test, const FeatureSet& shift_test) {
      double share = 1;
      for (std::int64_t i = 0; i < context.options().integer("distribution_shift.shares"); ++i, share /= 2) {
        const FeatureSet part = share_of(train, share, seed);
        points.push_back({fmt::format("linear-probe|{} on 1/{}", name, 1 << i), on_source(context.probe(part, source_test), shared),
                          on_shift(context.probe(part, shift_test), shared), true});
      }
    };
    add("raw-pixels", context.raw_pixels(source, "train"), context.raw_pixels(source, "test"), context.raw_pixels(shift, "test"));
    std::vector<std::string> done;
    for (const auto& model : context.models()) {
      const std::string architecture = model->info().architecture.name;
      if (std::find(done.begin(), done.end(), architecture) != done.end()) continue;
      done.push_back(architecture);
      ClipModel& untrained = context.untrained(*model);
      add("untrained " + architecture, context.features(untrained, source, "train", Space::kTrunk),
          context.features(untrained, source, "test", Space::kTrunk), context.features(untrained, shift, "test", Space::kTrunk));
    }
    return points;
  }

  static void write(Context& context, const std::string& pair, const Point& p, const Line& line) {
    const auto bar = p.name.find('|');
    const std::string method = p.name.substr(0, bar), model = p.name.substr(bar + 1), variant = p.is_baseline ? "baseline" : "";
    context.record({pair, "test", model, method, "source_top1", variant}, p.source);
    context.record({pair, "test", model, method, "shift_top1", variant}, p.shift);
    const auto robustness = [&](double shift) { return effective_robustness(line, p.source.value, shift, p.source.n); };
    // The interval carries the shift set's sampling error only; the line's own error is the slope's interval.
    context.record({pair, "test", model, method, "effective_robustness", variant},
                   {robustness(p.shift.value), robustness(p.shift.low), robustness(p.shift.high), p.shift.n});
  }

  static void table(Context& context, const std::string& pair, const std::vector<Point>& points) {
    MatrixD values(std::ssize(points), 5);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Point& p = points[i];
      values.row(i) << p.source.value, p.shift.value, static_cast<double>(p.source.n), static_cast<double>(p.shift.n), p.is_baseline ? 1.0 : 0.0;
    }
    context.array({"points/" + pair, {"source", "shift", "n_source", "n_shift", "is_baseline"}, values});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(DistributionShift, "distribution_shift", "section 3.3, Figures 13 and 14",
                            "Does zero-shot lose less under a natural shift than models fitted on the source?");

}  // namespace
}  // namespace cliplab
