// What a checkpoint file holds, for a reader (./cliplab model inspect).
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/encoder.hpp"
#include "model/files/checkpoint.hpp"
#include "model/files/clip_state.hpp"
#include "model/objective.hpp"

namespace cliplab {

CheckpointReport inspect_checkpoint(const std::filesystem::path& file, const CheckpointSpec& spec) {
  CheckpointReport report;
  const auto add = [&](const std::string& key, const std::string& value) {
    report.properties.emplace_back(key, value);
  };
  const Checkpoint checkpoint = read_checkpoint(file);
  add("format", checkpoint.format);
  for (const auto& [key, value] : checkpoint.metadata) add("metadata " + key, value);
  for (const auto& [name, tensor] : checkpoint.tensors) report.tensors.push_back({name, tensor.dtype, tensor.shape});
  try {
    const ClipState state = read_clip(file, spec);
    const Architecture& a = state.architecture;
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
