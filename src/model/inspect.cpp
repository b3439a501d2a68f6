// What a checkpoint file holds, for a reader (./cliplab model inspect).
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/encoder.hpp"
#include "model/files/checkpoint.hpp"
#include "model/files/checkpoint_files.hpp"
#include "model/files/clip_entries.hpp"
#include "model/files/clip_state.hpp"
#include "model/objective.hpp"

namespace cliplab {

CheckpointReport inspect_checkpoint(const std::filesystem::path& model, const CheckpointSpec& spec) {
  const std::filesystem::path file = weights_file(model);
  CheckpointReport report;
  const auto add = [&](const std::string& key, const std::string& value) {
    report.properties.emplace_back(key, value);
  };
  ClipFinder finder({}, file.string());  // the user's choice is checked below
  const Checkpoint checkpoint = read_checkpoint(file, [&](const auto& entries) { return finder.look(entries); });
  add("file", file.string()), add("format", checkpoint.format);
  if (!checkpoint.keys.empty()) add("content", checkpoint.keys);
  if (checkpoint.is_sealed) add("checksum", "matches");
  for (const auto& [key, value] : checkpoint.metadata) add("metadata " + key, value);
  for (const auto& [name, tensor] : checkpoint.tensors) report.tensors.push_back({name, tensor.dtype, tensor.shape});
  try {
    const ClipState state = read_clip(file, spec);
    const Architecture& a = state.architecture;
    if (!state.entry.empty()) add("model at", state.entry);
    add("names", state.naming);
    add("model", fmt::format("{}, {:.2f} M parameters", a.name, static_cast<double>(parameter_count(a)) / 1e6));
    for (const auto& [key, value] : to_metadata(a)) add(key, value);
    for (const auto& [key, value] : to_metadata(state.spec)) add(key, value);
    add("facts from", joined(state.spec.origins));
    add("no weights", joined(state.ignored));
  } catch (const InputError& error) {
    report.problem = error.what();
  }
  return report;
}

std::vector<std::pair<std::string, std::string>> objective_summaries() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& objective : model_objectives()) all.emplace_back(objective->name(), objective->summary());
  return all;
}

}  // namespace cliplab
