// The score that the paper reports of each data set (Table 9), by its name in data/datasets.json; and how logits over
// more columns than the set has classes become logits over its classes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/truth.hpp"
#include "eval/metrics.hpp"

namespace cliplab {

/// "accuracy", "mean per class", "mean of top-1 and top-5", "ROC AUC" (two classes; the score is the second logit less
/// the first), "11-point mAP", "pm-0", "pm-10" or "mean of pm-0 and pm-10" (Shankar et al. 2019: clips whose anchor
/// frame is right; whose anchor and all neighbouring frames are; a clip without its anchor is not counted), with a 95 %
/// interval by the metric's own rule (intervals.hpp; mAP: 200 bootstrap resamples). Frames of clips count by clip.
/// Throws InputError for another name, and where logits [N, C] and answers do not fit the metric.
Interval score_named(const std::string& metric, const Matrix& logits, const Truth& truth, std::uint64_t seed = 0);

/// The value alone: no resamples, for the inner loops of few-shot probes.
double score_value(const std::string& metric, const Matrix& logits, const Truth& truth);

/// What each of N pictures adds to a metric that is a mean over pictures or classes, from its rank: 1 or 0, for "mean
/// of top-1 and top-5" also 0.5. Throws InputError for another metric but "ROC AUC", which counts as right.
std::vector<float> score_units(const std::string& metric, std::span<const int> ranks);
/// How test sampling moves a score `mean` of such units (or of their means over draws), by the metric's own formula.
Sampling sampling_of(const std::string& metric, double mean, std::span<const double> units, const Truth& truth);

/// A clip that has its anchor frame each: the mean of whether the anchor and whether all its frames are right.
std::vector<float> clip_units(const Matrix& logits, const Truth& truth);

/// Share of rows with rank < k; frames of clips are clusters.
Interval rate_within(std::span<const int> ranks, int k, const Truth& truth);

/// What guessing the most frequent training class scores on the test labels.
Interval majority_class(std::span<const int> train_labels, const Truth& test);

/// The same metric's name in records: "top1", "mean_per_class", "mean_top1_top5", "roc_auc", "map11", "pm0", "pm10" or
/// "mean_pm0_pm10". Throws InputError.
std::string record_name(const std::string& metric);
/// And back. Throws InputError.
std::string name_of_metric(const std::string& record);

/// Class-subset evaluation (ImageNet-A, -R, ObjectNet): the subset's columns alone, in its order. logits [N, C] -> [N,
/// S].
Matrix columns_of(const Matrix& logits, std::span<const int> classes);

/// The best of a class's columns (synonyms; ImageNet-Vid and YTBB): logits [N, P], owner [P] in [0, C) -> [N, C].
/// Throws InputError for a class without a column.
Matrix best_of_columns(const Matrix& logits, std::span<const int> owner, int num_classes);

}  // namespace cliplab
