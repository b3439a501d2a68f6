// The symmetric contrastive loss (paper Fig 3): cross-entropy over the rows and the columns of scale * I T^T.
#pragma once

#include <torch/torch.h>

namespace cliplab {

/// image, text [B, E] fp32 not normalised; logit_scale [] = ln of the scale. -> [] mean of both directions.
torch::Tensor contrastive_loss(const torch::Tensor& image, const torch::Tensor& text, const torch::Tensor& logit_scale);

/// After each step: the scale stays in [1, 100] (paper 2.5; open_clip clamps to [0, ln 100]).
void clamp_logit_scale(torch::Tensor& logit_scale);

}  // namespace cliplab
