// Training for the parity tests and the comparison of speed: the trainer's own steps on a batch that somebody else
// made.
#pragma once

#include <span>
#include <string>

namespace cliplab {

/// MODEL BATCH OUT STEPS RATE DECAY MICRO_BATCH fp32|fp64|bf16|fp16 keep|recompute: STEPS AdamW steps at a constant
/// rate, on the ranks that the launcher started. Prints the median seconds of a step after the first and the peak of
/// memory in MB. BATCH is a safetensors file with pixels F32 [B, 3, R, R] and tokens I64 [B, T] padded with 0. OUT gets
/// loss F64 [STEPS], grad.<name> of the first step, and state.<name> after the last; "-": nothing is kept.
int debug_train(std::span<const std::string> arguments);

/// PAIRS WIDTH plain|blockwise: seconds of the loss with its gradients, the median of 5, and the peak of memory in MB.
int debug_loss_speed(std::span<const std::string> arguments);

}  // namespace cliplab
