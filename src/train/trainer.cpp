// The training loop: batches, forward, backward, AdamW, checkpoints. What decides the weights is in TrainConfig::key().
#include <fmt/format.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "kernels/normalize.hpp"
#include "model/family.hpp"
#include "model/files/weights.hpp"
#include "pixels/preprocess.hpp"
#include "sets/loader.hpp"
#include "sets/set_ref.hpp"
#include "store/results.hpp"
#include "train/batches.hpp"
#include "train/checkpoint.hpp"
#include "train/comm/comm.hpp"
#include "train/config.hpp"
#include "train/curve.hpp"
#include "train/objectives/loss.hpp"
#include "train/shard_source.hpp"
#include "train/start.hpp"
#include "train/step.hpp"
#include "train/train.hpp"

namespace cliplab {
namespace {

using torch::Tensor;
namespace fs = std::filesystem;

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

Architecture with_objective(Architecture architecture, const std::string& objective) {
  architecture.objective = find_objective(objective).name();
  return architecture;
}

class Trainer {
 public:
  Trainer(const TrainConfig& config, const fs::path& folder, std::shared_ptr<Comm> comm, const TrainWatch& watch)
      : config_(config),
        folder_(folder),
        comm_(std::move(comm)),
        watch_(watch),
        architecture_(with_objective(find_architecture(config.architecture), config.objective)),
        model_(make_model()),
        optimizer_(parameters(), adamw_options(architecture_.family, config.weight_decay)),
        gradients_(model_, comm_, config.micro_batch) {
    state_.model = named_state(*model_), state_.optimizer = &optimizer_;
    state_.watched_names = watch_.names;
    if (config.precision == "fp16") state_.scaler = LossScaler::for_fp16();
  }

  void run() {
    const std::string corpus_id = SetRef::parse(config_.corpus).id("train");
    training_ = config_.key() + "corpus_id = " + corpus_id + "\n";
    const Augment augment = parse_augment(config_.augment);
    const Part part{comm_->rank(), comm_->size()};
    open_pairs(augment, part);
    if (writes() && fs::exists(checkpoint_file()))
      state_.load(checkpoint_file(), training_);
    else if (writes() && !config_.init.empty())
      start_from(config_.init, model_);
    state_.share(*comm_);
    if (shards_ && state_.step > 0) shards_->go_to(state_.place);
    if (writes()) curve_.emplace(folder_, watch_.names, state_);
    std::int64_t& step = state_.step;
    if (step > 0) say(fmt::format("{}: goes on from step {} of {}", config_.architecture, step, config_.steps));

    Progress progress("train " + config_.architecture, config_.steps * config_.batch, "pairs");
    const std::int64_t log_every = std::max<std::int64_t>(1, config_.steps / 200), val_every = log_every * 10;
    const std::vector<std::int64_t> halvings = snapshot_steps(config_);
    auto last_save = Clock::now(), last_log = Clock::now();
    double data_seconds = 0;
    std::int64_t logged_at = step;
    while (step < config_.steps) {
      last_log += look(corpus_id);
      if (anyone_stops()) {
        save_checkpoint();
        comm_->barrier();
        agreed_ = true;
        throw Interrupted(
            fmt::format("training stopped at step {} of {}; the same command goes on from there", step, config_.steps));
      }
      if (seconds_since(last_save) >= static_cast<double>(config_.checkpoint_seconds)) {
        save_checkpoint();
        last_save = Clock::now();
      }
      const auto begin = Clock::now();
      Batch batch = shards_ ? shards_->next() : pairs_->make(step, augment, part);
      drop_words(batch.tokens, config_.word_dropout, config_.seed, step, config_.batch * part.rank / part.ranks);
      data_seconds += seconds_since(begin);
      const double rate = scheduled_rate(step, config_.steps, config_.warmup_steps, config_.learning_rate);
      const auto [loss, norm] = gradients_.run(pairs_of(batch), state_.scaler.scale);
      if (!std::isfinite(loss))
        stop_at_batch(batch, fmt::format("loss {}", std::abs(loss)), "a finite loss");  // abs: no "-nan"
      update(batch, norm, rate);
      ++step;
      state_.loss_sum += loss, ++state_.loss_count;
      if (writes() && std::ranges::find(halvings, step) != halvings.end())
        keep_model(snapshot_file(folder_, step), corpus_id);
      if (step % log_every == 0 || step == config_.steps) {
        const bool validate = held_out_ && (step % val_every == 0 || step == config_.steps);
        const double seconds = seconds_since(last_log), mean = state_.loss_sum / static_cast<double>(state_.loss_count);
        state_.seconds += seconds;
        const double val_loss =
            validate ? gradients_.evaluate(pairs_of(held_out_->make(0, Augment::kNone))) : std::nan("");
        const double scale = std::exp(model_->logit_scale.item<double>());
        for (const double x : {double(step), double(step * config_.batch), mean, val_loss, rate, scale, norm,
                               static_cast<double>((step - logged_at) * config_.batch) / seconds, state_.seconds,
                               data_seconds / seconds, peak_memory_mb()})
          state_.curve.push_back(x);
        if (writes()) curve_->show_row(state_.curve.size() - kCurve.size());
        shown_ = fmt::format("loss {:.2f}{} scale {:.0f} gradient {:.2g}", mean,
                             validate ? fmt::format(" val {:.2f}", val_loss) : "", scale, norm);
        state_.loss_sum = 0, state_.loss_count = 0, data_seconds = 0, last_log = Clock::now(), logged_at = step;
      }
      progress.update(step * config_.batch, shown_);
    }
    look(corpus_id);
    if (writes()) finish(corpus_id);
    comm_->barrier();
  }

  /// True if every rank is throwing the current exception.
  bool agreed() const { return agreed_; }

 private:
  Clip make_model() {
    at::set_num_threads(num_threads());
    torch::manual_seed(config_.seed);
    Clip model(architecture_);
    model->to(comm_->device());
    model->set_compute_type(config_.precision == "bf16"   ? torch::kBFloat16
                            : config_.precision == "fp16" ? torch::kFloat16
                                                          : torch::kFloat32);
    model->set_recompute(config_.recompute);
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

  /// A corpus in memory with its held-out part, or shards, which have none.
  void open_pairs(Augment augment, Part part) {
    const SetRef pairs = SetRef::parse(config_.corpus);
    if (pairs.kind() == SetKind::kShards) {
      shards_.emplace(ShardSourceOptions{expand_shards(config_.corpus), static_cast<int>(architecture_.resolution),
                                         static_cast<int>(architecture_.context_length), config_.batch, config_.streams,
                                         config_.seed, augment, part, tokenizer_});
      state_.place = shards_->position();
      return;
    }
    const auto open = [&](const std::string& split, std::int64_t at_most) {
      const auto corpus = cliplab::open_pairs(pairs, split);
      const std::int64_t batch = at_most > 0 ? std::min(at_most, corpus->size()) : config_.batch;
      return std::make_unique<BatchSource>(*corpus, architecture_.resolution, architecture_.context_length, batch,
                                           config_.seed, augment, *tokenizer_);
    };
    pairs_ = open("train", 0);
    if (writes()) held_out_ = open("val", 256);
  }

  /// Has a signal reached any rank? All ranks ask at the same step; rank 0 also gets every rank's position in the
  /// shards.
  bool anyone_stops() {
    std::vector<double> numbers{stop_requested() ? 1.0 : 0.0};
    if (shards_) {
      const auto mine = shards_->position();
      numbers.insert(numbers.end(), mine.begin(), mine.end());
    }
    if (comm_->size() > 1) {
      Tensor sums = torch::tensor(numbers, torch::kFloat64).to(comm_->device());
      comm_->all_reduce(sums);
      sums = sums.to(torch::kCPU);
      numbers.assign(sums.data_ptr<double>(), sums.data_ptr<double>() + sums.numel());
    }
    state_.place.assign(numbers.begin() + 1, numbers.end());
    return numbers[0] > 0;
  }

  LocalPairs pairs_of(const Batch& batch) const {
    static const NormalizeTable table = make_normalize_table(Normalization{}.mean, Normalization{}.std);
    const std::int64_t side = architecture_.resolution, area = side * side * 3;
    return {batch.tokens, [&batch, side, area](std::int64_t begin, std::int64_t count) {
              Tensor pixels = torch::empty({count, 3, side, side});
              float* out = pixels.data_ptr<float>();
              parallel_for(count, [&](std::int64_t i) {
                normalize_cpu(batch.pixels.data() + (begin + i) * area, 1, side, table, out + i * area);
              });
              return pixels;
            }};
  }

  /// One step of AdamW; under fp16 none where a gradient is not finite, and the loss is scaled less from then on.
  void update(const Batch& batch, double norm, double rate) {
    const bool finite = std::isfinite(norm);
    if (!finite && (!state_.scaler.in_use() || state_.scaler.scale <= 2))
      stop_at_batch(batch, fmt::format("a gradient norm of {}", std::abs(norm)), "a finite gradient");
    if (finite) {
      optimizer_.step(++state_.updates, rate);
      clamp_logit_scale(model_->logit_scale);
    } else {
      optimizer_.clear();
    }
    if (state_.scaler.in_use()) state_.scaler.update(finite);
  }

  /// All ranks know of it, by sums over all: rank 0 writes the pairs down (of shards each rank its own), then each
  /// throws.
  [[noreturn]] void stop_at_batch(const Batch& batch, const std::string& found, const std::string& expected) {
    const bool own = shards_.has_value();
    const fs::path list = folder_ / (writes() ? "bad_batch.txt" : fmt::format("bad_batch.{}.txt", comm_->rank()));
    std::vector<std::string> keys = batch.keys;
    if (!own)
      for (const std::int64_t pair : pairs_->make(state_.step, Augment::kNone).pairs) keys.push_back(pairs_->key(pair));
    std::string first, all;
    for (std::size_t i = 0; i < keys.size(); ++i) all += keys[i] + "\n", first += i < 5 ? " " + keys[i] : "";
    if (writes() || own) write_file_atomically(list, all);
    comm_->barrier();
    agreed_ = true;
    fail("training " + config_.architecture,
         fmt::format("{} at step {} (pairs{} ..., all in {})", found, state_.step, first, list.string()), expected,
         "lower train.lr; the last checkpoint is kept");
  }

  /// Measures what is watched, where a step is one of its times and has not been measured before -> how long that took.
  Clock::duration look(const std::string& corpus_id) {
    const auto begin = Clock::now();
    const auto width = watch_.names.size() + 1;
    const std::int64_t step = state_.step, steps = config_.steps, times = std::min<std::int64_t>(watch_.times, steps);
    if (!writes() || watch_.names.empty() || step == 0 || step * times / steps == (step - 1) * times / steps) return {};
    if (!state_.watched.empty() && state_.watched[state_.watched.size() - width] == static_cast<double>(step))
      return {};
    std::vector<double> values;
    const fs::path file = folder_ / "watched.safetensors";
    keep_model(file, corpus_id);
    try {
      values = watch_.measure(file);
    } catch (const Interrupted&) {
    }  // the loop sees the signal too, and saves
    fs::remove(file);
    if (values.empty()) return {};
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i)
      text += fmt::format("{} {} {:.1f} %", i ? "," : "", watch_.names[i], 100 * values[i]);
    say(fmt::format("{} at step {}:{}", config_.architecture, step, text));
    state_.watched.push_back(static_cast<double>(step));
    state_.watched.insert(state_.watched.end(), values.begin(), values.end());
    curve_->show_watched(state_.watched.size() - width);
    return Clock::now() - begin;
  }

  fs::path checkpoint_file() const { return folder_ / "checkpoint.safetensors"; }

  void save_checkpoint() {
    if (writes()) state_.save(checkpoint_file(), training_);
  }

  void keep_model(const fs::path& file, const std::string& corpus_id) {
    save_model(file, model_,
               {{"training", config_.key()},
                {"corpus", corpus_id},
                {"pairs_seen", std::to_string(state_.step * config_.batch)}});
  }

  void finish(const std::string& corpus_id) {
    Results results;
    results.experiment = "train";
    results.config = config_.key();
    results.provenance = {{"corpus", corpus_id},
                          {"torch", TORCH_VERSION},
                          {"threads", std::to_string(num_threads())},
                          {"ranks", std::to_string(comm_->size())}};
    if (shards_) results.provenance["bad_samples"] = std::to_string(shards_->bad());
    if (shards_ && shards_->bad() > 0)
      say(fmt::format("{} bad samples of {} left out", shards_->bad(), config_.corpus));
    if (pairs_) results.provenance["corpus_pairs"] = std::to_string(pairs_->size());
    const std::vector<double>& curve = state_.curve;
    const auto rows = static_cast<Eigen::Index>(curve.size() / kCurve.size());
    results.arrays.push_back({"curve", kCurve, Eigen::Map<const MatrixD>(curve.data(), rows, std::ssize(kCurve))});
    if (std::vector<std::string> names = watch_.names; !names.empty()) {
      names.insert(names.begin(), "step");
      results.arrays.push_back(
          {"watched", names,
           Eigen::Map<const MatrixD>(state_.watched.data(), std::ssize(state_.watched) / std::ssize(names),
                                     std::ssize(names))});
    }
    const double *last = curve.data() + curve.size() - kCurve.size(), loss = last[2], val_loss = last[3];
    const std::int64_t pairs = config_.steps * config_.batch;
    const auto record = [&](const std::string& split, const std::string& metric, double value, std::int64_t n) {
      results.records.push_back({config_.corpus,
                                 split,
                                 config_.architecture,
                                 "train",
                                 metric,
                                 {{"batch", std::to_string(config_.batch)}},
                                 unit_of(metric),
                                 value,
                                 value,
                                 value,
                                 n});
    };
    record("train", "loss", loss, config_.batch);
    if (held_out_) record("val", "loss", val_loss, config_.batch);
    record("train", "pairs_per_second", static_cast<double>(pairs) / state_.seconds, pairs);
    write_results(folder_ / "train.h5", results);
    keep_model(folder_ / "model.safetensors", corpus_id);
    fs::remove(checkpoint_file());
  }

  TrainConfig config_;
  fs::path folder_;
  std::shared_ptr<Comm> comm_;
  const TrainWatch& watch_;
  Architecture architecture_;
  std::shared_ptr<const TextTokenizer> tokenizer_ =
      find_family(architecture_.family).make_tokenizer(TokenizerRules::kOpenClip);
  Clip model_;
  AdamW optimizer_;
  GradientStep gradients_;
  std::unique_ptr<BatchSource> pairs_, held_out_;  // in memory; the latter on rank 0
  std::optional<ShardSource> shards_;              // or read as they come
  TrainingState state_;                            // its curve: rows of kCurve
  std::string training_, shown_;
  std::optional<TensorBoardCurve> curve_;
  bool agreed_ = false;
};

}  // namespace

fs::path train_clip(const TrainConfig& config, const fs::path& models, const Ranks& ranks, const TrainWatch& watch) {
  Comm& comm = *ranks.comm();
  const fs::path folder = training_folder(config, models);
  std::optional<Trainer> trainer;
  try {
    if (config.batch % comm.size() != 0)
      fail("train.batch", std::to_string(config.batch) + " on " + std::to_string(comm.size()) + " ranks",
           "a multiple of the ranks");
    std::optional<FileLock> lock;
    Tensor done = torch::zeros({1}, torch::TensorOptions(torch::kInt64).device(comm.device()));
    if (comm.rank() == 0) {
      fs::create_directories(folder);
      lock.emplace(folder / ".lock");
      done.fill_(trained_model(config, models).empty() ? 0 : 1);
    }
    comm.broadcast(done);
    if (done.item<std::int64_t>() == 0) trainer.emplace(config, folder, ranks.comm(), watch).run();
  } catch (const std::exception& error) {
    if (!trainer || !trainer->agreed()) ranks.abort(error.what());
    throw;
  }
  return folder / "model.safetensors";
}

}  // namespace cliplab
