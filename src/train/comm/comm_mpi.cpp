// Comm over MPI, for processors: any MPI library, launched by its mpirun or by srun.
#include "base/error.hpp"
#include "train/comm/comm.hpp"

#ifdef CLIPLAB_WITH_MPI
#define OMPI_SKIP_MPICXX  // the C++ bindings that the standard dropped
#define MPICH_SKIP_MPICXX
#include <mpi.h>

#include <algorithm>
#include <vector>
#endif

namespace cliplab {

#ifdef CLIPLAB_WITH_MPI
namespace {

using torch::Tensor;

constexpr std::int64_t kMost = std::int64_t{1} << 30;  // elements a call: MPI counts in int

MPI_Datatype type_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case torch::kFloat32:
      return MPI_FLOAT;
    case torch::kFloat64:
      return MPI_DOUBLE;
    case torch::kInt64:
      return MPI_INT64_T;
    default:
      TORCH_INTERNAL_ASSERT(false, "a type that nobody sends: ", x.scalar_type());
  }
}

class MpiComm : public Comm {
 public:
  MpiComm() {
    // Collectives start from autograd's hooks too, in whichever thread runs them, never two at a time.
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    if (provided < MPI_THREAD_SERIALIZED)
      fail("MPI", "a library for one thread", "MPI_THREAD_SERIALIZED", "use another build of MPI");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  ~MpiComm() override {
    int done = 0;
    MPI_Finalized(&done);
    if (done == 0) MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "mpi"; }

  Tensor all_gather(const Tensor& x) override {
    const Tensor part = x.contiguous();
    auto shape = part.sizes().vec();
    TORCH_INTERNAL_ASSERT(!shape.empty() && part.numel() < kMost);
    shape[0] *= size_;
    Tensor all = torch::empty(shape, part.options());
    const int count = static_cast<int>(part.numel());
    MPI_Allgather(part.data_ptr(), count, type_of(part), all.data_ptr(), count, type_of(part), MPI_COMM_WORLD);
    return all;
  }

  std::function<void()> start_all_reduce(Tensor x) override {
    TORCH_INTERNAL_ASSERT(x.is_contiguous() && x.device().is_cpu());
    auto requests = std::make_shared<std::vector<MPI_Request>>();
    for (std::int64_t begin = 0; begin < x.numel(); begin += kMost) {
      requests->emplace_back();
      MPI_Iallreduce(MPI_IN_PLACE, static_cast<char*>(x.data_ptr()) + begin * x.element_size(),
                     static_cast<int>(std::min(kMost, x.numel() - begin)), type_of(x), MPI_SUM, MPI_COMM_WORLD,
                     &requests->back());
    }
    return [requests, x] { MPI_Waitall(static_cast<int>(requests->size()), requests->data(), MPI_STATUSES_IGNORE); };
  }

  void broadcast(const Tensor& x) override {
    TORCH_INTERNAL_ASSERT(x.is_contiguous() && x.device().is_cpu());
    for (std::int64_t begin = 0; begin < x.numel(); begin += kMost)
      MPI_Bcast(static_cast<char*>(x.data_ptr()) + begin * x.element_size(),
                static_cast<int>(std::min(kMost, x.numel() - begin)), type_of(x), 0, MPI_COMM_WORLD);
  }

  void barrier() override { MPI_Barrier(MPI_COMM_WORLD); }

  void abort(int exit_code) override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);
  }

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace

std::shared_ptr<Comm> mpi_comm() {
  int done = 0;
  MPI_Finalized(&done);
  if (done != 0) return single_comm();  // the next cell of a sweep, which runs on one rank only; MPI starts once
  return std::make_shared<MpiComm>();
}

#else

std::shared_ptr<Comm> mpi_comm() {
  fail("mpirun", "a cliplab built without MPI", "one with it",
       "install libopenmpi-dev, delete build/release and run ./cliplab again");
}

#endif

}  // namespace cliplab
