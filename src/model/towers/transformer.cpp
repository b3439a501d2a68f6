// Transformer blocks (openai/CLIP model.py: ResidualAttentionBlock).
#include <ATen/Parallel.h>

#include <cmath>

#include "kernels/attention.hpp"
#include "kernels/quick_gelu.hpp"
#include "model/towers/layers.hpp"
#include "model/towers/recompute.hpp"

namespace cliplab {

using torch::Tensor;

thread_local bool WithoutInitialValues::active_ = false;

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

namespace {

Tensor uniform_values(std::vector<std::int64_t> shape, double bound) {
  Tensor values = torch::empty(shape);
  return WithoutInitialValues::active() ? values : values.uniform_(-bound, bound);
}

}  // namespace

Tensor default_uniform(std::vector<std::int64_t> shape, std::int64_t fan_in) {
  return uniform_values(std::move(shape), 1.0 / std::sqrt(static_cast<double>(fan_in)));
}

Tensor normal_values(std::vector<std::int64_t> shape, double standard_deviation) {
  return WithoutInitialValues::active() ? torch::empty(shape) : standard_deviation * torch::randn(shape);
}

namespace {

/// Is there a kernel for it? Then call(values...) is run on parts of the tensors in parallel.
template <class Call, class... Tensors>
bool by_kernel(Call call, const Tensor& first, const Tensors&... others) {
  const auto over = [&](auto type) {
    using T = decltype(type);
    const auto go = [&, n = first.numel()](auto*... values) {
      at::parallel_for(0, n, 1 << 14,
                       [&](std::int64_t begin, std::int64_t end) { call(values + begin..., end - begin); });
    };
    go(static_cast<T*>(first.data_ptr()), static_cast<T*>(others.data_ptr())...);
    return true;
  };
  if (!first.device().is_cpu() || !(first.is_contiguous() && ... && others.is_contiguous())) return false;
  if (first.scalar_type() == torch::kFloat32) return over(float{});
  return first.scalar_type() == torch::kBFloat16 && over(std::uint16_t{});
}

/// The result in `y`, where there is a kernel; `y` may be x.
Tensor quick_gelu_to(const Tensor& y, const Tensor& x) {
  return by_kernel([](auto* from, auto* to, std::int64_t n) { quick_gelu_cpu(from, to, n); }, x, y)
             ? y
             : at::sigmoid(1.702 * x).mul_(x);
}

/// Keeps x alone for the way back, where autograd over the formula keeps x twice and the sigmoid.
struct QuickGelu : torch::autograd::Function<QuickGelu> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x) {
    context->save_for_backward({x});
    return quick_gelu_to(torch::empty_like(x), x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const Tensor x = context->get_saved_variables()[0], dy = gradients[0].contiguous();
    Tensor dx = torch::empty_like(dy);
    if (by_kernel([](auto* from, auto* up, auto* to, std::int64_t n) { quick_gelu_backward_cpu(from, up, to, n); }, x,
                  dy, dx))
      return {dx};
    const Tensor s = at::sigmoid(1.702 * x);
    return {dy * s * (1 + 1.702 * x * (1 - s))};
  }
};

}  // namespace

Tensor quick_gelu(const Tensor& x) { return torch::GradMode::is_enabled() ? QuickGelu::apply(x) : quick_gelu_to(x, x); }

namespace {

/// Sequences of one tensor qkv [..., 3 d] of float32 or bfloat16, row after row: for each group its shape.
using Shapes = std::vector<AttentionShape>;

/// call(values of a group, its shape, its first row, first head, last head) in parallel, `values` in the type of qkv.
template <class Call>
void over_heads(const Tensor& qkv, const Shapes& shapes, const Call& call) {
  std::int64_t row = 0;
  for (const AttentionShape& shape : shapes) {
    at::parallel_for(0, shape.batch * shape.heads, 1, [&](std::int64_t begin, std::int64_t end) {
      const auto go = [&]<class T>(const T* values) { call(values + row * qkv.size(-1), shape, row, begin, end); };
      if (qkv.scalar_type() == torch::kFloat32) return go(static_cast<const float*>(qkv.data_ptr()));
      go(static_cast<const std::uint16_t*>(qkv.data_ptr()));
    });
    row += shape.batch * shape.tokens;
  }
}

/// -> [..., d]; log_sums [rows x H] float32, or undefined where there is no way back
Tensor attention_forward(const Tensor& qkv, const Tensor& log_sums, const Shapes& shapes) {
  std::vector<std::int64_t> sizes = qkv.sizes().vec();
  sizes.back() /= 3;
  Tensor out = torch::empty(sizes, qkv.options());
  over_heads(qkv, shapes,
             [&, sums = log_sums.defined() ? log_sums.data_ptr<float>() : nullptr]<class T>(
                 const T* from, const AttentionShape& shape, std::int64_t row, std::int64_t begin, std::int64_t end) {
               attention_cpu(from, static_cast<T*>(out.data_ptr()) + row * out.size(-1),
                             sums ? sums + row * shape.heads : nullptr, shape, begin, end);
             });
  return out;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& qkv, const Shapes& shapes) {
    const Tensor log_sums =
        torch::empty({qkv.numel() / qkv.size(-1) * shapes.at(0).heads}, qkv.options().dtype(torch::kFloat32));
    const Tensor out = attention_forward(qkv, log_sums, shapes);
    context->save_for_backward({qkv, out, log_sums});
    std::vector<std::int64_t> numbers;
    for (const AttentionShape& s : shapes)
      numbers.insert(numbers.end(), {s.batch, s.tokens, s.heads, s.causal, s.head_width});
    context->saved_data["shapes"] = numbers;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &qkv = saved[0], &out = saved[1], &log_sums = saved[2], dout = gradients[0].contiguous(),
                 dqkv = torch::empty_like(qkv);
    const std::vector<std::int64_t> n = context->saved_data["shapes"].toIntVector();
    Shapes shapes;
    for (std::size_t i = 0; i < n.size(); i += 5) shapes.push_back({n[i], n[i + 1], n[i + 2], n[i + 3] != 0, n[i + 4]});
    over_heads(qkv, shapes,
               [&]<class T>(const T* from, const AttentionShape& shape, std::int64_t row, std::int64_t begin,
                            std::int64_t end) {
                 const std::int64_t at = row * out.size(-1);
                 attention_backward_cpu(from, static_cast<const T*>(out.data_ptr()) + at,
                                        log_sums.data_ptr<float>() + row * shape.heads,
                                        static_cast<const T*>(dout.data_ptr()) + at,
                                        static_cast<T*>(dqkv.data_ptr()) + 3 * at, shape, begin, end);
               });
    return {dqkv, {}};
  }
};

/// [B, T, 3 d] -> [B, T, d], by LibTorch: CUDA, float64 and float16, heads of other widths.
Tensor library_attention(const Tensor& qkv, std::int64_t heads, bool causal) {
  const std::int64_t B = qkv.size(0), T = qkv.size(1), d = qkv.size(2) / 3;
  const Tensor y = qkv.view({B, T, 3, heads, d / heads}).permute({2, 0, 3, 1, 4});  // [B,T,3d] -> [3,B,H,T,d/H]
  return at::scaled_dot_product_attention(y[0], y[1], y[2], {}, 0.0, causal)
      .transpose(1, 2)
      .reshape({B, T, d});  // -> [B,T,d]
}

/// [B, T, 3 d] -> [B, T, d]; with `groups` [1, N, 3 d] -> [1, N, d]
Tensor attention(const Tensor& qkv, std::int64_t heads, bool causal, std::vector<TokenGroup> groups) {
  if (groups.empty()) groups.push_back({qkv.size(0), qkv.size(1)});
  const bool has_type = qkv.scalar_type() == torch::kFloat32 || qkv.scalar_type() == torch::kBFloat16;
  if (const std::int64_t W = qkv.size(2) / 3 / heads;
      has_type && qkv.device().is_cpu() && qkv.is_contiguous() && has_attention_kernel(W)) {
    Shapes shapes;
    for (const TokenGroup& g : groups) shapes.push_back({g.sequences, g.tokens, heads, causal, W});
    return torch::GradMode::is_enabled() ? AttentionFunction::apply(qkv, shapes) : attention_forward(qkv, {}, shapes);
  }
  std::vector<std::int64_t> rows;
  for (const TokenGroup& g : groups) rows.push_back(g.sequences * g.tokens);
  std::vector<Tensor> parts = qkv.view({1, -1, qkv.size(2)}).split_with_sizes(rows, 1);
  for (std::size_t i = 0; i < groups.size(); ++i)
    parts[i] = library_attention(parts[i].view({groups[i].sequences, groups[i].tokens, -1}), heads, causal)
                   .view({1, rows[i], -1});
  return (parts.size() == 1 ? parts[0] : torch::cat(parts, 1)).view({qkv.size(0), qkv.size(1), -1});
}

}  // namespace

TransformerImpl::TransformerImpl(int width, int hidden, int layers, int heads, bool quick_gelu, double norm_eps)
    : width_(width), heads_(heads), quick_gelu_(quick_gelu), norm_eps_(norm_eps) {
  auto resblocks = child(*this, "resblocks");
  const std::int64_t d = width, h = hidden;
  for (int i = 0; i < layers; ++i) {
    auto block = child(*resblocks, std::to_string(i));
    auto ln_1 = child(*block, "ln_1"), attn = child(*block, "attn"), ln_2 = child(*block, "ln_2"),
         mlp = child(*block, "mlp");
    auto out = child(*attn, "out_proj"), fc = child(*mlp, "c_fc"), proj = child(*mlp, "c_proj");
    Block b;
    b.ln_1_weight = ln_1->put("weight", torch::ones({d}));
    b.ln_1_bias = ln_1->put("bias", torch::zeros({d}));
    const double xavier =
        std::sqrt(6.0 / (d + 3 * d));  // nn.MultiheadAttention: xavier_uniform over the stacked weight
    b.in_weight = attn->put("in_proj_weight", uniform_values({3 * d, d}, xavier));
    b.in_bias = attn->put("in_proj_bias", torch::zeros({3 * d}));
    b.out_weight = out->put("weight", default_uniform({d, d}, d));
    b.out_bias = out->put("bias", torch::zeros({d}));
    b.ln_2_weight = ln_2->put("weight", torch::ones({d}));
    b.ln_2_bias = ln_2->put("bias", torch::zeros({d}));
    b.fc_weight = fc->put("weight", default_uniform({h, d}, d));
    b.fc_bias = fc->put("bias", default_uniform({h}, d));
    b.proj_weight = proj->put("weight", default_uniform({d, h}, h));
    b.proj_bias = proj->put("bias", default_uniform({d}, h));
    blocks_.push_back(b);
  }
}

void TransformerImpl::pack() {
  for (Block& b : blocks_)
    for (Tensor* weight : {&b.in_weight, &b.out_weight, &b.fc_weight, &b.proj_weight}) *weight = pack_linear(*weight);
}

Tensor TransformerImpl::run_block(const Block& b, Tensor x, bool causal, bool first_only,
                                  const std::vector<TokenGroup>& groups) const {
  Tensor y = apply_linear(layer_norm(x, b.ln_1_weight, b.ln_1_bias, norm_eps_), b.in_weight, b.in_bias);
  y = attention(y, heads_, causal, groups);
  if (first_only) x = x.narrow(1, 0, 1).contiguous(), y = y.narrow(1, 0, 1).contiguous();  // [B,T,d] -> [B,1,d]
  x = add_to(x, apply_linear(y, b.out_weight, b.out_bias));
  y = apply_linear(layer_norm(x, b.ln_2_weight, b.ln_2_bias, norm_eps_), b.fc_weight, b.fc_bias);
  y = quick_gelu_ ? quick_gelu(y) : at::gelu(y);
  return add_to(x, apply_linear(y, b.proj_weight, b.proj_bias));
}

Tensor TransformerImpl::forward(Tensor x, bool causal, bool first_only, const std::vector<TokenGroup>& groups) {
  for (const Block& b : blocks_) {
    const bool first = first_only && &b == &blocks_.back();
    const auto run = [&b, causal, first, groups, this](const Tensor& in) {
      return run_block(b, in, causal, first, groups);
    };
    x = recompute_ && torch::GradMode::is_enabled() ? recomputed(run, x) : run(x);
  }
  return x;
}

}  // namespace cliplab
