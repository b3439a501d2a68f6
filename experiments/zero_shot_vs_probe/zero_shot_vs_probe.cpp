// Zero-shot against a linear probe, data set by data set (paper 3.1, Figures 5 and 8). Every table has the probe on
// raw pixels and the majority class as rows: a number without a floor says nothing.
#include <fmt/format.h>

#include "eval/robustness.hpp"
#include "run/experiment.hpp"

namespace cliplab {
namespace {

/// What every statistic can be computed from again.
Array scores_of(const std::string& name, const Outcome& outcome) {
  if (!outcome.targets.empty()) {  // several labels a picture: the logits of all classes, then the targets
    const Eigen::Index N = outcome.logits.rows(), C = outcome.logits.cols();
    Array array{name, {}, MatrixD(N, 2 * C)};
    for (const char* kind : {"logit", "target"})
      for (Eigen::Index c = 0; c < C; ++c) array.columns.push_back(fmt::format("{}{}", kind, c));
    array.values.leftCols(C) = outcome.logits.cast<double>();
    for (Eigen::Index i = 0; i < N; ++i)
      for (Eigen::Index c = 0; c < C; ++c) array.values(i, C + c) = outcome.targets[i * C + c];
    return array;
  }
  Array array{name, {"label", "rank", "predicted", "confidence"}, MatrixD(std::ssize(outcome.labels), 4)};
  for (std::size_t i = 0; i < outcome.labels.size(); ++i)
    array.values.row(i) << outcome.labels[i], outcome.ranks[i], outcome.predicted[i], outcome.confidence[i];
  return array;
}

MatrixD curve_of(const SweepResult& sweep) {
  MatrixD table(std::ssize(sweep.points), 4);
  for (std::size_t i = 0; i < sweep.points.size(); ++i) {
    const SweepPoint& p = sweep.points[i];
    table.row(i) << p.lambda, p.validation_accuracy, p.fit.objective, static_cast<double>(p.fit.iterations);
  }
  return table;
}

class ZeroShotVsProbe : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_list("zero_shot_vs_probe.extra_datasets", {}, "data sets without a train split: zero-shot only");
  }

  void run(Context& context) const override {
    const auto datasets = context.options().list("eval.datasets");
    for (const std::string& name : datasets) floors(context, name);
    for (const auto& baseline : context.baselines())
      for (const std::string& name : datasets) measure_probe(context, name, baseline->info().name, context.probe(*baseline, name));
    for (const auto& model : context.models()) {
      std::vector<double> zero_shot, probe;
      for (const std::string& name : datasets) {
        zero_shot.push_back(measure_zero_shot(context, *model, name));
        probe.push_back(measure_probe(context, name, model->info().name, context.probe(*model, name)));
      }
      for (const std::string& name : context.options().list("zero_shot_vs_probe.extra_datasets"))
        measure_zero_shot(context, *model, name);
      for (const std::string& name : datasets)
        measure_probe(context, name, "untrained " + model->info().name,
                      context.probe(context.untrained(*model), name));
      if (datasets.size() >= 3) correlate(context, model->info().name, probe, zero_shot);
    }
  }

 private:
  static void floors(Context& context, const std::string& name) {
    if (context.raw_pixels(name, "test").targets.empty()) context.record({name, "test", "majority-class", "floor", "top1", ""}, context.majority(name));
    measure_probe(context, name, "raw-pixels", context.raw_pixel_probe(name));
  }

  static double measure_zero_shot(Context& context, ClipModel& model, const std::string& name) {
    const Outcome outcome = context.zero_shot(model, name);
    const double score = record_scores(context, {name, "test", model.info().name, "zero-shot", "", ""}, outcome);
    if (outcome.logits.cols() > 10 && outcome.targets.empty()) context.record({name, "test", model.info().name, "zero-shot", "top5", ""}, top_k(outcome.ranks, 5));
    return score;
  }

  /// The data set's own metric, and top-1 and the mean over classes where a picture has one label. Returns the first.
  static double record_scores(Context& context, Record record, const Outcome& outcome) {
    const auto [own, score] = context.own_metric(record.dataset, outcome);
    const auto add = [&](const std::string& metric, const Interval& value) { record.metric = metric, context.record(record, value); };
    add(own, score);
    if (outcome.targets.empty() && own != "top1") add("top1", top_k(outcome.ranks, 1));
    if (outcome.targets.empty() && own != "mean_per_class" && outcome.logits.cols() <= 100) add("mean_per_class", mean_per_class(outcome.ranks, outcome.labels));
    context.array(scores_of("scores/" + record.dataset + "/" + record.model + "/" + record.method, outcome));
    return score.value;
  }

  static double measure_probe(Context& context, const std::string& name, const std::string& model, const Outcome& outcome) {
    const std::string variant = fmt::format("lambda={:.3g}, rule={}", outcome.sweep.lambda, outcome.rule);
    context.array({"probe/" + name + "/" + model + "/sweep", {"lambda", "validation_accuracy", "objective", "iterations"}, curve_of(outcome.sweep)});
    return record_scores(context, {name, "test", model, "linear-probe", "", variant}, outcome);
  }

  /// Fig 8: zero-shot over probe accuracy, a point a data set.
  static void correlate(Context& context, const std::string& model, const std::vector<double>& probe, const std::vector<double>& zero_shot) {
    const Line line = fit_line(probe, zero_shot);
    const std::string variant = "zero-shot = a + b probe";
    context.record({"all", "test", model, "fit", "slope", variant}, {line.slope, line.slope_low, line.slope_high, line.n});
    context.record({"all", "test", model, "fit", "intercept", variant}, {line.intercept, line.intercept, line.intercept, line.n});
    context.record({"all", "test", model, "fit", "r", variant}, {line.r, line.r, line.r, line.n});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(ZeroShotVsProbe, "zero_shot_vs_probe", "section 3.1.5, Figures 5 and 8",
                            "How far does zero-shot come beside a supervised linear probe, on each data set?");

}  // namespace
}  // namespace cliplab
