// The update rule of AdamW (Loshchilov and Hutter 2019; torch.optim.AdamW), in one pass over memory.
#pragma once

#include <cstdint>

namespace cliplab {

/// What one step shares over all values.
struct AdamWStep {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double rate = 0;  // learning rate / (1 - beta1^step)
  double root = 1;  // 1 / sqrt(1 - beta2^step)
  double keep = 1;  // 1 - learning rate x weight decay
};

/// m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w = keep w - rate m / (sqrt(v) root + eps), element-wise
/// over n. Moments below 1e-30 become 0. The arrays do not overlap.
void adamw_cpu(float* w, const float* g, float* m, float* v, std::int64_t n, const AdamWStep& step);
void adamw_cpu(double* w, const double* g, double* m, double* v, std::int64_t n, const AdamWStep& step);

}  // namespace cliplab
