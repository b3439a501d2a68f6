// Comm over NCCL, one CUDA device a rank, launched by torchrun. The id that NCCL's ranks meet by goes through
// LibTorch's TCPStore at MASTER_ADDR:MASTER_PORT, which torchrun has ready. NCCL is the one that libtorch_cuda.so
// loads: taken by dlsym, so that a run on processors does not load it. Compiled and linked here; nothing was run on a
// GPU.
#include "base/error.hpp"
#include "train/comm/comm.hpp"

#ifdef CLIPLAB_WITH_NCCL
#include <dlfcn.h>
#include <nccl.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <cstdlib>

#include "model/towers/device.hpp"
#endif

namespace cliplab {

#ifdef CLIPLAB_WITH_NCCL
namespace {

using torch::Tensor;

/// A function of the NCCL library by its name, with the type that nccl.h gives it.
#define CLIPLAB_NCCL(function) reinterpret_cast<decltype(&(function))>(symbol(#function))

void* symbol(const char* name) {
  static void* library = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_GLOBAL);
  void* found = library == nullptr ? nullptr : ::dlsym(library, name);
  if (found == nullptr)
    fail("NCCL", std::string("no ") + name + " in libnccl.so.2", "the NCCL of the torch wheel",
         "./cliplab installs it");
  return found;
}

void check(ncclResult_t result, const char* what) {
  if (result != ncclSuccess) fail(std::string("NCCL ") + what, CLIPLAB_NCCL(ncclGetErrorString)(result), "success");
}

void check(cudaError_t result, const char* what) {
  if (result != cudaSuccess) fail(std::string("CUDA ") + what, cudaGetErrorString(result), "success");
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr)
    fail("torchrun", std::string("no ") + name + " in the environment",
         "RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT");
  return value;
}

ncclDataType_t type_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case torch::kFloat32:
      return ncclFloat32;
    case torch::kFloat64:
      return ncclFloat64;
    case torch::kInt64:
      return ncclInt64;
    default:
      TORCH_INTERNAL_ASSERT(false, "a type that nobody sends: ", x.scalar_type());
  }
}

class NcclComm : public Comm {
 public:
  NcclComm()
      : rank_(std::stoi(environment("RANK"))),
        size_(std::stoi(environment("WORLD_SIZE"))),
        device_(torch::kCUDA, static_cast<c10::DeviceIndex>(std::stoi(environment("LOCAL_RANK")))) {
    open_device("cuda");
    check(cudaSetDevice(device_.index()), "device of LOCAL_RANK");
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(std::stoi(environment("MASTER_PORT")));
    const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");  // torchrun's own store is at that port then
    options.isServer = rank_ == 0 && (agent == nullptr || std::string(agent) != "True");
    c10d::TCPStore store(environment("MASTER_ADDR"), options);
    ncclUniqueId id;
    if (rank_ == 0) {
      check(CLIPLAB_NCCL(ncclGetUniqueId)(&id), "unique id");
      store.set("cliplab/nccl", std::vector<std::uint8_t>(id.internal, id.internal + sizeof id.internal));
    } else {
      const auto bytes = store.get("cliplab/nccl");
      TORCH_INTERNAL_ASSERT(bytes.size() == sizeof id.internal);
      std::copy(bytes.begin(), bytes.end(), id.internal);
    }
    check(CLIPLAB_NCCL(ncclCommInitRank)(&comm_, size_, id, rank_), "start");
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream");
    barrier();  // rank 0 holds the store until all have read it
  }
  ~NcclComm() override { CLIPLAB_NCCL(ncclCommDestroy)(comm_); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "nccl"; }
  torch::Device device() const override { return device_; }

  Tensor all_gather(const Tensor& x) override {
    const Tensor part = x.contiguous();
    auto shape = part.sizes().vec();
    TORCH_INTERNAL_ASSERT(!shape.empty());
    shape[0] *= size_;
    Tensor all = torch::empty(shape, part.options());
    on_side_stream([&] {
      return CLIPLAB_NCCL(ncclAllGather)(part.data_ptr(), all.data_ptr(), part.numel(), type_of(part), comm_, stream_);
    })();
    return all;
  }

  std::function<void()> start_all_reduce(Tensor x) override {
    TORCH_INTERNAL_ASSERT(x.is_contiguous() && x.device() == device_);
    auto wait = on_side_stream([&] {
      return CLIPLAB_NCCL(ncclAllReduce)(x.data_ptr(), x.data_ptr(), x.numel(), type_of(x), ncclSum, comm_, stream_);
    });
    return [wait, x] { wait(); };
  }

  void broadcast(const Tensor& x) override {
    TORCH_INTERNAL_ASSERT(x.is_contiguous() && x.device() == device_);
    on_side_stream([&] {
      return CLIPLAB_NCCL(ncclBroadcast)(x.data_ptr(), x.data_ptr(), x.numel(), type_of(x), 0, comm_, stream_);
    })();
  }

  void barrier() override {
    all_reduce(torch::zeros({1}, torch::TensorOptions(torch::kFloat32).device(device_)));
    check(cudaStreamSynchronize(nullptr), "barrier");
  }

  void abort(int exit_code) override {
    CLIPLAB_NCCL(ncclCommAbort)(comm_);
    std::_Exit(exit_code);  // torchrun ends the others
  }

 private:
  /// Runs a collective in parallel to the default stream: it starts after the work that is queued there, and the
  /// returned call makes the default stream wait for it.
  template <class Collective>
  std::function<void()> on_side_stream(Collective collective) {
    cudaEvent_t ready, done;
    check(cudaEventCreateWithFlags(&ready, cudaEventDisableTiming), "event");
    check(cudaEventCreateWithFlags(&done, cudaEventDisableTiming), "event");
    check(cudaEventRecord(ready, nullptr), "event");
    check(cudaStreamWaitEvent(stream_, ready, 0), "event");
    check(collective(), "collective");
    check(cudaEventRecord(done, stream_), "event");
    return [ready, done] {
      check(cudaStreamWaitEvent(nullptr, done, 0), "event");
      cudaEventDestroy(ready), cudaEventDestroy(done);
    };
  }

  int rank_, size_;
  torch::Device device_;
  ncclComm_t comm_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

}  // namespace

std::shared_ptr<Comm> nccl_comm() { return std::make_shared<NcclComm>(); }

#else

std::shared_ptr<Comm> nccl_comm() {
  fail("torchrun", "a cliplab built without NCCL", "one with CUDA",
       "on processors use mpirun; with GPUs build where nvcc is");
}

#endif

}  // namespace cliplab
