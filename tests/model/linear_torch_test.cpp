// apply_linear against float64: values and all three gradients, whichever library takes the product.
#include <gtest/gtest.h>

#include "model/towers/modules.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

struct Result {
  Tensor y, dx, dw, db;
};

/// y = apply_linear(x, w, b) and the gradients of sum(y * dy).
template <class Linear>
Result run(const Linear& apply, const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& dy) {
  Tensor xs = x.detach().requires_grad_(), ws = w.detach().requires_grad_(), bs = b.detach().requires_grad_();
  const Tensor y = apply(xs, ws, bs);
  y.backward(dy);
  return {y.detach(), xs.grad(), ws.grad(), bs.grad()};
}

/// How far `found` may be from `exact`, at the worst element: a float32 sum of n products in any order is within
/// (n + 1) * 2^-24 times the sum of their absolute values, which is `sizes`. Over 1: too far.
double excess(const Tensor& found, const Tensor& exact, const Tensor& sizes, std::int64_t n) {
  return ((found.to(torch::kFloat64) - exact).abs() / (static_cast<double>(n + 1) * 0x1p-24 * sizes))
      .max()
      .item<double>();
}

TEST(Linear, EqualsFloat64InValueAndGradients) {
  torch::manual_seed(1);
  for (const std::vector<std::int64_t>& rows : {std::vector<std::int64_t>{1}, {37}, {3, 50}, {2, 5, 7}}) {
    for (const bool strided : {false, true}) {
      const std::int64_t K = 96, N = 130;
      std::vector<std::int64_t> x_shape = rows, y_shape = rows;
      x_shape.push_back(K), y_shape.push_back(N);
      const Tensor x = torch::randn(x_shape), b = torch::randn({N}), dy = torch::randn(y_shape);
      const Tensor w = strided ? torch::randn({K, N}).t() : torch::randn({N, K});
      const Result ours = run([](auto&&... a) { return apply_linear(a...); }, x, w, b, dy);
      const auto wide = [](const Tensor& t) { return t.to(torch::kFloat64); };
      const Result exact = run([](const Tensor& x, const Tensor& w, const Tensor& b) { return at::linear(x, w, b); },
                               wide(x), wide(w), wide(b), wide(dy));
      const auto size = [&](const Tensor& t) { return wide(t).abs(); };
      const Result sizes = run([](const Tensor& x, const Tensor& w, const Tensor& b) { return at::linear(x, w, b); },
                               size(x), size(w), size(b), size(dy));
      const std::int64_t M = x.numel() / K;
      EXPECT_LE(excess(ours.y, exact.y, sizes.y, K + 1), 1);
      EXPECT_LE(excess(ours.dx, exact.dx, sizes.dx, N), 1);
      EXPECT_LE(excess(ours.dw, exact.dw, sizes.dw, M), 1);
      EXPECT_LE(excess(ours.db, exact.db, sizes.db, M), 1);
      // The negative twin: one weight off by 1 % is seen in the values and in what flows back through it.
      Tensor off = w.clone();
      off[3][5] = off[3][5] * 1.01f + 0.01f;
      const Result other = run([](auto&&... a) { return apply_linear(a...); }, x, off, b, dy);
      EXPECT_GT(excess(other.y, exact.y, sizes.y, K + 1), 1);
      EXPECT_GT(excess(other.dx, exact.dx, sizes.dx, N), 1);
    }
  }
}

TEST(Linear, WithoutBiasWithoutGradientsAndInOtherTypes) {
  torch::manual_seed(2);
  const Tensor x = torch::randn({4, 64}), w = torch::randn({48, 64});
  const auto wide = [](const Tensor& t) { return t.to(torch::kFloat64); };
  const Tensor exact = at::linear(wide(x), wide(w)), sizes = at::linear(wide(x).abs(), wide(w).abs());
  {
    const torch::NoGradGuard no_grad;
    EXPECT_LE(excess(apply_linear(x, w), exact, sizes, 64), 1);
  }
  {
    const c10::InferenceMode inference;
    EXPECT_LE(excess(apply_linear(x.clone(), w.clone()), exact, sizes, 64), 1);
  }
  const Tensor half = apply_linear(x.to(torch::kBFloat16), w);  // the weight takes the type of x
  EXPECT_EQ(half.scalar_type(), torch::kBFloat16);
  EXPECT_LE(excess(half, exact, sizes, 64), 0x1p16);  // three roundings to 2^-8 of operands and result
  EXPECT_EQ(apply_linear(torch::empty({0, 64}), w).sizes(), (std::vector<std::int64_t>{0, 48}));
}

}  // namespace
}  // namespace cliplab
