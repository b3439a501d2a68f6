// What a study works with: models, data sets, features, classifiers; and where its records go. Features and
// probes are computed once and kept on disk under a key of all that decides them, so a killed study repeats little.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "corpora/corpus.hpp"
#include "eval/feature_set.hpp"
#include "eval/metrics.hpp"
#include "eval/probe_sweep.hpp"
#include "model/encoder.hpp"
#include "sets/dataset.hpp"
#include "store/results.hpp"

namespace cliplab {

/// A classifier and what it scored.
struct Outcome {
  LinearClassifier classifier;       // empty where the model scores prompts one by one
  Matrix logits;                     // [N, C] of the test split
  std::vector<int> ranks;            // [N] of the true class on the test split; empty where a picture may have several
  std::vector<int> labels;           // [N]
  std::vector<int> predicted;        // [N] the class of the highest logit
  std::vector<double> confidence;    // [N] its probability
  std::vector<std::int8_t> targets;  // [N, C] where a picture may have several labels; else empty
  std::vector<int> clips;            // [N] as Dataset::clips(); else empty
  SweepResult sweep;                 // probes only
  std::string rule;                  // probes only: when its fits ended
};

/// What a classifier scores on a test split of its classes.
Outcome score_classifier(LinearClassifier classifier, const FeatureSet& test);

class Lab {
 public:
  Lab(const Options& options, std::filesystem::path cache, std::vector<std::unique_ptr<ClipModel>> models,
      std::vector<std::unique_ptr<ImageModel>> baselines = {});

  const Options& options() const { return options_; }
  /// The models of this run, in the order of the config.
  const std::vector<std::unique_ptr<ClipModel>>& models() const { return models_; }
  /// model.baselines: encoders without a text tower, for probes alone.
  const std::vector<std::unique_ptr<ImageModel>>& baselines();
  /// Those and the models: whatever gives features.
  std::vector<ImageModel*> encoders();
  /// Has a study asked for the baselines since start_study()?
  bool used_baselines() const { return used_baselines_; }
  /// The architecture of `model` with its initial weights: what training adds is the distance to it.
  ClipModel& untrained(const ClipModel& model);

  /// An open data set (kept open). Throws InputError.
  const Dataset& dataset(const std::string& name, const std::string& split);

  /// The samples that features() looks at, in its order.
  std::vector<std::int64_t> rows(const std::string& name, const std::string& split) {
    return subset(dataset(name, split), split);
  }

  /// Features of a split, at most eval.max_train or eval.max_test samples of it (a seeded choice). Pictures that
  /// cannot be decoded are counted, named and left out.
  const FeatureSet& features(ImageModel& model, const std::string& dataset, const std::string& split, Space space);
  /// Features of the set's first `count` pictures by each of `wanted` (empty: joint, of all models), [N, D] each;
  /// `each` sees every pair's captions and key first, on many threads. A picture that cannot be decoded is an error:
  /// leaving it out would change the task. Features are kept on disk; a later call decodes for `each` alone.
  using Wanted = std::vector<std::pair<ImageModel*, Space>>;
  std::vector<Matrix> pair_features(const PairCorpus& set, std::int64_t count,
                                    const std::function<void(std::int64_t, const Pair&)>& each, Wanted wanted = {});
  /// The floor below every encoder: pixels in [0, 1]; 28 x 28 grey when all pictures are grey, and those of `beside` if
  /// it is given, else 16 x 16 RGB.
  const FeatureSet& raw_pixels(const std::string& dataset, const std::string& split, const std::string& beside = "");

  /// Zero-shot on the test split with the prompts file's class names and the given templates (empty: all of them). A
  /// class of clips scores what the best of its names does; of other sets the names' mean is its classifier.
  Outcome zero_shot(ClipModel& model, const std::string& dataset, std::vector<std::string> templates = {});
  /// The linear probe of appendix A.3 on `train`, scored on `test`; the fit is cached. Lambda is chosen on
  /// `validation`, or on a cut of `train` when it is null. Throws InputError for a fit on a test split.
  Outcome probe(const FeatureSet& train, const FeatureSet& test, const FeatureSet* validation = nullptr);
  Outcome probe(ImageModel& model, const std::string& dataset);
  Outcome raw_pixel_probe(const std::string& dataset);
  Interval majority(const std::string& dataset);
  /// For studies that score one label a picture. Throws InputError for a set with several, or with frames of clips.
  void need_one_label(const std::string& dataset);
  /// The study's own list of data sets with a train and a test split, `<study>.datasets`; eval.datasets where it is
  /// empty.
  std::vector<std::string> datasets_of(const std::string& study) const;
  /// `<study>.extra_datasets` without those of eval.datasets, which are not scored twice.
  std::vector<std::string> extra_datasets(const std::string& study) const;
  /// eval.datasets without those that such a study cannot score: named where data.absent is leave-out, else an error.
  std::vector<std::string> one_label_datasets();
  /// The metric that the paper reports of the data set (data/datasets.json; accuracy of others), by its name in
  /// records.
  std::pair<std::string, Interval> own_metric(const std::string& dataset, const Outcome& outcome) const;

  /// Adds a record with `interval` as value, bounds and n; its unit is unit_of(metric) if it has none.
  void record(Record record, const Interval& interval);
  void array(Array array) { results_.arrays.push_back(std::move(array)); }
  Results& results() { return results_; }
  /// What a study starts with.
  void start_study() { results_ = {}, used_baselines_ = false; }

 private:
  FeatureSet extract(const std::string& encoder_id, const std::string& description, const std::string& dataset,
                     const std::string& split, const std::function<Matrix(std::span<const Image>)>& encode);
  std::vector<std::int64_t> subset(const Dataset& dataset, const std::string& split) const;
  /// Are all of a set's pictures grey? By the first 64.
  bool is_grey_set(const std::string& dataset);
  std::filesystem::path cache_file(const std::string& kind, const std::string& key) const;

  const Options& options_;
  std::filesystem::path cache_;
  std::vector<std::unique_ptr<ClipModel>> models_;
  std::vector<std::unique_ptr<ImageModel>> baselines_;
  bool used_baselines_ = false;
  std::map<std::string, std::unique_ptr<ClipModel>> untrained_;
  std::map<std::string, std::unique_ptr<Dataset>> datasets_;
  std::map<std::string, bool> grey_sets_;
  std::map<std::string, FeatureSet> features_;
  Results results_;
};

}  // namespace cliplab
