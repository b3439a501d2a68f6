// Keys, files and the run's options of a probe.
#include "lab/probe_store.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "model/encoder.hpp"
#include "store/probe_file.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr int kProbeEpoch = 4;  // changes when the probe of an unchanged key would come out differently

StoredProbe to_stored(const SweepResult& sweep) {
  StoredProbe stored{sweep.classifier.weight, sweep.classifier.bias, sweep.lambda,
                     MatrixD(std::ssize(sweep.points), 5)};
  for (Eigen::Index i = 0; i < stored.search.rows(); ++i) {
    const SweepPoint& p = sweep.points[i];
    stored.search.row(i) << p.lambda, p.validation_accuracy, p.validation_loss, p.fit.objective,
        static_cast<double>(p.fit.iterations);
  }
  return stored;
}

SweepResult from_stored(StoredProbe stored) {
  SweepResult sweep;
  sweep.classifier = {std::move(stored.weight), std::move(stored.bias)}, sweep.lambda = stored.lambda;
  for (Eigen::Index i = 0; i < stored.search.rows(); ++i) {
    SweepPoint point{stored.search(i, 0), stored.search(i, 1), stored.search(i, 2), {}};
    point.fit.objective = stored.search(i, 3), point.fit.iterations = static_cast<int>(stored.search(i, 4));
    sweep.points.push_back(point);
  }
  return sweep;
}

}  // namespace

SweepOptions ProbeStore::sweep_options() const {
  SweepOptions sweep;
  sweep.max_iterations = static_cast<int>(options_.integer("eval.probe_iterations"));
  sweep.seed = static_cast<std::uint64_t>(options_.integer("seed"));
  sweep.rule = stop_rule(options_.text("probe.rule"));
  sweep.search = search_named(options_.text("probe.search"));
  if (options_.text("probe.algebra") == "torch")
    sweep.objective = [device = options_.text("model.device")](RowSource rows, Eigen::Index logits,
                                                               const VectorD& shift, const ObjectiveOptions& o) {
      return torch_objective(std::move(rows), logits, shift, device, o.float64, o.residence == Residence::kKeep);
    };
  return sweep;
}

SweepResult ProbeStore::fit(const FeatureSet& train, const FeatureSet* validation) {
  const SweepOptions sweep = sweep_options();
  const std::string key = fmt::format(
      "probe|{}|{}|{} classes|rule {} search {} algebra {} iterations {} seed {}|epoch {}", train.id,
      validation ? validation->id : "cut", train.truth.num_classes, options_.text("probe.rule"),
      options_.text("probe.search"), options_.text("probe.algebra"), sweep.max_iterations, sweep.seed, kProbeEpoch);
  const fs::path file = folder_ / ("probe-" + sha256_hex(key).substr(0, 24) + ".h5");
  if (fs::exists(file)) try {
      return from_stored(read_probe(file, key));
    } catch (const InputError& error) {
      say(fmt::format("{}: fitted again", error.what()));
    }
  if (stop_requested()) throw Interrupted("stopped before a probe fit");
  say(fmt::format("probe: {} x {} features of {}, {} classes", train.x.rows(), train.x.cols(), train.description,
                  train.truth.num_classes));
  const LabelledRows rows{train.x, train.truth};
  SweepResult result;
  if (validation) {
    const LabelledRows held{validation->x, validation->truth};
    result = sweep_probe(rows, &held, sweep);
  } else {
    result = sweep_probe(rows, nullptr, sweep);
  }
  write_probe(file, key, to_stored(result));
  return result;
}

}  // namespace cliplab
