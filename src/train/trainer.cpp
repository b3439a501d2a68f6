// The training loop: batches, forward, backward, AdamW, checkpoints. What decides the weights is in TrainConfig::key();
// batches are a function of the step, so a checkpoint is the weights, the moments, the step and the curve so far.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

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
#include "train/comm.hpp"
#include "train/loss.hpp"
#include "train/optimizer.hpp"
#include "train/step.hpp"
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
  Trainer(const TrainConfig& config, const fs::path& folder, std::shared_ptr<Comm> comm)
      : config_(config), folder_(folder), comm_(std::move(comm)), architecture_(find_architecture(config.architecture)),
        model_(make_model()), optimizer_(parameters(), adamw_options(architecture_.family, config.weight_decay)), gradients_(model_, comm_, config.micro_batch) {}

  void run() {
    const auto corpus = open_pair_corpus(config_.corpus, "train"), held_out = open_pair_corpus(config_.corpus, "val");
    key_ = sha256_hex(config_.key() + corpus->id());
    const BatchSource train(*corpus, architecture_.resolution, architecture_.context_length, config_.batch, config_.seed);
    std::optional<BatchSource> val;
    if (writes()) val.emplace(*held_out, architecture_.resolution, architecture_.context_length,
                          std::min<std::int64_t>(256, held_out->size()), config_.seed);
    const Augment augment = parse_augment(config_.augment);
    if (writes()) resume();
    share_state();
    const Part part{comm_->rank(), comm_->size()};
    if (step_ > 0) say(fmt::format("{}: goes on from step {} of {}", config_.architecture, step_, config_.steps));

    Progress progress("train " + config_.architecture, config_.steps * config_.batch, "pairs");
    const std::int64_t log_every = std::max<std::int64_t>(1, config_.steps / 200), val_every = log_every * 10;
    auto last_save = Clock::now(), last_log = Clock::now();
    double loss_sum = 0;
    std::int64_t loss_count = 0, logged_at = step_;
    while (step_ < config_.steps) {
      if (anyone_stops()) {
        save_checkpoint();
        comm_->barrier();
        agreed_ = true;
        throw Interrupted(fmt::format("training stopped at step {} of {}; the same command goes on from there", step_, config_.steps));
      }
      const Batch batch = train.make(step_, augment, part);
      const double rate = scheduled_rate(step_, config_.steps, config_.warmup_steps, config_.learning_rate);
      const double value = gradients_.run(pairs_of(batch));
      if (!std::isfinite(value)) stop_on_bad_loss(train, batch, value);
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
        const double val_loss = validate && writes() ? gradients_.evaluate(pairs_of(val->make(0, Augment::kNone))) : std::nan("");
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
    if (writes()) finish(*corpus);
    comm_->barrier();
  }

  /// Is the error on its way one that all ranks throw?
  bool agreed() const { return agreed_; }

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

  /// Rank 0 reads and writes the folder; the others only compute.
  bool writes() const { return comm_->rank() == 0; }

  /// Has a signal reached any rank? Asked by all at the same step.
  bool anyone_stops() {
    if (comm_->size() == 1) return stop_requested();
    Tensor stops = torch::full({1}, stop_requested() ? 1 : 0, torch::TensorOptions(torch::kInt64).device(comm_->device()));
    comm_->all_reduce(stops);
    return stops.item<std::int64_t>() > 0;
  }

  /// The others start from what rank 0 has.
  void share_state() {
    if (comm_->size() == 1) return;
    const torch::NoGradGuard no_grad;
    Tensor place = torch::tensor({double(step_), seconds_}, torch::kFloat64).to(comm_->device());
    comm_->broadcast(place);
    place = place.to(torch::kCPU);
    step_ = static_cast<std::int64_t>(place[0].item<double>()), seconds_ = place[1].item<double>();
    const auto share = [&](std::map<std::string, Tensor> tensors) {
      for (auto& [name, value] : tensors) {
        Tensor sent = value.contiguous();  // in one order of elements, whatever the layout
        comm_->broadcast(sent);
        if (!sent.is_same(value)) value.copy_(sent);
      }
    };
    share(named_state(*model_)), share(optimizer_.first_moments()), share(optimizer_.second_moments());
  }

  LocalPairs pairs_of(const Batch& batch) const {
    static const NormalizeTable table = make_normalize_table(Normalization{}.mean, Normalization{}.std);
    const std::int64_t side = architecture_.resolution, area = side * side * 3;
    return {batch.tokens, [&batch, side, area](std::int64_t begin, std::int64_t count) {
              Tensor pixels = torch::empty({count, 3, side, side});
              float* out = pixels.data_ptr<float>();
              parallel_for(count, [&](std::int64_t i) { normalize_cpu(batch.pixels.data() + (begin + i) * area, 1, side, table, out + i * area); });
              return pixels;
            }};
  }

  double gradient_norm() {
    double sum = 0;
    for (const Tensor& parameter : model_->parameters())
      if (parameter.grad().defined()) sum += parameter.grad().square().sum().item<double>();
    return std::sqrt(sum);
  }

  [[noreturn]] void stop_on_bad_loss(const BatchSource& source, const Batch& batch, double value) {
    comm_->barrier();
    agreed_ = true;
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(5, batch.pairs.size()); ++i) names += " " + source.key(batch.pairs[i]);
    fail("training " + config_.architecture, fmt::format("loss {} at step {} (pairs{} ...)", value, step_, names),
         "a finite loss", "lower train.lr; the last checkpoint is kept in " + folder_.string());
  }

  fs::path checkpoint_file() const { return folder_ / "checkpoint.safetensors"; }

  void save_checkpoint() {
    if (!writes()) return;
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
    results.provenance = {{"corpus", corpus.id()}, {"corpus_pairs", std::to_string(corpus.size())}, {"torch", TORCH_VERSION}, {"threads", std::to_string(num_threads())},
                          {"ranks", std::to_string(comm_->size())}};
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
  std::shared_ptr<Comm> comm_;
  Architecture architecture_;
  Clip model_;
  AdamW optimizer_;
  GradientStep gradients_;
  std::string key_, shown_;
  std::vector<double> curve_;  // rows of kCurve
  std::int64_t step_ = 0;
  double seconds_ = 0;  // of training, without interruptions
  bool agreed_ = false;
};

}  // namespace

std::string TrainConfig::key() const {
  const std::string parts = micro_batch > 0 ? fmt::format("micro_batch = {}\n", micro_batch) : "";
  return fmt::format("architecture = {}\ncorpus = {}\nseed = {}\nsteps = {}\nbatch = {}\nlr = {}\nwarmup = {}\nweight_decay = {}\n"
                     "precision = {}\naugment = {}\nrecipe = 2\n",
                     architecture, corpus, seed, steps, batch, learning_rate, warmup_steps, weight_decay, precision, augment) + parts;
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

fs::path train_clip(const TrainConfig& config, const fs::path& models, const Ranks& ranks) {
  Comm& comm = *ranks.comm();
  const fs::path folder = training_folder(config, models);
  std::optional<Trainer> trainer;
  try {
    if (config.batch % comm.size() != 0)
      fail("train.batch", std::to_string(config.batch) + " on " + std::to_string(comm.size()) + " ranks", "a multiple of the ranks");
    std::optional<FileLock> lock;
    Tensor done = torch::zeros({1}, torch::TensorOptions(torch::kInt64).device(comm.device()));
    if (comm.rank() == 0) {
      fs::create_directories(folder);
      lock.emplace(folder / ".lock");
      done.fill_(trained_model(config, models).empty() ? 0 : 1);
    }
    comm.broadcast(done);
    if (done.item<std::int64_t>() == 0) trainer.emplace(config, folder, ranks.comm()).run();
  } catch (const std::exception& error) {
    if (!trainer || !trainer->agreed()) ranks.abort(error.what());
    throw;
  }
  return folder / "model.safetensors";
}

}  // namespace cliplab
