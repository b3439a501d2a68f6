// Error against model compute, a point an encoder, with a line in log-log axes (paper 3.1.5, Figure 9; section 3.2).
#include <cmath>

#include "base/progress.hpp"
#include "eval/robustness.hpp"
#include "lab/experiment.hpp"

namespace cliplab {
namespace {

class EncoderScaling : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_flag("encoder_scaling.probe", true, "also fit linear probes (Figure 10's axis)");
  }

  void run(Lab& lab) const override {
    const auto datasets = lab.one_label_datasets();
    const bool with_probe = lab.options().flag("encoder_scaling.probe");
    double raw = 0, majority = 0;
    std::int64_t floor_n = 0;
    for (const std::string& name : datasets) {
      const Interval floor = error_of(lab.majority(name)),
                     pixels = error_of(lab.own_metric(name, lab.raw_pixel_probe(name)).second);
      lab.record({name, "test", "majority-class", "floor", "error", ""}, floor);
      lab.record({name, "test", "raw-pixels", "linear-probe", "error", ""}, pixels);
      majority += floor.value, raw += pixels.value, floor_n += floor.n;
    }
    record_mean(lab, datasets, "majority-class", "floor", majority, floor_n);
    record_mean(lab, datasets, "raw-pixels", "linear-probe", raw, floor_n);

    std::vector<Point> zero_shot, probe;
    for (const auto& model : lab.models()) {
      const ModelInfo& info = model->info();
      cost(lab, info, "gflops", info.image_gflops);
      cost(lab, info, "parameters", info.parameters);
      double zero_shot_sum = 0, probe_sum = 0;
      std::int64_t n = 0;
      for (const std::string& name : datasets) {
        const Interval error = error_of(lab.own_metric(name, lab.zero_shot(*model, name)).second);
        lab.record({name, "test", info.name, "zero-shot", "error", ""}, error);
        zero_shot_sum += error.value, n += error.n;
        if (!with_probe) continue;
        const Interval fitted = error_of(lab.own_metric(name, lab.probe(*model, name)).second);
        lab.record({name, "test", info.name, "linear-probe", "error", ""}, fitted);
        probe_sum += fitted.value;
      }
      zero_shot.push_back({info.architecture.family, info.image_gflops,
                           record_mean(lab, datasets, info.name, "zero-shot", zero_shot_sum, n)});
      if (with_probe)
        probe.push_back({info.architecture.family, info.image_gflops,
                         record_mean(lab, datasets, info.name, "linear-probe", probe_sum, n)});
    }
    for (const char* family : {"vit", "resnet", "all"}) {
      fit(lab, family, "zero-shot", zero_shot);
      if (with_probe) fit(lab, family, "linear-probe", probe);
    }
  }

 private:
  struct Point {
    std::string family;
    double gflops, error;
  };

  static Interval error_of(const Interval& hit) { return {1 - hit.value, 1 - hit.high, 1 - hit.low, hit.n}; }

  static double record_mean(Lab& lab, const std::vector<std::string>& datasets, const std::string& model,
                            const std::string& method, double sum, std::int64_t n) {
    const double mean = sum / static_cast<double>(datasets.size());
    lab.record({"mean", "test", model, method, "error", ""}, {mean, mean, mean, n});
    return mean;
  }

  static void cost(Lab& lab, const ModelInfo& info, const std::string& metric, double value) {
    lab.record({"", "", info.name, "cost", metric, info.architecture.family}, {value, value, value, 1});
  }

  /// log10 error = a + b log10 gflops over the models of one family.
  static void fit(Lab& lab, const std::string& family, const std::string& of, const std::vector<Point>& points) {
    std::vector<double> x, y;
    for (const Point& point : points)
      if (family == "all" || point.family == family)
        x.push_back(std::log10(point.gflops)), y.push_back(std::log10(point.error));
    if (x.size() < 3) {
      if (family == "all")
        say("encoder_scaling: a line needs 3 models, this run has " + std::to_string(x.size()) +
            "; see encoder_scaling/small");
      return;
    }
    const Line line = fit_line(x, y);
    const std::string variant = "log10 " + of + " error = a + b log10 gflops";
    lab.record({"mean", "test", family, "fit", "slope", variant},
               {line.slope, line.slope_low, line.slope_high, line.n});
    lab.record({"mean", "test", family, "fit", "intercept", variant},
               {line.intercept, line.intercept, line.intercept, line.n});
    lab.record({"mean", "test", family, "fit", "r", variant}, {line.r, line.r, line.r, line.n});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(EncoderScaling, "encoder_scaling", "section 3.1.5, Figure 9; section 3.2, Figure 10",
                            "How does the error fall with the compute of the image encoder, for ViTs and ResNets?");

}  // namespace
}  // namespace cliplab
