// Features, classifiers and their caches.
#include "lab/lab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "base/rng.hpp"
#include "eval/scores.hpp"
#include "lab/model_options.hpp"
#include "pixels/preprocess.hpp"
#include "sets/published.hpp"

namespace cliplab {
namespace {

// Changes when features or probes of an unchanged key would come out differently.
constexpr int kCacheEpoch = 1, kProbeEpoch = 2;
constexpr std::int64_t kChunk = 512;  // pictures decoded at a time

/// [H, W, 3] -> a row of 28 x 28 grey or 16 x 16 RGB in [0, 1].
Matrix pixel_rows(std::span<const Image> images, bool grey) {
  const int side = grey ? 28 : 16, channels = grey ? 1 : 3;
  Matrix rows(std::ssize(images), side * side * channels);
  parallel_for(std::ssize(images), [&](std::int64_t i) {
    const Image image = clip_transform(images[i], side);
    for (int p = 0; p < side * side; ++p)
      for (int c = 0; c < channels; ++c)
        rows(i, p * channels + c) = static_cast<float>(image.pixels[3 * p + c]) / 255.0f;
  });
  return rows;
}

bool is_grey(const Image& image) {
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3)
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2]) return false;
  return true;
}

bool has_validation(const std::string& dataset) {
  const auto& splits = dataset_info(dataset).splits;
  return std::find(splits.begin(), splits.end(), "validation") != splits.end();
}

void score(Outcome& outcome, const FeatureSet& test, Matrix logits) {
  outcome.logits = std::move(logits);
  outcome.labels = test.labels, outcome.targets = test.targets, outcome.clips = test.clips;
  if (test.targets.empty()) outcome.ranks = label_ranks(outcome.logits, test.labels);
  Predictions predictions = top_predictions(outcome.logits);
  outcome.predicted = std::move(predictions.label), outcome.confidence = std::move(predictions.probability);
}

/// Those of the cache; empty when they are not there, or damaged, which is said.
Matrix kept_features(const std::filesystem::path& file, const std::string& id) {
  if (!std::filesystem::exists(file)) return {};
  try {
    return read_features(file, id);
  } catch (const InputError& error) {
    say(fmt::format("{}: computed again", error.what()));
    return {};
  }
}

}  // namespace

Outcome score_classifier(LinearClassifier classifier, const FeatureSet& test) {
  Outcome outcome;
  outcome.classifier = std::move(classifier);
  score(outcome, test, outcome.classifier.logits(test.x));
  return outcome;
}

Lab::Lab(const Options& options, std::filesystem::path cache, std::vector<std::unique_ptr<ClipModel>> models,
         std::vector<std::unique_ptr<ImageModel>> baselines)
    : options_(options), cache_(std::move(cache)), models_(std::move(models)), baselines_(std::move(baselines)) {}

const std::vector<std::unique_ptr<ImageModel>>& Lab::baselines() {
  used_baselines_ = true;
  return baselines_;
}

std::vector<ImageModel*> Lab::encoders() {
  std::vector<ImageModel*> all;
  for (const auto& model : models_) all.push_back(model.get());
  for (const auto& baseline : baselines()) all.push_back(baseline.get());
  return all;
}

ClipModel& Lab::untrained(const ClipModel& model) {
  auto& untrained = untrained_[model.info().architecture.name];
  if (!untrained)
    untrained = untrained_clip_model(model.info().architecture, static_cast<std::uint64_t>(options_.integer("seed")),
                                     model_options(options_));
  return *untrained;
}

const Dataset& Lab::dataset(const std::string& name, const std::string& split) {
  auto& entry = datasets_[name + "/" + split];
  if (!entry) entry = open_dataset(name, split);
  return *entry;
}

std::vector<std::int64_t> Lab::subset(const Dataset& dataset, const std::string& split) const {
  std::vector<std::int64_t> indices(dataset.size());
  std::iota(indices.begin(), indices.end(), 0);
  std::int64_t limit = options_.integer(split == "test" ? "eval.max_test" : "eval.max_train");
  if (const std::int64_t all = options_.integer("limit"); all > 0) limit = std::min(limit, all);
  if (std::ssize(indices) <= limit) return indices;
  Rng rng(static_cast<std::uint64_t>(options_.integer("seed")), 0x5b5e7);
  if (const auto clips = dataset.clips(); !clips.empty()) {  // whole clips, as many as fit
    std::map<int, std::vector<std::int64_t>> frames;
    for (const std::int64_t i : indices) frames[std::abs(clips[i])].push_back(i);
    std::vector<int> order;
    for (const auto& [clip, rows] : frames) order.push_back(clip);
    rng.shuffle(order);
    indices.clear();
    for (const int clip : order)
      if (indices.empty() || std::ssize(indices) + std::ssize(frames[clip]) <= limit)
        indices.insert(indices.end(), frames[clip].begin(), frames[clip].end());
  } else {
    rng.shuffle(indices);
    indices.resize(limit);
  }
  std::sort(indices.begin(), indices.end());
  return indices;
}

std::filesystem::path Lab::cache_file(const std::string& kind, const std::string& key) const {
  return cache_ / (kind + "-" + sha256_hex(key).substr(0, 24) + ".h5");
}

FeatureSet Lab::extract(const std::string& encoder_id, const std::string& description, const std::string& name,
                        const std::string& split, const std::function<Matrix(std::span<const Image>)>& encode) {
  const Dataset& data = dataset(name, split);
  const std::vector<std::int64_t> indices = subset(data, split);
  FeatureSet set;
  set.encoder = encoder_id, set.split = split, set.description = description,
  set.num_classes = static_cast<int>(data.class_names().size());
  set.id =
      fmt::format("{}|{}|{} of {} seed {}|epoch {}", encoder_id, data.id(), indices.size(), data.size(),
                  indices.size() < static_cast<std::size_t>(data.size()) ? options_.integer("seed") : 0, kCacheEpoch);
  const auto file = cache_file("features", set.id);
  const Eigen::Index several =
      static_cast<Eigen::Index>(data.targets().size()) / std::max<Eigen::Index>(1, data.size());
  const Eigen::Index framed = data.clips().empty() ? 0 : 1, beside = several + framed + 1;
  // [N, D + beside]: the targets and the clip, if there are any, and the label last; whole numbers under 2^24
  Matrix table = kept_features(file, set.id);
  if (table.size() == 0) {
    Progress progress(fmt::format("encode {}/{} by {}", name, split, description), std::ssize(indices), "images");
    std::vector<Matrix> parts;
    std::vector<std::int64_t> kept;
    std::int64_t bad = 0;
    for (std::int64_t begin = 0; begin < std::ssize(indices); begin += kChunk) {
      if (stop_requested()) throw Interrupted("stopped while encoding " + name);
      const std::int64_t count = std::min<std::int64_t>(kChunk, std::ssize(indices) - begin);
      std::vector<Image> images(count);
      std::vector<std::string> problems(count);
      parallel_for(count, [&](std::int64_t i) {
        try {
          images[i] = data.get(indices[begin + i]).image;
        } catch (const InputError& error) {
          problems[i] = error.what();
        }
      });
      std::vector<Image> good;
      for (std::int64_t i = 0; i < count; ++i) {
        if (problems[i].empty()) {
          good.push_back(std::move(images[i]));
          kept.push_back(indices[begin + i]);
        } else if (++bad <= 5) {
          say("left out: " + problems[i]);
        }
      }
      if (!good.empty()) parts.push_back(encode(good));
      progress.update(begin + count);
    }
    if (bad > 0) say(fmt::format("{} of {} pictures of {}/{} left out", bad, indices.size(), name, split));
    if (kept.empty())
      fail(data.id(), "no picture that can be decoded", "at least one", "./cliplab data verify " + name);
    const Eigen::Index D = parts.front().cols();
    table.resize(std::ssize(kept), D + beside);
    Eigen::Index row = 0;
    for (const Matrix& part : parts) table.block(row, 0, part.rows(), D) = part, row += part.rows();
    for (Eigen::Index i = 0; i < table.rows(); ++i) {
      for (Eigen::Index c = 0; c < several; ++c) table(i, D + c) = data.targets()[kept[i] * several + c];
      if (framed > 0) table(i, D + several) = static_cast<float>(data.clips()[kept[i]]);
      table(i, D + beside - 1) = static_cast<float>(data.labels()[kept[i]]);
    }
    write_features(file, set.id, table);
  }
  set.x = table.leftCols(table.cols() - beside);
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    set.labels.push_back(static_cast<int>(table(i, table.cols() - 1)));
    for (Eigen::Index c = 0; c < several; ++c)
      set.targets.push_back(static_cast<std::int8_t>(table(i, table.cols() - beside + c)));
    if (framed > 0) set.clips.push_back(static_cast<int>(table(i, table.cols() - 2)));
  }
  return set;
}

const FeatureSet& Lab::features(ImageModel& model, const std::string& name, const std::string& split, Space space) {
  const std::string encoder = model.image().id() + (space == Space::kTrunk ? "/trunk" : "/joint");
  auto& set = features_[encoder + "|" + name + "/" + split];
  if (set.id.empty())
    set = extract(encoder, model.info().name, name, split,
                  [&](std::span<const Image> images) { return model.image().encode(images, space); });
  return set;
}

std::vector<Matrix> Lab::pair_features(const PairCorpus& set, std::int64_t count,
                                       const std::function<void(std::int64_t, const Pair&)>& each, Wanted wanted) {
  if (wanted.empty())
    for (const auto& model : models_) wanted.emplace_back(model.get(), Space::kJoint);
  std::vector<Matrix> features(wanted.size());
  std::vector<std::string> ids;
  std::vector<std::size_t> missing;  // which are not in the cache
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    const auto& [model, space] = wanted[w];
    ids.push_back(fmt::format("{}{}|{}|first {}|epoch {}", model->image().id(),
                              space == Space::kTrunk ? "/trunk" : "/joint", set.id(), count, kCacheEpoch));
    features[w] = kept_features(cache_file("features", ids[w]), ids[w]);
    if (features[w].size() == 0) missing.push_back(w);
  }
  Progress progress("encode " + set.id(), count, "images");
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    if (stop_requested()) throw Interrupted("stopped while encoding " + set.id());
    std::vector<Image> chunk(std::min<std::int64_t>(kChunk, count - begin));
    parallel_for(std::ssize(chunk), [&](std::int64_t i) {
      Pair pair = set.get(begin + i);
      each(begin + i, pair);
      chunk[i] = std::move(pair.image);
    });
    for (const std::size_t w : missing) {
      const Matrix part = wanted[w].first->image().encode(chunk, wanted[w].second);
      if (begin == 0) features[w].resize(count, part.cols());
      features[w].middleRows(begin, part.rows()) = part;
    }
    progress.update(begin + std::ssize(chunk));
  }
  for (const std::size_t w : missing) write_features(cache_file("features", ids[w]), ids[w], features[w]);
  return features;
}

bool Lab::is_grey_set(const std::string& name) {
  if (const auto known = grey_sets_.find(name); known != grey_sets_.end()) return known->second;
  const Dataset& first = dataset(name, dataset_info(name).splits.front());
  bool grey = true;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(64, first.size()); ++i) try {
      grey = grey && is_grey(first.get(i).image);
    } catch (const InputError&) {  // extract() names it
    }
  return grey_sets_[name] = grey;
}

const FeatureSet& Lab::raw_pixels(const std::string& name, const std::string& split, const std::string& beside) {
  const bool grey = is_grey_set(name) && (beside.empty() || is_grey_set(beside));
  const std::string encoder = grey ? "raw-pixels-28-grey" : "raw-pixels-16-rgb";
  auto& set = features_[encoder + "|" + name + "/" + split];
  if (set.id.empty())
    set = extract(encoder, "raw-pixels", name, split,
                  [&](std::span<const Image> images) { return pixel_rows(images, grey); });
  return set;
}

Outcome Lab::zero_shot(ClipModel& model, const std::string& name, std::vector<std::string> templates) {
  const FeatureSet& test = features(model, name, "test", Space::kJoint);
  const Prompts prompts = load_prompts(dataset(name, "test"), name);
  if (templates.empty()) templates = prompts.templates;
  Outcome outcome;
  std::vector<std::vector<std::string>> names = prompts.class_names;
  std::vector<int> owner;
  if (!test.clips.empty()) {  // a column a name
    names.clear();
    for (std::size_t c = 0; c < prompts.class_names.size(); ++c)
      for (const std::string& synonym : prompts.class_names[c])
        names.push_back({synonym}), owner.push_back(static_cast<int>(c));
  }
  Matrix logits;
  if (model.info().architecture.contrasts()) {
    outcome.classifier = zero_shot_classifier(model.text(), names, templates, model.info().logit_scale);
    logits = outcome.classifier.logits(test.x);
  } else {
    logits = class_means(model.prompt_scores(test.x, fill_templates(names, templates)), names, templates.size());
  }
  score(outcome, test, owner.empty() ? std::move(logits) : best_of_columns(logits, owner, test.num_classes));
  return outcome;
}

Outcome Lab::probe(const FeatureSet& train, const FeatureSet& test, const FeatureSet* validation) {
  check_fit(train, validation, test);
  const int num_classes = train.num_classes;  // a share of the training rows may lack some
  SweepOptions sweep;
  sweep.max_iterations = static_cast<int>(options_.integer("eval.probe_iterations"));
  sweep.seed = static_cast<std::uint64_t>(options_.integer("seed"));
  sweep.rule = stop_rule(options_.text("probe.rule"));
  sweep.search = search_named(options_.text("probe.search"));
  if (options_.text("probe.algebra") == "torch")
    sweep.objective = [device = options_.text("model.device")](RowSource rows, Eigen::Index logits,
                                                               const VectorD& shift, const ObjectiveOptions& o) {
      return torch_objective(std::move(rows), logits, shift, device, o.float64, o.residence == Residence::kKeep);
    };
  const std::string key = fmt::format(
      "probe|{}|{}|{} classes|rule {} search {} algebra {} iterations {} seed {}|epoch {}", train.id,
      validation ? validation->id : "cut", num_classes, options_.text("probe.rule"), options_.text("probe.search"),
      options_.text("probe.algebra"), sweep.max_iterations, sweep.seed, kProbeEpoch);
  const auto file = cache_file("probe", key);

  Outcome outcome;
  outcome.rule = options_.text("probe.rule");
  bool cached = false;
  if (std::filesystem::exists(file)) try {
      const Results stored = read_results(file);
      if (stored.config == key && stored.arrays.size() == 3) {
        outcome.sweep.classifier.weight = stored.arrays[0].values.cast<float>();
        outcome.sweep.classifier.bias = stored.arrays[1].values.cast<float>();
        const MatrixD& points = stored.arrays[2].values;
        for (Eigen::Index i = 0; i < points.rows(); ++i) {
          SweepPoint point{points(i, 0), points(i, 1), {}};
          point.fit.objective = points(i, 2), point.fit.iterations = static_cast<int>(points(i, 3));
          outcome.sweep.points.push_back(point);
        }
        outcome.sweep.lambda = std::stod(stored.provenance.at("lambda"));
        cached = true;
      }
    } catch (const InputError& error) {
      say(fmt::format("{}: fitted again", error.what()));
    }
  if (!cached) {
    if (stop_requested()) throw Interrupted("stopped before a probe fit");
    say(fmt::format("probe: {} x {} features of {}, {} classes", train.x.rows(), train.x.cols(), train.description,
                    num_classes));
    const LabelledRows rows{train.x, train.labels, train.targets};
    if (validation) {
      const LabelledRows held{validation->x, validation->labels, validation->targets};
      outcome.sweep = sweep_probe(rows, &held, num_classes, sweep);
    } else {
      outcome.sweep = sweep_probe(rows, nullptr, num_classes, sweep);
    }
    MatrixD points(std::ssize(outcome.sweep.points), 4);
    for (Eigen::Index i = 0; i < points.rows(); ++i) {
      const SweepPoint& p = outcome.sweep.points[i];
      points.row(i) << p.lambda, p.validation_accuracy, p.fit.objective, static_cast<double>(p.fit.iterations);
    }
    Results stored;
    stored.experiment = "probe", stored.config = key;
    stored.provenance["lambda"] = fmt::format("{}", outcome.sweep.lambda);
    const auto numbered = [](Eigen::Index count) {
      std::vector<std::string> names;
      for (Eigen::Index i = 0; i < count; ++i) names.push_back(fmt::format("{}", i));
      return names;
    };
    stored.arrays.push_back({"weight", numbered(train.x.cols()), outcome.sweep.classifier.weight.cast<double>()});
    stored.arrays.push_back({"bias", {"bias"}, outcome.sweep.classifier.bias.cast<double>()});
    stored.arrays.push_back({"sweep", {"lambda", "validation_accuracy", "objective", "iterations"}, points});
    write_results(file, stored);
  }
  outcome.classifier = outcome.sweep.classifier;
  score(outcome, test, outcome.classifier.logits(test.x));
  return outcome;
}

Outcome Lab::probe(ImageModel& model, const std::string& name) {
  return probe(features(model, name, "train", Space::kTrunk), features(model, name, "test", Space::kTrunk),
               has_validation(name) ? &features(model, name, "validation", Space::kTrunk) : nullptr);
}

Outcome Lab::raw_pixel_probe(const std::string& name) {
  return probe(raw_pixels(name, "train"), raw_pixels(name, "test"),
               has_validation(name) ? &raw_pixels(name, "validation") : nullptr);
}

Interval Lab::majority(const std::string& name) {
  return majority_class(raw_pixels(name, "train").labels, raw_pixels(name, "test").labels);
}

void Lab::need_one_label(const std::string& name) {
  const Dataset& set = dataset(name, "test");
  if (!set.targets().empty())
    fail("data set " + name, "several labels a picture", "one", "zero_shot_vs_probe scores several");
  if (!set.clips().empty())
    fail("data set " + name, "frames of clips", "single pictures",
         "zero_shot_vs_probe and distribution_shift score clips");
}

std::vector<std::string> Lab::datasets_of(const std::string& study) const {
  const auto& own = options_.list(study + ".datasets");
  return own.empty() ? options_.list("eval.datasets") : own;
}

std::vector<std::string> Lab::extra_datasets(const std::string& study) const {
  const auto& scored = options_.list("eval.datasets");
  std::vector<std::string> names = options_.list(study + ".extra_datasets");
  std::erase_if(names,
                [&](const std::string& name) { return std::find(scored.begin(), scored.end(), name) != scored.end(); });
  return names;
}

std::vector<std::string> Lab::one_label_datasets() {
  std::vector<std::string> names;
  for (const std::string& name : options_.list("eval.datasets")) try {
      need_one_label(name);
      names.push_back(name);
    } catch (const InputError& error) {
      if (options_.text("data.absent") != "leave-out") throw;
      say(std::string("left out of this study: ") + error.what());
    }
  return names;
}

std::pair<std::string, Interval> Lab::own_metric(const std::string& name, const Outcome& outcome) const {
  const auto set = find_published_set(name);
  const std::string metric = !outcome.clips.empty()     ? "mean of pm-0 and pm-10"
                             : !outcome.targets.empty() ? "11-point mAP"
                             : set                      ? set->metric
                                                        : "accuracy";
  return {record_name(metric), score_named(metric, outcome.logits, {outcome.labels, outcome.targets, outcome.clips})};
}

void Lab::record(Record record, const Interval& interval) {
  record.value = interval.value, record.ci_low = interval.low, record.ci_high = interval.high, record.n = interval.n;
  results_.records.push_back(std::move(record));
}

}  // namespace cliplab
