// The training loop: batches, forward, backward, AdamW, checkpoints. What decides the weights is in TrainConfig::key();
// batches are a function of the step, so a checkpoint is the weights, the moments, the step and the curve so far.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "data/preprocess.hpp"
#include "io/results.hpp"
#include "kernels/normalize.hpp"
#include "model/weights.hpp"
#include "train/batches.hpp"
#include "train/loss.hpp"
#include "train/optimizer.hpp"
#include "train/train.hpp"

namespace cliplab {
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

const std::vector<std::string> kCurve{"step", "pairs", "loss", "val_loss", "learning_rate", "logit_scale", "grad_norm",
                                      "pairs_per_second", "seconds"};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Trainer {
 public:
  Trainer(const TrainConfig& config, const fs::path& folder)
      : config_(config), folder_(folder), architecture_(find_architecture(config.architecture)), model_(make_model()),
        optimizer_(parameters(), optimizer_options()) {}

  void run() {
    const auto corpus = open_pair_corpus(config_.corpus, "train"), held_out = open_pair_corpus(config_.corpus, "val");
    key_ = sha256_hex(config_.key() + corpus->id());
    const Augment augment = parse_augment(config_.augment);
    const BatchSource train(*corpus, architecture_.resolution, architecture_.context_length, config_.batch, config_.seed, augment);
    const BatchSource val(*held_out, architecture_.resolution, architecture_.context_length,
                          std::min<std::int64_t>(256, held_out->size()), config_.seed, augment);
    resume();
    if (step_ > 0) say(fmt::format("{}: goes on from step {} of {}", config_.architecture, step_, config_.steps));

    Progress progress("train " + config_.architecture, config_.steps * config_.batch, "pairs");
    const std::int64_t log_every = std::max<std::int64_t>(1, config_.steps / 200), val_every = log_every * 10;
    auto last_save = Clock::now(), last_log = Clock::now();
    double loss_sum = 0;
    std::int64_t loss_count = 0, logged_at = step_;
    while (step_ < config_.steps) {
      if (stop_requested()) {
        save_checkpoint();
        throw Interrupted(fmt::format("training stopped at step {} of {}; the same command goes on from there", step_, config_.steps));
      }
      const Batch batch = train.make(step_, augment);
      const double rate = scheduled_rate(step_, config_.steps, config_.warmup_steps, config_.learning_rate);
      Tensor loss = loss_of(batch);
      const double value = loss.item<double>();
      if (!std::isfinite(value)) stop_on_bad_loss(train, batch, value);
      loss.backward();
      ++step_;
      const bool log = step_ % log_every == 0 || step_ == config_.steps;
      const double norm = log ? gradient_norm() : 0;
      optimizer_.step(step_, rate);
      clamp_logit_scale(model_->logit_scale);
      loss_sum += value, ++loss_count;
      if (log) {
        const bool validate = step_ % val_every == 0 || step_ == config_.steps;
        const double pace = static_cast<double>((step_ - logged_at) * config_.batch) / seconds_since(last_log);
        seconds_ += seconds_since(last_log);
        const double val_loss = validate ? validation_loss(val) : std::nan("");
        for (const double x : {double(step_), double(step_ * config_.batch), loss_sum / loss_count, val_loss, rate,
                               std::exp(model_->logit_scale.item<double>()), norm, pace, seconds_})
          curve_.push_back(x);
        shown_ = fmt::format("loss {:.2f}{} scale {:.0f}", loss_sum / loss_count,
                             validate ? fmt::format(" val {:.2f}", val_loss) : "", curve_[curve_.size() - 4]);
        loss_sum = 0, loss_count = 0, last_log = Clock::now(), logged_at = step_;
      }
      progress.update(step_ * config_.batch, shown_);
      if (seconds_since(last_save) >= static_cast<double>(config_.checkpoint_seconds)) {
        save_checkpoint();
        last_save = Clock::now();
      }
    }
    finish(*corpus);
  }

 private:
  Clip make_model() {
    at::set_num_threads(num_threads());
    torch::manual_seed(config_.seed);
    Clip model(architecture_);
    model->set_compute_type(config_.precision == "bf16" ? torch::kBFloat16 : torch::kFloat32);
    model->train();
    return model;
  }

  std::map<std::string, Tensor> parameters() {
    std::map<std::string, Tensor> named;
    for (auto& item : model_->named_parameters()) named[item.key()] = item.value();
    return named;
  }

  AdamWOptions optimizer_options() const {
    AdamWOptions options;
    if (architecture_.family == "resnet") options.beta2 = 0.999, options.eps = 1e-8;
    options.weight_decay = config_.weight_decay;
    return options;
  }

  Tensor pixels_of(const Batch& batch) const {
    static const NormalizeTable table = make_normalize_table(Normalization{}.mean, Normalization{}.std);
    const std::int64_t side = architecture_.resolution, area = side * side * 3, count = std::ssize(batch.pairs);
    Tensor pixels = torch::empty({count, 3, side, side});
    float* out = pixels.data_ptr<float>();
    parallel_for(count, [&](std::int64_t i) { normalize_cpu(batch.pixels.data() + i * area, 1, side, table, out + i * area); });
    return pixels;
  }

  /// Captions sorted by length and encoded in four groups, each cut to its own longest: exact under the causal mask,
  /// and most captions are short. -> [B, E] in the batch's order.
  Tensor encode_captions(const Batch& batch) {
    const std::int64_t B = std::ssize(batch.tokens), groups = B >= 64 ? 4 : 1;
    std::vector<std::int64_t> order(B), place(B);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return batch.tokens[a].size() < batch.tokens[b].size(); });
    for (std::int64_t i = 0; i < B; ++i) place[order[i]] = i;
    std::vector<Tensor> parts;
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t begin = B * g / groups, end = B * (g + 1) / groups;
      Tensor ids = torch::zeros({end - begin, std::ssize(batch.tokens[order[end - 1]])}, torch::kInt64);
      auto rows = ids.accessor<std::int64_t, 2>();
      for (std::int64_t i = begin; i < end; ++i)
        for (std::size_t t = 0; t < batch.tokens[order[i]].size(); ++t) rows[i - begin][t] = batch.tokens[order[i]][t];
      parts.push_back(model_->encode_text(ids));
    }
    return torch::cat(parts, 0).index_select(0, torch::tensor(place, torch::kInt64));
  }

  Tensor loss_of(const Batch& batch) {
    return contrastive_loss(model_->encode_image(pixels_of(batch)), encode_captions(batch), model_->logit_scale);
  }

  double validation_loss(const BatchSource& val) {
    const torch::NoGradGuard no_grad;
    model_->eval();
    const double loss = loss_of(val.make(0, Augment::kNone)).item<double>();
    model_->train();
    return loss;
  }

  double gradient_norm() {
    double sum = 0;
    for (const Tensor& parameter : model_->parameters())
      if (parameter.grad().defined()) sum += parameter.grad().square().sum().item<double>();
    return std::sqrt(sum);
  }

  [[noreturn]] void stop_on_bad_loss(const BatchSource& source, const Batch& batch, double value) {
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(5, batch.pairs.size()); ++i) names += " " + source.key(batch.pairs[i]);
    fail("training " + config_.architecture, fmt::format("loss {} at step {} (pairs{} ...)", value, step_, names),
         "a finite loss", "lower train.lr; the last checkpoint is kept in " + folder_.string());
  }

  fs::path checkpoint_file() const { return folder_ / "checkpoint.safetensors"; }

  void save_checkpoint() {
    std::map<std::string, Tensor> kept;
    const auto keep = [&](const std::string& prefix, const std::map<std::string, Tensor>& from) {
      for (const auto& [name, value] : from) kept[prefix + name] = value.detach().contiguous();
    };
    keep("model.", named_state(*model_)), keep("m.", optimizer_.first_moments()), keep("v.", optimizer_.second_moments());
    kept["curve"] = torch::tensor(curve_, torch::kFloat64);
    std::map<std::string, TensorBytes> tensors;
    for (const auto& [name, value] : kept) tensors[name] = bytes_of(value);
    write_safetensors(checkpoint_file(), tensors, {{"key", key_}, {"step", std::to_string(step_)}, {"seconds", fmt::format("{}", seconds_)}});
  }

  void resume() {
    if (!fs::exists(checkpoint_file())) return;
    const std::string where = checkpoint_file().string();
    const SafetensorsFile file(where);
    const auto field = [&](const std::string& name) {
      const auto found = file.metadata().find(name);
      if (found == file.metadata().end()) fail(where, "no '" + name + "'", "a checkpoint of cliplab", "delete it to start again");
      return found->second;
    };
    if (field("key") != key_) fail(where, "a checkpoint of another configuration or corpus", "this one's", "delete it to start again");
    auto state = named_state(*model_);
    load_state(file.tensors(), "model.", state, where);
    load_state(file.tensors(), "m.", optimizer_.first_moments(), where);
    load_state(file.tensors(), "v.", optimizer_.second_moments(), where);
    if (!file.tensors().contains("curve")) fail(where, "no curve", "a checkpoint of cliplab", "delete it to start again");
    const Tensor curve = tensor_of(file.tensors().at("curve"));
    curve_.assign(curve.data_ptr<double>(), curve.data_ptr<double>() + curve.numel());
    step_ = std::stoll(field("step")), seconds_ = std::stod(field("seconds"));
  }

  void finish(const PairCorpus& corpus) {
    Results results;
    results.experiment = "train";
    results.config = config_.key();
    results.provenance = {{"corpus", corpus.id()}, {"corpus_pairs", std::to_string(corpus.size())}, {"torch", TORCH_VERSION}, {"threads", std::to_string(num_threads())}};
    const auto rows = static_cast<Eigen::Index>(curve_.size() / kCurve.size());
    results.arrays.push_back({"curve", kCurve, Eigen::Map<const MatrixD>(curve_.data(), rows, std::ssize(kCurve))});
    const double loss = curve_[curve_.size() - 7], val_loss = curve_[curve_.size() - 6];
    const std::int64_t pairs = config_.steps * config_.batch;
    const auto record = [&](const std::string& split, const std::string& metric, double value, std::int64_t n) {
      results.records.push_back({config_.corpus, split, config_.architecture, "train", metric,
                                 fmt::format("batch={}", config_.batch), value, value, value, n});
    };
    record("train", "loss", loss, config_.batch);
    record("val", "loss", val_loss, config_.batch);
    record("train", "pairs_per_second", static_cast<double>(pairs) / seconds_, pairs);
    write_results(folder_ / "train.h5", results);
    save_model(folder_ / "model.safetensors", model_, {{"training", config_.key()}, {"corpus", corpus.id()}});
    fs::remove(checkpoint_file());
  }

  TrainConfig config_;
  fs::path folder_;
  Architecture architecture_;
  Clip model_;
  AdamW optimizer_;
  std::string key_, shown_;
  std::vector<double> curve_;  // rows of kCurve
  std::int64_t step_ = 0;
  double seconds_ = 0;  // of training, without interruptions
};

}  // namespace

std::string TrainConfig::key() const {
  return fmt::format("architecture = {}\ncorpus = {}\nseed = {}\nsteps = {}\nbatch = {}\nlr = {}\nwarmup = {}\nweight_decay = {}\n"
                     "precision = {}\naugment = {}\nrecipe = 2\n",
                     architecture, corpus, seed, steps, batch, learning_rate, warmup_steps, weight_decay, precision,
                     augment == "crop" ? "crop of the short side" : augment);
}

fs::path training_folder(const TrainConfig& config, const fs::path& models) {
  const Architecture& architecture = find_architecture(config.architecture);
  std::string name = architecture.name;
  std::replace(name.begin(), name.end(), '/', '-');
  return models / (name + "-" + sha256_hex(config.key() + pair_corpus_id(config.corpus, "train")).substr(0, 12));
}

fs::path trained_model(const TrainConfig& config, const fs::path& models) {
  const fs::path file = training_folder(config, models) / "model.safetensors";
  return fs::exists(file) ? file : fs::path();
}

fs::path train_clip(const TrainConfig& config, const fs::path& models) {
  const fs::path folder = training_folder(config, models);
  fs::create_directories(folder);
  const FileLock lock(folder / ".lock");
  if (fs::path done = trained_model(config, models); !done.empty()) return done;
  Trainer(config, folder).run();
  return folder / "model.safetensors";
}

}  // namespace cliplab
