// The factor on the loss that keeps gradients within fp16's range (Micikevicius et al. 2018), by the rule of PyTorch's
// GradScaler: halved when a gradient is not finite, which costs the step; doubled after 2,000 steps in a row without
// that.
#pragma once

#include <cstdint>

namespace cliplab {

struct LossScaler {
  double scale = 1;  // 1: not in use
  std::int64_t good_steps = 0;

  static LossScaler for_fp16() { return {65536, 0}; }
  bool in_use() const { return scale > 1; }

  void update(bool finite) {
    if (!finite) {
      scale /= 2, good_steps = 0;
    } else if (++good_steps == 2000) {
      scale *= 2, good_steps = 0;
    }
  }
};

}  // namespace cliplab
