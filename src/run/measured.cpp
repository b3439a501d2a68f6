// The records that studies share.
#include "run/measured.hpp"

#include <fmt/format.h>

#include "eval/scores.hpp"

namespace cliplab {
namespace {

/// What every statistic can be computed from again.
Array scores_of(const std::string& name, const Outcome& outcome) {
  const Eigen::Index N = outcome.logits.rows(), C = outcome.logits.cols();
  Array array{name, {"label", "rank", "predicted", "confidence"}, MatrixD(N, outcome.targets.empty() ? 4 : 2 * C)};
  if (!outcome.targets.empty()) {  // several labels a picture: the logits of all classes, then the targets
    array.columns.clear();
    for (const char* kind : {"logit", "target"})
      for (Eigen::Index c = 0; c < C; ++c) array.columns.push_back(fmt::format("{}{}", kind, c));
    array.values.leftCols(C) = outcome.logits.cast<double>();
    for (Eigen::Index i = 0; i < N; ++i)
      for (Eigen::Index c = 0; c < C; ++c) array.values(i, C + c) = outcome.targets[i * C + c];
  } else {
    for (Eigen::Index i = 0; i < N; ++i) array.values.row(i) << outcome.labels[i], outcome.ranks[i], outcome.predicted[i], outcome.confidence[i];
  }
  if (!outcome.clips.empty()) {
    array.columns.push_back("clip");
    array.values.conservativeResize(N, array.values.cols() + 1);
    array.values.rightCols(1) = Eigen::Map<const Eigen::VectorXi>(outcome.clips.data(), N).cast<double>();
  }
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

}  // namespace

Interval record_scores(Context& context, Record record, const Outcome& outcome) {
  const auto [own, score] = context.own_metric(record.dataset, outcome);
  const auto add = [&](const std::string& metric, const Interval& value) { record.metric = metric, context.record(record, value); };
  add(own, score);
  if (!outcome.clips.empty())
    for (const char* part : {"pm-0", "pm-10"}) add(record_name(part), score_named(part, outcome.logits, {outcome.labels, outcome.targets, outcome.clips}));
  if (outcome.targets.empty() && own != "top1") add("top1", top_k(outcome.ranks, 1));
  if (outcome.targets.empty() && own != "mean_per_class" && outcome.logits.cols() <= 100) add("mean_per_class", mean_per_class(outcome.ranks, outcome.labels));
  context.array(scores_of("scores/" + record.dataset + "/" + record.model + "/" + record.method, outcome));
  return score;
}

Interval record_zero_shot(Context& context, ClipModel& model, const std::string& name) {
  const Outcome outcome = context.zero_shot(model, name);
  const Interval score = record_scores(context, {name, "test", model.info().name, "zero-shot", "", ""}, outcome);
  if (outcome.logits.cols() > 10 && outcome.targets.empty()) context.record({name, "test", model.info().name, "zero-shot", "top5", ""}, top_k(outcome.ranks, 5));
  return score;
}

Interval record_probe(Context& context, const std::string& name, const std::string& model, const Outcome& outcome) {
  const std::string variant = fmt::format("lambda={:.3g}, rule={}", outcome.sweep.lambda, outcome.rule);
  context.array({"probe/" + name + "/" + model + "/sweep", {"lambda", "validation_accuracy", "objective", "iterations"}, curve_of(outcome.sweep)});
  return record_scores(context, {name, "test", model, "linear-probe", "", variant}, outcome);
}

void record_floors(Context& context, const std::string& name) {
  if (context.raw_pixels(name, "test").targets.empty()) context.record({name, "test", "majority-class", "floor", "top1", ""}, context.majority(name));
  record_probe(context, name, "raw-pixels", context.raw_pixel_probe(name));
}

}  // namespace cliplab
