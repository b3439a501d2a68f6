// A node of the graph that has its part of the graph made in backward, by a backward of its own.
#include "model/towers/recompute.hpp"

namespace cliplab {

using torch::Tensor;
using Block = std::function<Tensor(const Tensor&)>;

namespace {

thread_local bool second_time = false;

struct Kept : torch::CustomClassHolder {
  explicit Kept(Block f_) : f(std::move(f_)) {}
  Block f;
};

struct Recompute : torch::autograd::Function<Recompute> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Block& f) {
    context->save_for_backward({x});
    context->saved_data["block"] = c10::IValue::make_capsule(c10::make_intrusive<Kept>(f));
    // With a graph, that goes at once: without one f would take the kernels of evaluation, which write into x and round
    // otherwise.
    const at::AutoGradMode with_graph(true);
    return f(x.detach()).detach();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto kept = context->saved_data["block"].toCapsule();
    const Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    struct Second {
      Second() { second_time = true; }
      ~Second() { second_time = false; }
    };
    Tensor y;
    {
      const Second guard;
      const at::AutoGradMode with_graph(true);
      y = static_cast<Kept&>(*kept).f(x);
    }
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), {}};
  }
};

}  // namespace

Tensor recomputed(Block f, const Tensor& x) { return Recompute::apply(x, f); }

bool recomputing() { return second_time; }

}  // namespace cliplab
