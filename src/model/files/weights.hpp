// Between a model in memory and a .safetensors file with OpenAI's tensor names. For src/model and src/train.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>

#include "model/files/clip_state.hpp"
#include "model/files/safetensors.hpp"
#include "model/towers/modules.hpp"

namespace cliplab {

/// Every parameter and buffer by its released name.
std::map<std::string, torch::Tensor> named_state(torch::nn::Module& module);

/// A view of a contiguous CPU tensor's bytes; the tensor must outlive it.
TensorBytes bytes_of(const torch::Tensor& tensor);
/// A copy of the bytes as a tensor.
torch::Tensor tensor_of(const TensorBytes& bytes);

/// Copies tensors named `prefix` + name into `state`. Throws InputError that lists every missing, unmatched and
/// misshapen tensor with the likely cause.
void load_state(const std::map<std::string, TensorBytes>& tensors, const std::string& prefix,
                std::map<std::string, torch::Tensor>& state, const std::string& where);

/// The same for a model that is not trained further: float32 tensors are used where they lie (the bytes must outlive
/// `state` and are never written), other floating types are converted to float32.
void adopt_state(const std::map<std::string, TensorBytes>& tensors, std::map<std::string, torch::Tensor>& state,
                 const std::string& where);

/// Puts LayerScale (open_clip's ls_init_value: a factor for each channel behind attention and MLP of a block) into the
/// projections before it, and leaves it out of `state`: the same function.
void fold_layer_scale(ClipState& state, const std::string& where);

void save_model(const std::filesystem::path& path, Clip& model, const std::map<std::string, std::string>& extra = {});

}  // namespace cliplab
