// Compiled so that the compiler vectorises it: a square root that may set errno and a comparison that may trap keep a
// loop scalar.
#include "kernels/adamw.hpp"

#include <cmath>

namespace cliplab {
namespace {

// Moments of rarely used embedding rows decay towards denormal numbers, which cost a hundred times a normal one: after
// some 700 steps the update of 49,408 rows was two thirds of a step. Far below what changes a float32 weight.
constexpr float kNothing = 1e-30f;

template <class T>
void update(T* __restrict w, const T* __restrict g, T* __restrict m, T* __restrict v, std::int64_t n,
            const AdamWStep& step) {
  const T beta1 = static_cast<T>(step.beta1), beta2 = static_cast<T>(step.beta2), eps = static_cast<T>(step.eps);
  const T rate = static_cast<T>(step.rate), root = static_cast<T>(step.root), keep = static_cast<T>(step.keep);
  for (std::int64_t i = 0; i < n; ++i) {
    const T first = beta1 * m[i] + (1 - beta1) * g[i], second = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
    m[i] = std::abs(first) < T{kNothing} ? T{0} : first;
    v[i] = second < T{kNothing} ? T{0} : second;
    w[i] = keep * w[i] - rate * m[i] / (std::sqrt(v[i]) * root + eps);
  }
}

}  // namespace

void adamw_cpu(float* w, const float* g, float* m, float* v, std::int64_t n, const AdamWStep& step) {
  update(w, g, m, v, n, step);
}

void adamw_cpu(double* w, const double* g, double* m, double* v, std::int64_t n, const AdamWStep& step) {
  update(w, g, m, v, n, step);
}

}  // namespace cliplab
