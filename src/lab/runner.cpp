// The order of a run: plan, built sets, models, studies. Each is skipped if its result exists under the same key.
#include "lab/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "corpora/corpus.hpp"
#include "lab/baselines.hpp"
#include "lab/experiment.hpp"
#include "lab/model_options.hpp"
#include "lab/provenance.hpp"
#include "lab/training.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr int kResultsEpoch = 7;  // changes when the studies of an unchanged config would record something else

void check_values(const Options& options) {
  if (options.list("studies").empty()) fail("studies", "an empty list", "at least one study", "./cliplab list");
  for (const std::string& study : options.list("studies")) find_experiment(study);
  if (options.list("model.files").empty()) check_train_options(options);
  model_options(options);
}

bool leaves_out(const Options& options) { return options.text("data.absent") == "leave-out"; }

class Run {
 public:
  Run(const Options& options, std::string name, std::unique_ptr<Ranks> ranks)
      : options_(options), name_(std::move(name)), ranks_(std::move(ranks)), plan_(options) {}

  fs::path execute() {
    check_values(options_);
    for (const std::string& set : plan_.built_sets()) fetch_corpus(set);
    for (const std::string& baseline : options_.list("model.baselines")) obtain_baseline(baseline);
    plan_.settle(leaves_out(options_));
    name_gaps();
    if (plan_.studies().empty())
      fail("studies", "none of their data sets is present", "at least one", "./cliplab data list shows what is known");
    folder_ = root_ / "results/runs" / (name_ + "-" + sha256_hex(key()).substr(0, 8));
    if (ranks_->rank() > 0) {
      find_models();
      return {};
    }
    fs::create_directories(folder_);
    const FileLock lock(folder_ / ".lock");
    find_models();
    ranks_.reset();  // the studies belong to this process alone
    std::vector<std::string> failed;
    for (const std::string& study : options_.list("studies"))
      if (const std::string reason = run_study(study); !reason.empty()) failed.push_back(study + " (" + reason + ")");
    if (!failed.empty())
      fail("run", "studies that are not complete: " + joined(failed), "all of them",
           "what was measured is in " + folder_.string());
    return folder_;
  }

 private:
  std::string key() const {
    return fmt::format("epoch {}\n", kResultsEpoch) + options_.resolved() +
           resolved_precision(options_.text("train.precision")) + "\n" + plan_.content();
  }

  void name_gaps() const {
    std::set<std::string> named;
    for (const PlannedGap& gap : plan_.gaps())
      if (named.insert(gap.item + gap.reason).second) say("left out: " + gap.item + ": " + gap.reason);
    if (!named.empty())
      say(std::to_string(named.size()) + " left out; ./cliplab data describe NAME says what a set should look like");
  }

  void find_models() {
    const std::vector<std::string>& given = options_.list("model.files");
    for (const std::string& file : given)  // several may be of one architecture
      model_files_.push_back({file, given.size() > 1 ? checkpoint_name(file) : "", plan_.model_sha256(file)});
    const std::string& init = options_.text("train.init");
    if (given.empty())
      model_files_ = train_models(options_, init.empty() ? "" : plan_.model_sha256(init), folder_, *ranks_);
  }

  /// Opens the models when the first study needs them: a run with nothing to do loads no model.
  Lab& lab() {
    if (lab_) return *lab_;
    Models::ClipModels models;
    ModelOptions options = model_options(options_);
    for (const auto& [file, name, sha256] : model_files_) {
      options.name = name, options.sha256 = sha256;
      for (const auto& other : models)
        if (other->info().name == options.name) options.name = file.string();
      models.push_back(open_clip_model(file, options));
    }
    options.name.clear(), options.sha256.clear();
    Models::Baselines baselines;
    for (const std::string& name : options_.list("model.baselines"))
      baselines.push_back(open_baseline_model(name, obtain_baseline(name), options));
    lab_ = std::make_unique<Lab>(options_, plan_, root_ / "results/features",
                                 Models(options_, std::move(models), std::move(baselines)));
    return *lab_;
  }

  /// True for a finished file of an earlier run of this key; the number of records that an unfinished one has.
  bool is_measured(const fs::path& file, std::size_t& records) const {
    records = 0;
    if (!fs::exists(file)) return false;
    try {
      const Results earlier = read_results(file);
      records = earlier.records.size();
      const auto complete = earlier.provenance.find("complete");
      return complete != earlier.provenance.end() && complete->second == "yes";
    } catch (const InputError& error) {
      say(std::string(error.what()) + ": measured again");
      return false;
    }
  }

  /// Why the study, or a set of it, failed; "" if it is complete.
  std::string run_study(const std::string& name) {
    const fs::path file = folder_ / (name + ".h5");
    std::size_t earlier_records = 0;
    if (is_measured(file, earlier_records)) {
      say(name + ": measured already (" + fs::relative(file, root_).string() + ")");
      return {};
    }
    const auto start = Clock::now();
    const auto save = [&](const Results& measured, bool complete) {
      Results results = measured;
      describe(results, name, seconds_since(start));
      results.provenance["complete"] = complete ? "yes" : "no";
      write_results(file, results);
    };
    const auto save_part = [&](const Results& measured) {
      if (measured.records.size() > earlier_records) save(measured, false);  // otherwise the file on disk has more
    };
    const std::vector<std::string>& planned = plan_.studies();
    if (std::find(planned.begin(), planned.end(), name) == planned.end()) {
      Recorder nothing;
      for (const PlannedGap& gap : plan_.gaps_of(name)) nothing.leave_out(gap.item, gap.reason);
      save(nothing.results(), true);
      return {};
    }
    say("study " + name + ": " + find_experiment(name).question);
    Lab& lab = this->lab();
    lab.start_study(Recorder(save_part));
    for (const PlannedGap& gap : plan_.gaps_of(name)) lab.recorder().leave_out(gap.item, gap.reason);
    try {
      find_experiment(name).experiment->run(lab);
    } catch (const InputError& error) {
      say("study " + name + " was not measured: " + error.what());
      lab.recorder().leave_out(name, error.what());
      if (lab.recorder().results().records.size() >= earlier_records) save(lab.recorder().results(), false);
      return error.what();
    }
    const std::vector<std::string> baselines = options_.list("model.baselines");
    if (!baselines.empty() && !lab.used_baselines())
      say(name + ": without " + joined(baselines) +
          ", which has no text tower: such encoders take part in probes only");
    std::string failed = lab.recorder().failed();
    save(lab.recorder().results(), failed.empty());
    say(fmt::format("{}: {} records in {}", name, lab.recorder().results().records.size(),
                    fs::relative(file, root_).string()));
    return failed;
  }

  /// Adds the provenance that every result file has.
  void describe(Results& results, const std::string& study, double seconds) {
    results.experiment = study;
    results.config = options_.resolved();
    results.provenance = provenance();
    results.provenance["run"] = folder_.filename().string();
    results.provenance["smoke"] = options_.flag("smoke") ? "yes" : "no";
    const std::int64_t limit = options_.integer("limit");
    results.provenance["limit"] = limit > 0 ? std::to_string(limit) : "no";
    results.provenance["seed"] = std::to_string(options_.integer("seed"));
    results.provenance["device"] = options_.text("model.device");
    results.provenance["precision"] = options_.text("model.precision");
    results.provenance["train precision"] = resolved_precision(options_.text("train.precision"));
    results.provenance["seconds"] = fmt::format("{:.1f}", seconds);
    for (const auto& [name, id] : plan_.provenance()) results.provenance[name] = id;
    if (!lab_) return;
    const bool used = lab_->used_baselines();
    std::vector<const ImageModel*> encoders;
    for (const auto& model : lab_->models()) encoders.push_back(model.get());
    if (used)
      for (const auto& baseline : lab_->baselines()) encoders.push_back(baseline.get());
    for (const ImageModel* model : encoders) {
      const std::string about = "model " + model->info().name;
      results.provenance[about] = model->info().weights_id;
      for (const auto& [fact, value] : model->info().origin) results.provenance[about + ": " + fact] = value;
    }
  }

  const Options& options_;
  std::string name_;
  const fs::path root_ = project_root();
  fs::path folder_;
  std::unique_ptr<Ranks> ranks_;
  Plan plan_;
  std::vector<ModelFile> model_files_;
  std::unique_ptr<Lab> lab_;
};

}  // namespace

Plan plan_run(const Options& options) {
  check_values(options);
  return Plan(options);
}

Plan check_run(const Options& options) {
  Plan plan = plan_run(options);
  plan.settle(leaves_out(options), true);
  ModelOptions opened = model_options(options);
  for (const std::string& file : options.list("model.files")) open_clip_model(file, opened);
  return plan;
}

fs::path execute_run(const Options& options, const std::string& name, std::unique_ptr<Ranks> ranks) {
  return Run(options, name, std::move(ranks)).execute();
}

std::string run_name(const fs::path& config) {
  const std::string parent = config.parent_path().filename().string();
  return parent == "experiments" || parent.empty() ? config.stem().string() : parent + "-" + config.stem().string();
}

}  // namespace cliplab
