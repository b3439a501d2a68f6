// CLIP's own objective (paper 2.3, Figure 3): the pairs of a batch among all its pictures and texts, with the text
// tower of the model's family.
#include "model/family.hpp"
#include "train/objectives/loss.hpp"
#include "train/objectives/objective.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

class Contrastive : public ComparingObjective {
 public:
  std::string name() const override { return "contrastive"; }
  std::string summary() const override { return "with a transformer"; }

  double text_macs(const Architecture& a) const override { return find_family(a.family).text_macs(a); }
  std::int64_t text_parameters(const Architecture& a) const override {
    return find_family(a.family).text_parameters(a);
  }
  std::unique_ptr<TextSide> make_text_side(torch::nn::Module& model, const Architecture& a) const override {
    return towers_of(a.family).text(model, a);
  }

 protected:
  Tensor loss(Clip& model, const Tensor& image, const Tensor& text, Comm& comm) const override {
    return shared_contrastive_loss(image, text, model->logit_scale, comm);
  }
};

CLIPLAB_REGISTER_OBJECTIVE(Contrastive);

}  // namespace
}  // namespace cliplab
