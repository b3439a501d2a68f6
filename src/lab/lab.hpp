// What a study works with: the models and data sets of its plan, their features and classifiers, and where its records
// go. Each part has a file of its own; this class joins them and adds what studies ask for most.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "eval/classifier.hpp"
#include "eval/metrics.hpp"
#include "lab/feature_store.hpp"
#include "lab/models.hpp"
#include "lab/plan.hpp"
#include "lab/probe_store.hpp"
#include "lab/recorder.hpp"
#include "lab/sets.hpp"

namespace cliplab {

/// A classifier and what it scored on a test split.
struct Outcome {
  LinearClassifier classifier;       // empty if the model scores prompts one by one
  Matrix logits;                     // [N, C]
  Truth truth;                       // of the N samples
  std::vector<int> ranks;            // [N] of the true class; empty if a picture may have several
  std::vector<int> predicted;        // [N] the class of the highest logit
  std::vector<double> confidence;    // [N] its probability
  SweepResult sweep;                 // probes only
  std::string rule;                  // probes only: the name of the rule that ended the fits
  bool official_validation = false;  // probes only: lambda was chosen on the set's own validation split
  int not_validated = 0;             // probes only: classes of one training sample, which had no say in lambda
  std::vector<Outcome> rounds{};     // of a set that its authors divide several times; the rest is then round 1's
  bool same_pictures = false;        // do all rounds test on the same?
};

/// What a classifier scores on a test split of its classes.
Outcome score_classifier(LinearClassifier classifier, const FeatureSet& test);

class Lab {
 public:
  /// `cache`: the folder of features and probes. All references outlive the lab.
  Lab(const Options& options, const Plan& plan, const std::filesystem::path& cache, Models models,
      Recorder recorder = Recorder());

  const Options& options() const { return options_; }
  const Plan& plan() const { return plan_; }

  const Models::ClipModels& models() const { return models_.clip(); }
  const Models::Baselines& baselines() { return models_.baselines(); }
  std::vector<ImageModel*> encoders() { return models_.encoders(); }
  ClipModel& untrained(const ClipModel& model) { return models_.untrained(model); }
  /// Does the run ask for this floor ("raw-pixels", "untrained") beside its models?
  bool measures(const std::string& floor) const;
  bool used_baselines() const { return models_.used_baselines(); }

  /// The sets that the plan has for a key of the study, as the config names them.
  std::vector<std::string> sets(const std::string& key) const { return plan_.items(key); }
  const Dataset& dataset(const std::string& name, const std::string& split) { return sets_.open(name, split); }
  Prompts prompts(const std::string& name) { return sets_.prompts(name); }
  std::string title(const std::string& name) { return sets_.ref(name).title(); }
  bool has_split(const std::string& name, const std::string& split) { return sets_.ref(name).has_split(split); }
  std::unique_ptr<PairCorpus> pairs(const std::string& name, const std::string& split) {
    return sets_.pairs(name, split);
  }
  /// The answers of the samples that this run reads: of those that can be decoded where raw pixels are a floor anyway,
  /// else of all, without opening a picture.
  Truth truth(const std::string& name, const std::string& split);
  /// The most pictures that the run reads of a captioned set's split.
  std::int64_t limit(const std::string& split) const { return sets_.limit(split); }

  const FeatureSet& features(ImageModel& model, const std::string& name, const std::string& split, Space space) {
    return features_.features(model, name, split, space);
  }
  const FeatureSet& raw_pixels(const std::string& name, const std::string& split, const std::string& with = "") {
    return features_.raw_pixels(name, split, with);
  }
  PairFeatures pair_features(const std::string& name, const std::string& split, std::int64_t most,
                             const FeatureStore::Wanted& wanted, const FeatureStore::Check& check = {}) {
    return features_.pairs(name, split, most, wanted, check);
  }
  /// All models in the joint space, for pair_features().
  FeatureStore::Wanted joint() const;

  /// Zero-shot on the test split with the set's class names and the given templates (empty: all of them). A class of
  /// clips scores what the best of its names does; of other sets the names' mean is the class's classifier. Where a
  /// picture may have several labels, pictures are ranked by the probability of the class among all (VOC2007).
  Outcome zero_shot(ClipModel& model, const std::string& name, std::vector<std::string> templates = {});
  /// The same with what it scores on each round's test samples, where these differ (UCF101).
  Outcome zero_shot_in_rounds(ClipModel& model, const std::string& name);
  /// The linear probe of appendix A.3 on `train`, scored on `test`. Lambda is chosen on `validation`; if that is null,
  /// on the part of `train` that is the set's official validation split, else on a cut of it. Throws InputError for a
  /// fit on a test split.
  Outcome probe(const FeatureSet& train, const FeatureSet& test, const FeatureSet* validation = nullptr);
  /// On a set, with its validation split if it has one, scored on its test split, or on that of `tested`. A set that
  /// its authors divide several times: one fit a round, each scored on the round's own test samples.
  Outcome probe(ImageModel& model, const std::string& name, Space space = Space::kTrunk,
                const std::string& tested = "");
  Outcome raw_pixel_probe(const std::string& name);
  Interval majority(const std::string& name);
  /// Mean over the rounds of what `score` gives for each; of an outcome without rounds its score.
  static Interval over_rounds(const Outcome& outcome, const std::function<Interval(const Outcome&)>& score);
  /// The metric that the paper reports for the data set (data/datasets.json; accuracy if it reports none), by its name
  /// in records. Of several rounds the mean: on the same pictures the bounds' means, since these err together, else
  /// half-widths in quadrature.
  std::pair<std::string, Interval> own_metric(const std::string& name, const Outcome& outcome) const;

  /// Adds a record with `interval` as value, bounds and n. Where pictures of its data set and split were left out
  /// because they cannot be decoded, the record states how many.
  void record(Record record, const Interval& interval);
  void array(Array array) { recorder_.array(std::move(array)); }
  /// Recorder::for_each().
  std::vector<std::string> for_each(const std::vector<std::string>& names,
                                    const std::function<void(const std::string&)>& measure) {
    return recorder_.for_each(names, measure);
  }

  /// Resets the lab for the next study: no records, no baselines used.
  void start_study(Recorder recorder);
  Recorder& recorder() { return recorder_; }

 private:
  Outcome zero_shot_on(ClipModel& model, const std::string& name, std::vector<std::string> templates,
                       const FeatureSet& test);
  Outcome probe_in_rounds(const FeatureSet& train, const FeatureSet& test);

  const Options& options_;
  const Plan& plan_;
  Models models_;
  Sets sets_;
  FeatureStore features_;
  ProbeStore probes_;
  Recorder recorder_;
};

}  // namespace cliplab
