// The device to compute on; for the files of this layer only.
#pragma once

#include <torch/torch.h>

#include <string>

namespace cliplab {

/// "cpu" or "cuda". CUDA's backend is a gigabyte of libraries: loaded only when it is asked for. Throws InputError when
/// there is no usable device.
torch::Device open_device(const std::string& name);

/// "fp32", "bf16" or "fp16". Throws InputError for another word.
torch::ScalarType open_precision(const std::string& name);

}  // namespace cliplab
