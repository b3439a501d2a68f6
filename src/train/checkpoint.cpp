// Checkpoints as safetensors: model.*, m.*, v.* (the moments), curve, state.
#include "train/checkpoint.hpp"

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/files/weights.hpp"

namespace cliplab {

using torch::Tensor;

namespace {

constexpr const char* kAdvice = "delete it to start again";

/// "lr = 0.1, expected lr = 0.2; ..." of the lines that differ; empty when none do.
void check_same_training(const std::string& where, const std::string& stored, const std::string& wanted) {
  std::istringstream a(stored), b(wanted);
  std::string found, expected, line;
  const auto next = [&](std::istream& in) { return std::getline(in, line) ? line : std::string("nothing"); };
  while (a.good() || b.good()) {
    const std::string is = next(a), should_be = next(b);
    if (is == should_be) continue;
    found += (found.empty() ? "" : ", ") + is, expected += (expected.empty() ? "" : ", ") + should_be;
  }
  if (!found.empty()) fail(where, "a checkpoint of another training: " + found, expected, kAdvice);
}

}  // namespace

void TrainingState::save(const std::filesystem::path& file, const std::string& training) const {
  std::map<std::string, Tensor> kept;
  const auto keep = [&](const std::string& prefix, const std::map<std::string, Tensor>& from) {
    for (const auto& [name, value] : from) kept[prefix + name] = value.detach().to(torch::kCPU).contiguous();
  };
  keep("model.", model), keep("m.", optimizer->first_moments()), keep("v.", optimizer->second_moments());
  kept["curve"] = torch::tensor(curve, torch::kFloat64);
  kept["watched"] = torch::tensor(watched, torch::kFloat64);
  if (!place.empty()) kept["place"] = torch::tensor(place, torch::kFloat64);
  kept["state"] = torch::tensor(
      {double(step), double(updates), seconds, loss_sum, double(loss_count), scaler.scale, double(scaler.good_steps)},
      torch::kFloat64);
  std::map<std::string, TensorBytes> tensors;
  for (const auto& [name, value] : kept) tensors[name] = bytes_of(value);
  write_safetensors(file, tensors,
                    {{"training", training}, {"step", std::to_string(step)}, {"watched", joined(watched_names)}});
}

void TrainingState::load(const std::filesystem::path& path, const std::string& training) {
  const std::string where = path.string();
  const SafetensorsFile file(where);
  if (!file.is_sealed()) note_unsealed(where);
  const auto stored = file.metadata().find("training");
  if (stored == file.metadata().end()) fail(where, "no 'training' in its metadata", "a checkpoint of cliplab", kAdvice);
  check_same_training(where, stored->second, training);
  load_state(file.tensors(), "model.", model, where);
  load_state(file.tensors(), "m.", optimizer->first_moments(), where);
  load_state(file.tensors(), "v.", optimizer->second_moments(), where);
  const auto numbers = [&](const std::string& name) {
    if (!file.tensors().contains(name) || file.tensors().at(name).dtype != "F64")
      fail(where, "no '" + name + "' in float64", "a checkpoint of cliplab", kAdvice);
    const Tensor values = tensor_of(file.tensors().at(name));
    return std::vector<double>(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
  };
  curve = numbers("curve");
  if (const auto names = file.metadata().find("watched");
      names != file.metadata().end() && names->second == joined(watched_names))
    watched = numbers("watched");
  if (!place.empty()) place = numbers("place");
  const auto s = numbers("state");
  if (s.size() != 7) fail(where, "a state of " + std::to_string(s.size()) + " numbers", "7", kAdvice);
  step = static_cast<std::int64_t>(s[0]), updates = static_cast<std::int64_t>(s[1]), seconds = s[2], loss_sum = s[3];
  loss_count = static_cast<std::int64_t>(s[4]), scaler = {s[5], static_cast<std::int64_t>(s[6])};
}

void TrainingState::share(Comm& comm) {
  if (comm.size() == 1) return;
  const torch::NoGradGuard no_grad;
  Tensor numbers =
      torch::tensor({double(step), double(updates), scaler.scale, double(scaler.good_steps)}, torch::kFloat64)
          .to(comm.device());
  comm.broadcast(numbers);
  numbers = numbers.to(torch::kCPU);
  if (!place.empty()) {
    Tensor shared = torch::tensor(place, torch::kFloat64).to(comm.device());
    comm.broadcast(shared);
    shared = shared.to(torch::kCPU);
    place.assign(shared.data_ptr<double>(), shared.data_ptr<double>() + shared.numel());
  }
  const auto whole = [&](int i) { return numbers[i].item<std::int64_t>(); };
  step = whole(0), updates = whole(1), scaler = {numbers[2].item<double>(), whole(3)};
  const auto share_all = [&](std::map<std::string, Tensor> tensors) {
    for (auto& [name, value] : tensors) {
      Tensor sent = value.contiguous();  // in one order of elements, whatever the layout
      comm.broadcast(sent);
      if (!sent.is_same(value)) value.copy_(sent);
    }
  };
  share_all(model), share_all(optimizer->first_moments()), share_all(optimizer->second_moments());
}

}  // namespace cliplab
