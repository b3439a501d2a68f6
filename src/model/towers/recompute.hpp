// Gradient checkpointing (paper 2.5; Chen et al. 2016): memory for time.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace cliplab {

/// f(x), of which x alone is kept until backward, where f is computed again. Parameters that f reads get their
/// gradients.
torch::Tensor recomputed(std::function<torch::Tensor(const torch::Tensor&)> f, const torch::Tensor& x);

/// Is this thread in the second computation? Running statistics count the first alone.
bool recomputing();

}  // namespace cliplab
