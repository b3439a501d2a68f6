// A process alone, and the choice by what the launcher left in the environment.
#include "train/comm/comm.hpp"

#include <cstdlib>

#include "base/progress.hpp"
#include "train/train.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

class SingleComm : public Comm {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::string name() const override { return "single"; }
  Tensor all_gather(const Tensor& x) override { return x; }
  std::function<void()> start_all_reduce(Tensor) override {
    return [] {};
  }
  void broadcast(const Tensor&) override {}
  void barrier() override {}
  void abort(int exit_code) override { std::_Exit(exit_code); }
};

std::shared_ptr<Comm> open_comm() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})  // mpirun; srun with PMI-2 and PMIx
    if (std::getenv(name) != nullptr) return mpi_comm();
  if (std::getenv("RANK") != nullptr && std::getenv("WORLD_SIZE") != nullptr && std::getenv("MASTER_ADDR") != nullptr)
    return nccl_comm();
  return single_comm();
}

}  // namespace

std::shared_ptr<Comm> single_comm() { return std::make_shared<SingleComm>(); }

Ranks::Ranks() : comm_(open_comm()) {
  if (rank() > 0) silence_progress();
}
int Ranks::rank() const { return comm_->rank(); }
int Ranks::size() const { return comm_->size(); }

void Ranks::abort(const std::string& reason) const {
  if (size() > 1) {
    say_always("cliplab: rank " + std::to_string(rank()) + " of " + std::to_string(size()) + ": " + reason);
    comm_->abort(1);
  }
}

}  // namespace cliplab
