// The processes that train one model together: sums and gathers over them. Launching and rendezvous are the work of
// mpirun, srun and torchrun; here is what the trainer needs of MPI, of NCCL, and of a process alone. All ranks call the
// same functions in the same order, with the same shapes and types.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>

namespace cliplab {

class Comm {
 public:
  virtual ~Comm() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string name() const = 0;                         // "single", "mpi", "nccl"
  virtual torch::Device device() const { return torch::kCPU; }  // where tensors have to be

  /// x [n, ...] of every rank, one after another -> [W n, ...]. No gradient passes: ContrastiveLoss does that in closed
  /// form.
  virtual torch::Tensor all_gather(const torch::Tensor& x) = 0;
  /// Starts the sum over the ranks of a contiguous tensor in place; it is complete when the returned call has returned.
  virtual std::function<void()> start_all_reduce(torch::Tensor x) = 0;
  void all_reduce(const torch::Tensor& x) { start_all_reduce(x)(); }
  /// x of rank 0, in place.
  virtual void broadcast(const torch::Tensor& x) = 0;
  virtual void barrier() = 0;
  /// Ends every rank, because this one cannot continue and the others would wait for it. The caller has printed why.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

std::shared_ptr<Comm> single_comm();
/// comm_mpi.cpp. Throws InputError in a build without MPI.
std::shared_ptr<Comm> mpi_comm();
/// comm_nccl.cpp: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as torchrun sets them, one CUDA device a
/// rank. Throws InputError in a build without CUDA and where there is no device.
std::shared_ptr<Comm> nccl_comm();

}  // namespace cliplab
