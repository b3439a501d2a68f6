// The symmetric contrastive loss (paper Fig 3): cross-entropy over the rows and the columns of scale * I T^T.
#pragma once

#include <torch/torch.h>

#include "train/comm/comm.hpp"

namespace cliplab {

/// image, text [B, E] not normalised; logit_scale [] = ln of the scale. -> [] mean of both directions.
torch::Tensor contrastive_loss(const torch::Tensor& image, const torch::Tensor& text, const torch::Tensor& logit_scale);

/// The same over the ranks, image and text [b, E] this rank's part of the batch of B = W b pairs -> [] its share: the
/// shares sum up to the loss of the whole batch, and so do the ranks' gradients of everything before. Logits exist tile
/// by tile: memory is O(B E), and a tile. Twice differentiable it is not.
torch::Tensor blockwise_contrastive_loss(const torch::Tensor& image, const torch::Tensor& text,
                                         const torch::Tensor& logit_scale, Comm& comm);

/// Whichever of the two suits the batch.
torch::Tensor shared_contrastive_loss(const torch::Tensor& image, const torch::Tensor& text,
                                      const torch::Tensor& logit_scale, Comm& comm);

/// After each step: the scale stays in [1, 100] (paper 2.5; open_clip clamps to [0, ln 100]).
void clamp_logit_scale(torch::Tensor& logit_scale);

}  // namespace cliplab
