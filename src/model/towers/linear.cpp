// Matrix products of the towers. In float32 on a CPU they go to oneDNN by name: LibTorch's own choice, MKL, takes a
// slow path on AMD processors (half the rate, measured on Zen 5); on the others both are equal. bf16, fp16 and CUDA
// take LibTorch's choice, which is oneDNN and cuBLAS there.
#include <ATen/Context.h>

#include "base/cpu.hpp"
#include "model/towers/layers.hpp"

namespace cliplab {

using torch::Tensor;

namespace {

using OneDnnScalars = c10::List<std::optional<at::Scalar>>;
using OneDnnLinear = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, OneDnnScalars,
                            std::optional<std::string_view>);

/// The operator behind torch.compile's linear layers on CPUs; none in a LibTorch without oneDNN.
const std::optional<c10::TypedOperatorHandle<OneDnnLinear>>& onednn_operator() {
  static const auto found = [] {
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    return schema && at::globalContext().hasMKLDNN() ? std::optional(schema->typed<OneDnnLinear>()) : std::nullopt;
  }();
  return found;
}

bool takes_onednn(const Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == torch::kFloat32 && onednn_operator();
}

/// Rows of activations that packed weights are laid out for: some images' tokens. Others work too.
constexpr std::int64_t kRows = 800;

using PackWeight = Tensor(const Tensor&, std::optional<c10::SymInt>);

bool can_pack(const Tensor& weight) {
  if (!weight.device().is_cpu() || weight.dim() != 2 || !onednn_operator()) return false;
  if (weight.scalar_type() == torch::kBFloat16) return supports_bf16();
  return weight.scalar_type() == torch::kFloat32;
}

/// x [..., K], weight [N, K] of any strides, bias [N] or undefined -> [..., N].
Tensor onednn_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  // A weight with gaps (the token 0 of each image, as the gradient of a weight has it) takes oneDNN's reference: 6,000
  // times slower.
  const bool dense = weight.is_mkldnn() || weight.is_contiguous() || weight.t().is_contiguous();
  return onednn_operator()->call(x, dense ? weight : weight.contiguous(),
                                 bias.defined() ? std::optional(bias) : std::nullopt, "none", OneDnnScalars(), "");
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const std::optional<Tensor>& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    return onednn_linear(x, weight, bias.value_or(Tensor()));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Tensor dy = gradients[0].contiguous(), rows = dy.view({-1, weight.size(0)});  // [..., N] -> [M,N]
    Tensor dx, dw, db;
    if (context->needs_input_grad(0)) dx = onednn_linear(dy, weight.t(), {});
    if (context->needs_input_grad(1))
      dw = onednn_linear(rows.t(), x.reshape({-1, weight.size(1)}).t(), {});  // [N,M] [M,K]
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) db = rows.sum(0);
    return {dx, dw, db};
  }
};

}  // namespace

Tensor pack_linear(Tensor weight) {
  static const auto pack = c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""});
  if (!pack || !can_pack(weight)) return weight;
  Tensor packed = pack->typed<PackWeight>().call(weight.detach(), kRows);
  weight.set_data(torch::empty({0}, weight.options()));
  return packed;
}

Tensor apply_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.is_mkldnn()) return onednn_linear(x, weight, as_type_of(bias, x));
  const Tensor w = as_type_of(weight, x), b = bias.defined() ? as_type_of(bias, x) : bias;
  if (!takes_onednn(x) || x.numel() == 0) return at::linear(x, w, b.defined() ? std::optional(b) : std::nullopt);
  if (!torch::GradMode::is_enabled()) return onednn_linear(x, w, b);
  return LinearFunction::apply(x, w,
                               b.defined() ? std::optional(b) : std::nullopt);  // autograd takes no undefined input
}

}  // namespace cliplab
