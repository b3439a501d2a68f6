// Turns the words of the command line into configs, plans and runs.
#include "cli/run_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "base/error.hpp"
#include "lab/experiment.hpp"
#include "lab/run_options.hpp"
#include "lab/runner.hpp"
#include "lab/sweep.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

const char* text_of(Role role) {
  switch (role) {
    case Role::kTrainAndTest:
      return "data sets with classes; train and test splits";
    case Role::kTest:
      return "data sets with classes; test split";
    case Role::kShift:
      return "source>shift; the source's train and test splits, the shift's test split";
    case Role::kPairs:
      return "sets of pictures with captions";
    case Role::kTrainingPairs:
      return "pictures with captions, to train on";
    case Role::kReference:
      return "one of another key's sets";
    case Role::kFile:
      return "a file";
  }
  return "";
}

}  // namespace

int list_command() {
  for (const ExperimentInfo& info : experiments())
    fmt::print("{}\n    {}\n    {}\n", info.name, info.question, info.paper);
  fmt::print("\nconfigs (./cliplab run NAME):\n");
  for (const std::string& name : list_configs()) fmt::print("    {}\n", name);
  return 0;
}

int describe_command(std::span<const std::string> arguments) {
  if (arguments.size() != 1) fail("describe", std::to_string(arguments.size()) + " words", "one study's name");
  const ExperimentInfo& info = find_experiment(arguments[0]);
  const Options own = study_options(info);
  fmt::print("{}\n{}\n{}\n\nWhat it reads:\n", info.name, info.question, info.paper);
  for (const Options::Declared& declared : own.declared()) {
    fmt::print("  {:<34}{}", declared.key, text_of(declared.role));
    if (declared.rules.one_label) fmt::print("; one label a picture");
    if (!declared.rules.fallback.empty()) fmt::print("; if empty, those of {}", declared.rules.fallback);
    fmt::print("\n");
  }
  fmt::print("\nIts keys:\n{}\nKeys of every run:\n{}", own.help(), run_options().help());
  return 0;
}

int check_command(std::span<const std::string> arguments) {
  if (arguments.empty()) fail("check", "no config", "./cliplab check CONFIG");
  const Options options = read_options(find_config(arguments[0]), arguments.subspan(1));
  fmt::print("{}{}: right\n", check_run(options).text(), arguments[0]);
  return 0;
}

int run_command(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments[0].starts_with("--"))
    fail("run", "no config", "./cliplab run CONFIG [--key value ...]", "./cliplab list shows them");
  const fs::path config = find_config(arguments[0]);
  const Sweep sweep = take_sweep({arguments.begin() + 1, arguments.end()});
  // A typing error in the last cell is reported before the first one runs.
  for (const Cell& cell : sweep.cells) plan_run(read_options(config, cell.words));
  const auto run_cell = [&](const Cell& cell) {
    auto ranks = std::make_unique<Ranks>();
    if (ranks->size() > 1 && !sweep.is_one())
      fail("--sweep", std::to_string(ranks->size()) + " processes", "one process a sweep",
           "start each cell by its own mpirun");
    return execute_run(read_options(config, cell.words), run_name(config), std::move(ranks));
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
      words.emplace_back("--sweep");
    words.push_back(word);
  }
  const auto varies = [](const std::string& word) { return word == "--sweep" || word == "--cells"; };
  if (std::none_of(words.begin(), words.end(), varies))
    fail("sweep", "nothing to vary", "./cliplab sweep CONFIG KEY=a,b,c ... [--key value ...]", "./cliplab help run");
  return run_command(words);
}

}  // namespace cliplab
