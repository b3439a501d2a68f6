// Zero-shot against a linear probe, data set by data set (paper 3.1, Figures 5 and 8). Every table has the probe on
// raw pixels and the majority class as rows: a number without a floor says nothing.
#include <fmt/format.h>

#include "eval/robustness.hpp"
#include "run/experiment.hpp"

namespace cliplab {
namespace {

/// What every statistic can be computed from again.
Array scores_of(const std::string& name, const Outcome& outcome) {
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
    context.record({name, "test", "majority-class", "floor", "top1", ""}, context.majority(name));
    measure_probe(context, name, "raw-pixels", context.raw_pixel_probe(name));
  }

  static double measure_zero_shot(Context& context, ClipModel& model, const std::string& name) {
    const Outcome outcome = context.zero_shot(model, name);
    const auto C = outcome.classifier.weight.rows();
    context.record({name, "test", model.info().name, "zero-shot", "top1", ""}, top_k(outcome.ranks, 1));
    if (C > 10) context.record({name, "test", model.info().name, "zero-shot", "top5", ""}, top_k(outcome.ranks, 5));
    if (C <= 100) context.record({name, "test", model.info().name, "zero-shot", "mean_per_class", ""}, mean_per_class(outcome.ranks, outcome.labels));
    context.array(scores_of("scores/" + name + "/" + model.info().name + "/zero-shot", outcome));
    return top_k(outcome.ranks, 1).value;
  }

  static double measure_probe(Context& context, const std::string& name, const std::string& model, const Outcome& outcome) {
    const std::string variant = fmt::format("lambda={:.3g}, rule={}", outcome.sweep.lambda, outcome.rule);
    context.record({name, "test", model, "linear-probe", "top1", variant}, top_k(outcome.ranks, 1));
    context.record({name, "test", model, "linear-probe", "mean_per_class", variant}, mean_per_class(outcome.ranks, outcome.labels));
    context.array({"probe/" + name + "/" + model + "/sweep", {"lambda", "validation_accuracy", "objective", "iterations"}, curve_of(outcome.sweep)});
    context.array(scores_of("scores/" + name + "/" + model + "/linear-probe", outcome));
    return top_k(outcome.ranks, 1).value;
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
