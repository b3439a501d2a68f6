// The records and arrays that several studies write, so that tables and comparisons find them in one form.
#pragma once

#include <string>
#include <vector>

#include "eval/few_shot.hpp"
#include "eval/retrieval.hpp"
#include "eval/robustness.hpp"
#include "lab/lab.hpp"

namespace cliplab {

/// What an array is, for its readers; `more` adds to it.
Params array_params(const std::string& kind, const std::string& dataset, const std::string& model, Params more = {});

/// A fitted line as three records: slope, intercept and r. `like` lacks method and metric; `axes` is "linear", "log10"
/// or "logit", which is also the unit of the intercept.
void record_line(Lab& lab, Record like, const Line& line, const std::string& axes);

/// The line through points as records; with a notice instead where fewer than three points, or points of one x, have
/// none.
void record_line_through(Lab& lab, const Record& like, std::span<const double> x, std::span<const double> y,
                         const std::string& axes);

/// Zero-shot logits of labels, each put into the same sentence; features [N, D], L labels -> [N, L].
Matrix label_logits(ClipModel& model, std::span<const std::string> labels, const std::string& sentence,
                    const Matrix& features);

/// The data set's own metric, and top-1 and the mean over classes where a picture has one label; `record` lacks metric
/// and value. The scores of every sample are an array of kind "scores". Returns the first.
Interval record_scores(Lab& lab, Record record, const Outcome& outcome);
/// record_scores of lab.zero_shot(model, dataset), top-5 above 10 classes, the classes' text features (times the logit
/// scale) as "text_features/<dataset>/<model>" [C, D], and one random picture with the model's
/// answers, for Figure 21: "picture/<dataset>" [64 * 64, 3] of 0 to 255, "example/<dataset>/<model>" [3, 5 or
/// 6] with the likeliest classes and the right one, by their first prompts: probability, rank from 1, whether it is
/// right.
Interval record_zero_shot(Lab& lab, ClipModel& model, const std::string& dataset);
/// record_scores of a probe, with the lambda that was chosen, and its search as an array.
Interval record_probe(Lab& lab, const std::string& dataset, const std::string& model, const Outcome& outcome,
                      Params params = {});
/// All of a data set: its floors, every model zero-shot, the probe of every encoder.
void record_data_set(Lab& lab, const std::string& dataset);
/// The floors of a data set: the majority class (where a picture has one label) and, if asked, the probe on raw
/// pixels.
void record_floors(Lab& lab, const std::string& dataset);

/// Top-1 of one classifier less another's on the same pictures (paired_difference).
Interval paired_gain(const Outcome& ours, const Outcome& theirs);
/// One classifier's score by `metric` (a record's name) less another's on the same pictures. Accuracy: paired. Other
/// metrics: half-widths in quadrature, which is wider, since pictures that are hard are so for both.
Interval paired_gain(const std::string& metric, const Outcome& ours, const Interval& our_score, const Outcome& theirs,
                     const Interval& their_score);

/// Ranks of the captions and pictures among the set's first pictures, by each model: `captions` of a picture at most,
/// `prefix` and a space before each. A picture that cannot be decoded is on neither side.
std::vector<RetrievalRanks> caption_ranks(Lab& lab, const std::string& set, const std::string& split,
                                          std::int64_t captions, const std::string& prefix);

/// The points of draws, and for each number of shots the share of the pool in a draw.
struct FewShotDraws {
  std::vector<FewShotPoint> points;
  std::vector<int> shots;
  std::vector<double> shared;
};

/// few_shot() by the run's seed and stop rule, drawn from the training split; lambda is chosen on the set's official
/// validation split, which no draw sees, or else on a fifth of the training split. Numbers of shots that a class does
/// not have there are left out, with a notice.
FewShotDraws few_shot_draws(Lab& lab, ImageModel& model, const std::string& dataset, Space space,
                            FewShotOptions options);

}  // namespace cliplab
