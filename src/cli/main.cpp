// The command line: each line of `usage` is a sub-command; the layers below do the work.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "cli/data_command.hpp"
#include "cli/model_tables.hpp"
#include "cli/run_commands.hpp"
#include "lab/model_options.hpp"
#include "lab/run_options.hpp"
#include "model/encoder.hpp"

namespace {

using namespace cliplab;
using Arguments = std::span<const std::string>;

constexpr const char* kUsage = R"(cliplab: the studies of the CLIP paper (arXiv 2103.00020), re-run

  ./cliplab run quickstart                  the main job: real data, two CPU cores, minutes
  ./cliplab test                            every test
  ./cliplab report [RUN_FOLDER ...]         tables, figures, report.html and report.pdf from results/runs
  ./cliplab compare RUN RUN                 differences of two runs with paired tests, Holm-corrected

  ./cliplab list                            studies and configs
  ./cliplab describe STUDY                  the question, the paper's section, the keys
  ./cliplab check CONFIG [--key value ...]  is a config right, without running it
  ./cliplab run CONFIG [--key value ...]
  ./cliplab sweep CONFIG KEY=a,b,c ...      each value, or cross product of values; several at a time, or on Slurm
  ./cliplab data list | fetch NAME | verify NAME | describe NAME | show NAME | duplicates A B
  ./cliplab model list | inspect FILE | convert IN OUT

A stopped run (Ctrl-C, kill) goes on with the same command. Results: results/README.md.
)";

constexpr const char* kRunUsage = R"(./cliplab run CONFIG [--key value ...]
./cliplab sweep CONFIG KEY=a,b,c ... [--key value ...] [--cells FILE] [--jobs N] [--launcher slurm]

CONFIG is a name of ./cliplab list (quickstart, STUDY/small) or a file. Each key of it can be changed on the command
line, and swept; several KEY=a,b,c make the cross product, one run folder a cell:

  ./cliplab run quickstart --train.steps 100
  ./cliplab sweep STUDY/smoke train.lr=0.001,0.002 train.arch=vit-test,rn-test --seed 1
  ./cliplab sweep STUDY/smoke --cells cells.txt --jobs 2       a line of --key value ... a cell, two at a time
  ./cliplab sweep STUDY/paper model.files=a.pt,b.pt --launcher slurm      a job array, a task a cell

`run` takes the same words, with --sweep before each KEY=a,b,c.

A cell that is done is not run again; one that was stopped goes on; one that fails stops no other. What became of each
stands in results/sweeps. --limit N takes a first look at N samples. A study's own keys: ./cliplab describe STUDY.
)";

constexpr const char* kModelUsage = R"(./cliplab model list
./cliplab model recipes                           what the paper's models are trained with: Tables 18 to 20
./cliplab model inspect FILE [--key value ...]    what the file is: container, names, sizes, facts, tensors; fails where a
                                                  run would
./cliplab model convert IN OUT [--key value ...]  any checkpoint to a .safetensors file that states everything about itself

Files: OpenAI's .pt (TorchScript archives and state dicts), open_clip's .pt, .bin and .safetensors with their
open_clip_config.json, Hugging Face CLIPModel folders (weights, in one file or in shards with an index, next to config.json
and processor_config.json or preprocessor_config.json), training checkpoints that hold one of these under any word, and
cliplab's own. FILE may be the folder. Nothing in a file is executed. What neither the file nor a configuration next to it
states has to be given:

  ./cliplab model convert ViT-B-32-laion2b.pt b32.safetensors --model.like open_clip
  ./cliplab run STUDY/paper --model b32.safetensors
)";

int help_command(const std::string& command) {
  if (command == "model") {
    Options options;
    declare_model_options(options);
    fmt::print("{}\nKeys:\n{}", kModelUsage, options.help());
    return 0;
  }
  if (command == "data") return std::cout << kDataUsage, 0;
  if (command != "run" && command != "sweep") return std::cout << kUsage, 0;
  fmt::print("{}\nKeys of every run:\n{}", kRunUsage, run_options().help());
  return 0;
}

ModelOptions model_options_of(Arguments words) {
  Options options;
  declare_model_options(options);
  options.parse_arguments(words);
  return model_options(options);
}

/// Prints the contents of the file; throws with the reason if a run could not open it as a model.
int inspect_model(const std::string& path, Arguments words) {
  const ModelOptions model = model_options_of(words);
  const CheckpointReport report = inspect_checkpoint(path, model.spec);
  for (const auto& [key, value] : report.properties) fmt::print("# {} = {}\n", key, value);
  for (const auto& [name, dtype, shape] : report.tensors)
    fmt::print("{:<60}{:<5}[{}]\n", name, dtype, fmt::join(shape, ", "));
  std::cout.flush();
  if (!report.problem.empty()) throw InputError(report.problem);
  open_clip_model(path, model);
  return 0;
}

int convert_model(const std::string& in, const std::string& out, Arguments words) {
  convert_clip_model(in, out, model_options_of(words).spec);
  fmt::print("{}: written\n", out);
  return 0;
}

int model_command(Arguments arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  if (verb == "list" && arguments.size() == 1) {
    fmt::print("{:<14}{:>6}{:>12}{:>14}{:>14}\n", "name", "side", "params M", "image GFLOPs", "text GFLOPs");
    for (const Architecture& a : architecture_table())
      fmt::print("{:<14}{:>6}{:>12.2f}{:>14.3f}{:>14.3f}\n", a.name, a.resolution, parameter_count(a) / 1e6,
                 image_gflops(a), text_gflops(a));
    fmt::print("GFLOPs: multiply-adds of one forward pass, as the paper counts them.\n");
    return 0;
  }
  if (verb == "recipes" && arguments.size() == 1) return print_recipes(), 0;
  if (verb == "inspect" && arguments.size() >= 2) return inspect_model(arguments[1], arguments.subspan(2));
  if (verb == "convert" && arguments.size() >= 3)
    return convert_model(arguments[1], arguments[2], arguments.subspan(3));
  fail("model", verb.empty() ? "no word" : "'" + verb + "'",
       "list, recipes, inspect FILE or convert IN OUT [--model.like openai ...]");
}

int dispatch(Arguments arguments) {
  const std::string command = arguments.empty() ? "help" : arguments[0];
  const Arguments rest = arguments.empty() ? arguments : arguments.subspan(1);
  if (command == "help" || command == "--help" || command == "-h") return help_command(rest.empty() ? "" : rest[0]);
  if (std::ranges::any_of(rest, [](const std::string& word) { return word == "--help" || word == "-h"; }))
    return help_command(command);
  if (command == "list") return list_command();
  if (command == "describe") return describe_command(rest);
  if (command == "check") return check_command(rest);
  if (command == "run") return run_command(rest);
  if (command == "sweep") return sweep_command(rest);
  if (command == "data") return data_command(rest);
  if (command == "model") return model_command(rest);
  fail("cliplab", "'" + command + "'", "run, sweep, test, report, list, describe, check, data or model",
       "./cliplab help");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    install_stop_handlers();
    end_with_launcher();
    return dispatch(arguments);
  } catch (const Interrupted& stop) {
    std::cerr << "cliplab: " << stop.what() << "\n";
    return 130;
  } catch (const InputError& error) {
    std::cerr << "cliplab: " << error.what() << "\n";
    return 1;
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "cliplab: " << error.path1().string() << ": " << error.code().message() << "\n";
    return 1;
  } catch (const std::exception& error) {  // of a library: its first line says what, the rest is a trace
    const std::string text = error.what();
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                        text.find("can't allocate memory") != std::string::npos;  // LibTorch's words
    std::cerr << "cliplab: "
              << (memory ? "not enough memory; fewer threads (CLIPLAB_THREADS), a smaller batch or --limit need less"
                         : text.substr(0, text.find('\n')))
              << "\n";
    return 1;
  }
}
