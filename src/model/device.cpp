// libtorch_cuda.so by dlopen, which registers its kernels.
#include "model/device.hpp"

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
    fail("model.device", "'" + name + "' but no usable CUDA device or driver", "a CUDA device", "use --model.device cpu");
  return torch::kCUDA;
}

}  // namespace cliplab
