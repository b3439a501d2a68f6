// What a training minimises (paper 2.3, Figure 2), one file each; the table is in objective.cpp. Contrastive ones
// compare the pairs of a batch, which is the work of step.cpp: they differ in the text tower. The others predict a
// caption from its picture: their loss is a sum over pairs, so ranks and micro-batches simply add up.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/towers/modules.hpp"

namespace cliplab {

using Captions = std::span<const std::vector<std::int32_t>>;  // ids with start and end of text

struct Objective {
  std::string name;
  /// features [B, E] of encode_image and their captions -> [] the sum of the losses of all terms. Null: contrastive.
  torch::Tensor (*sum)(Clip& model, const torch::Tensor& features, Captions captions) = nullptr;
  /// How many terms these captions have: the loss is the mean over those of the whole batch.
  std::int64_t (*terms)(Captions captions) = nullptr;
};

/// Throws InputError with the names for an unknown one.
const Objective& find_objective(const std::string& name);

Objective bow_prediction();
Objective captioning();

}  // namespace cliplab
