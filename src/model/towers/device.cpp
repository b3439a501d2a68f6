// libtorch_cuda.so by dlopen, which registers its kernels.
#include "model/towers/device.hpp"

#include <dlfcn.h>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cliplab {

torch::Device open_device(const std::string& name) {
  if (name == "cpu") {
    at::set_num_threads(num_threads());
    return torch::kCPU;
  }
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr || !torch::cuda::is_available())
    fail("model.device", "'" + name + "' but no usable CUDA device or driver", "a CUDA device",
         "use --model.device cpu");
  return torch::kCUDA;
}

torch::ScalarType open_precision(const std::string& name) {
  if (name == "fp32") return torch::kFloat32;
  if (name == "bf16") return torch::kBFloat16;
  if (name == "fp16") return torch::kFloat16;
  fail("model.precision", "'" + name + "'", "fp32, bf16 or fp16");
}

}  // namespace cliplab
