// The trainer's own steps on a batch that the caller made, and the speed and memory of the contrastive loss.
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"
#include "model/files/weights.hpp"
#include "oracle.hpp"
#include "train/loss_scaler.hpp"
#include "train/objectives/loss.hpp"
#include "train/optimizer.hpp"
#include "train/step.hpp"
#include "train/train.hpp"

namespace cliplab::oracle {

using torch::Tensor;

namespace {

/// The first step warms up.
double median_after_first(const std::vector<double>& seconds) {
  return seconds.size() > 1 ? median({seconds.begin() + 1, seconds.end()}) : seconds.front();
}

long peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

}  // namespace

/// STEPS AdamW steps at a constant rate, on the ranks that the launcher started. BATCH is a safetensors file with
/// pixels F32 [B, 3, R, R] and tokens I64 [B, T] padded with 0. Prints the median seconds of a step after the first and
/// the peak memory in MB. OUT gets loss F64 [STEPS], grad.<name> of the first step, and state.<name> after the last;
/// "-" writes none.
void train(Words a) {
  const std::int64_t steps = std::stoll(a[3]), micro_batch = std::stoll(a[6]);
  const Ranks ranks;
  at::set_num_threads(num_threads());
  const SafetensorsFile file(a[0]), batch(a[1]);
  Clip model(from_metadata(file.metadata(), a[0]));
  auto state = named_state(*model);
  load_state(file.tensors(), "", state, a[0]);
  model->train();
  if (a[7] == "bf16") model->set_compute_type(torch::kBFloat16);
  if (a[7] == "fp16") model->set_compute_type(torch::kFloat16);
  model->set_recompute(a[8] == "recompute");
  if (a[7] == "fp64") model->to(torch::kFloat64), model->set_compute_type(torch::kFloat64), state = named_state(*model);

  const Tensor pixels = tensor_of(batch.tensors().at("pixels")), tokens = tensor_of(batch.tensors().at("tokens"));
  const std::int64_t B = pixels.size(0), b = B / ranks.size(), first = b * ranks.rank();
  LocalPairs pairs;
  pairs.pixels = [&](std::int64_t begin, std::int64_t count) { return pixels.narrow(0, first + begin, count).clone(); };
  for (std::int64_t i = first; i < first + b; ++i) {
    const std::int64_t end = tokens[i].argmax().item<std::int64_t>() + 1;
    pairs.tokens.emplace_back(tokens[i].data_ptr<std::int64_t>(), tokens[i].data_ptr<std::int64_t>() + end);
  }

  std::map<std::string, Tensor> parameters, kept;
  for (auto& item : model->named_parameters()) parameters[item.key()] = item.value();
  AdamW optimizer(parameters, adamw_options(model->architecture().family, std::stod(a[5])));
  GradientStep gradients(model, ranks.comm(), micro_batch);
  LossScaler scaler = a[7] == "fp16" ? LossScaler::for_fp16() : LossScaler{};
  std::vector<double> losses, seconds;
  for (std::int64_t step = 1; step <= steps; ++step) {
    const auto start = Clock::now();
    StepResult result = gradients.run(pairs, scaler.scale);
    for (; scaler.in_use() && !std::isfinite(result.gradient_norm); result = gradients.run(pairs, scaler.scale))
      scaler.update(false), optimizer.clear();
    losses.push_back(result.loss);
    if (step == 1 && a[2] != "-")
      for (const auto& [name, value] : parameters) kept["grad." + name] = value.grad().detach().clone();
    optimizer.step(step, std::stod(a[4]));
    clamp_logit_scale(model->logit_scale);
    seconds.push_back(seconds_since(start));
  }
  fmt::print("seconds {:.4f} peak_mb {}\n", median_after_first(seconds), peak_mb());
  if (ranks.rank() > 0 || a[2] == "-") return;
  kept["loss"] = torch::tensor(losses, torch::kFloat64);
  for (const auto& [name, value] : state) kept["state." + name] = value.detach();
  std::map<std::string, TensorBytes> bytes;
  for (auto& [name, value] : kept) bytes[name] = bytes_of(value = value.contiguous());
  write_safetensors(a[2], bytes, {});
}

/// Seconds of the loss with its gradients, the median of 5 rounds after one that warms up, and the peak memory in MB.
void loss_speed(Words a) {
  if (a[2] != "plain" && a[2] != "blockwise") fail("cliplab_oracle loss-speed", "'" + a[2] + "'", "plain or blockwise");
  const std::int64_t B = std::stoll(a[0]), E = std::stoll(a[1]);
  at::set_num_threads(num_threads());
  torch::manual_seed(0);
  const auto options = torch::TensorOptions().requires_grad(true);
  Tensor image = torch::randn({B, E}, options), text = torch::randn({B, E}, options),
         scale = torch::tensor(std::log(1 / 0.07), options.dtype(torch::kFloat32));
  const auto comm = single_comm();
  std::vector<double> seconds;
  Tensor loss;
  for (int round = 0; round < 6; ++round) {
    for (Tensor* x : {&image, &text, &scale}) x->mutable_grad().reset();
    const auto start = Clock::now();
    loss =
        a[2] == "plain" ? contrastive_loss(image, text, scale) : blockwise_contrastive_loss(image, text, scale, *comm);
    loss.backward();
    seconds.push_back(seconds_since(start));
  }
  fmt::print("seconds {:.4f} peak_mb {} loss {:.9f} scale_gradient {:.9g}\n", median_after_first(seconds), peak_mb(),
             loss.item<double>(), scale.grad().item<double>());
}

}  // namespace cliplab::oracle
