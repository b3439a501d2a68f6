// Error against model compute, a point an encoder, with a line in log-log axes (paper 3.1.5, Figure 9; section 3.2).
#include <cmath>
#include <map>

#include "eval/robustness.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class EncoderScaling : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("encoder_scaling.datasets", {}, Role::kTrainAndTest, "data sets with one label a picture",
                     {.fallback = "eval.datasets", .one_label = true});
    options.add_flag("encoder_scaling.probe", true, "also fit linear probes (Figure 10's axis)");
  }

  void run(Lab& lab) const override {
    const bool with_probe = lab.options().flag("encoder_scaling.probe");
    std::map<std::pair<std::string, std::string>, std::vector<Interval>> errors;  // by model and method
    lab.for_each(lab.sets("encoder_scaling.datasets"), [&](const std::string& name) {
      std::map<std::pair<std::string, std::string>, Interval> own;
      const auto add = [&](const std::string& model, const std::string& method, const Interval& hit) {
        own[{model, method}] = record_error(lab, name, model, method, hit);
      };
      add("majority-class", "floor", lab.majority(name));
      if (lab.measures("raw-pixels"))
        add("raw-pixels", "linear-probe", lab.own_metric(name, lab.raw_pixel_probe(name)).second);
      for (const auto& model : lab.models()) {
        add(model->info().name, "zero-shot", lab.own_metric(name, lab.zero_shot(*model, name)).second);
        if (with_probe) add(model->info().name, "linear-probe", lab.own_metric(name, lab.probe(*model, name)).second);
      }
      for (const auto& [key, error] : own) errors[key].push_back(error);
    });
    record_mean(lab, "majority-class", "floor", errors[{"majority-class", "floor"}]);
    if (lab.measures("raw-pixels"))
      record_mean(lab, "raw-pixels", "linear-probe", errors[{"raw-pixels", "linear-probe"}]);
    std::vector<Point> zero_shot, probe;
    for (const auto& model : lab.models()) {
      const ModelInfo& info = model->info();
      cost(lab, info, "gflops", info.image_gflops);
      cost(lab, info, "parameters", info.parameters);
      const auto mean = [&](const std::string& method) {
        return Point{info.architecture.family, info.image_gflops,
                     record_mean(lab, info.name, method, errors[{info.name, method}])};
      };
      zero_shot.push_back(mean("zero-shot"));
      if (with_probe) probe.push_back(mean("linear-probe"));
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

  /// Records 1 - score, whose bounds change places.
  static Interval record_error(Lab& lab, const std::string& dataset, const std::string& model,
                               const std::string& method, const Interval& hit) {
    Interval error{1 - hit.value, 1 - hit.high, 1 - hit.low, hit.n, hit.covers};
    lab.record({dataset, "test", model, method, "error"}, error);
    return error;
  }

  static double record_mean(Lab& lab, const std::string& model, const std::string& method,
                            const std::vector<Interval>& errors) {
    const Interval mean = mean_of(errors);
    lab.record({"", "test", model, method, "error", {{"summary", "mean"}}}, mean);
    return mean.value;
  }

  static void cost(Lab& lab, const ModelInfo& info, const std::string& metric, double value) {
    lab.record({"", "", info.name, "cost", metric, {{"family", info.architecture.family}}}, {value, value, value, 1});
  }

  /// log10 error = a + b log10 gflops over the models of one family.
  static void fit(Lab& lab, const std::string& family, const std::string& of, const std::vector<Point>& points) {
    std::vector<double> x, y;
    for (const Point& point : points)
      if (family == "all" || point.family == family)
        x.push_back(std::log10(point.gflops)), y.push_back(std::log10(point.error));
    if (x.size() < 3 && family != "all") return;
    record_line_through(lab, {"", "test", "", "", "", {{"family", family}, {"x", "gflops"}, {"y", of}}}, x, y, "log10");
  }
};

CLIPLAB_REGISTER_EXPERIMENT(EncoderScaling, "encoder_scaling", "section 3.1.5, Figure 9; section 3.2, Figure 10",
                            "How does the error fall with the compute of the image encoder, for ViTs and ResNets?");

}  // namespace
}  // namespace cliplab
