// The paper's nine models with what they were trained with, for tables. No torch here.
#pragma once

#include <vector>

#include "model/architecture.hpp"

namespace cliplab {

/// A model of the paper and what it was trained with: the peak learning rate, and AdamW's decays and epsilon (Tables 18
/// to 20). `width` is that of the image tower's last features before the joint space (ResNet: before attention
/// pooling).
struct PaperModel {
  Architecture architecture;
  int width = 0;
  double learning_rate = 0, beta1 = 0, beta2 = 0, eps = 0;
};
std::vector<PaperModel> paper_models();

}  // namespace cliplab
