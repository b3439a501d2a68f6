// Zero-shot compared with the first model that did it on ordinary data sets, Visual N-Grams (paper 3.1.3, Table 1; Li
// et al. 2017). Its scores are in reference.csv; it cannot be run here, nor could the authors: CLIP has ten times its
// data and more.
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class VisualNgrams : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("visual_ngrams.datasets", {"fashion_mnist", "openmoji", "gemojione"}, Role::kTest,
                     "data sets to classify by name alone", {.one_label = true});
  }

  void run(Lab& lab) const override {
    lab.for_each(lab.sets("visual_ngrams.datasets"), [&](const std::string& name) {
      const Dataset& set = lab.dataset(name, "test");
      const double chance = 1 / static_cast<double>(set.class_names().size());
      lab.record({name, "test", "chance", "floor", "top1"}, {chance, chance, chance, set.size()});
      for (const auto& model : lab.models()) record_zero_shot(lab, *model, name);
    });
  }
};

CLIPLAB_REGISTER_EXPERIMENT(VisualNgrams, "visual_ngrams", "section 3.1.3, Table 1",
                            "How does zero-shot compare with the first model that classified so?");

}  // namespace
}  // namespace cliplab
