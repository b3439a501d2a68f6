// One evaluation of the probe's objective on ImageNet's size, streamed from disk: 1,281,167 x 768 features of noise and
// 1,000 classes unless other sizes are given. Prints seconds, peak memory beside the stated bound, and the forecast for
// the search of appendix A.3.
//
//     probe_scale FOLDER [N D C]        needs 4 N D bytes there; the file is deleted
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "eval/softmax_objective.hpp"
#include "store/features.hpp"

using namespace cliplab;

namespace {

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 5) return fmt::print(stderr, "probe_scale FOLDER [N D C]\n"), 1;
  const std::filesystem::path path = part_path(std::filesystem::path(argv[1]) / "probe_scale.h5");
  const std::int64_t N = argc == 5 ? std::stol(argv[2]) : 1281167, D = argc == 5 ? std::stol(argv[3]) : 768,
                     C = argc == 5 ? std::stol(argv[4]) : 1000;
  Rng rng(0);
  std::vector<float> noise(1 << 20);
  for (float& v : noise) v = static_cast<float>(rng.normal());
  auto start = Clock::now();
  write_feature_rows(path, "scale", N, D, [&](std::int64_t, std::int64_t count, float* values) {
    const std::size_t offset = rng.below(noise.size());
    for (std::int64_t i = 0; i < count * D; ++i)
      values[i] = noise[(offset + static_cast<std::size_t>(i)) % noise.size()];
  });
  fmt::print("written: {:.1f} s\n", seconds_since(start));
  start = Clock::now();
  {
    const FeatureFile file(path, "scale");
    fmt::print("seal checked: {:.1f} s\n", seconds_since(start));
    const RowSource source{file.rows(), file.cols(),
                           [&](Eigen::Index begin, Eigen::Index count, float* to) { file.read(begin, count, to); }};
    std::vector<int> labels(N);
    for (int& label : labels) label = static_cast<int>(rng.below(C));
    const double before = peak_mib();
    const auto objective = softmax_objective(source, C, {}, {.residence = Residence::kStream});
    const VectorD point = VectorD::Zero(objective->num_parameters());
    VectorD gradient;
    Evaluation e{.point = &point, .labels = labels.data(), .lambda = 1, .gradient = &gradient};
    start = Clock::now();
    objective->evaluate(std::span(&e, 1));
    const double seconds = seconds_since(start), expected = static_cast<double>(N) * std::log(static_cast<double>(C));
    fmt::print("one evaluation of {} x {} x {}: {:.1f} s, {:.0f} GFLOP/s; sum of losses at 0 {:.6f} of N log C\n", N, D,
               C, seconds, 4e-9 * static_cast<double>(N * D * C) / seconds, e.value / expected);
    fmt::print(
        "memory: {:.0f} MiB before, {:.0f} MiB at the peak; stated bound of what the objective adds: {:.0f} MiB\n",
        before, peak_mib(), static_cast<double>(streamed_bytes(N, D, C, 1, {})) / (1 << 20));
    // An assumption: 15 warm fits need 21.7 each on the 10,000 samples of tests/bench/compare_probe.py, which prints
    // the counts.
    fmt::print("forecast of the search, 16 fits of 25 evaluations: {:.1f} h here\n", 16 * 25 * seconds / 3600);
  }
  std::filesystem::remove(path);
  return 0;
}
