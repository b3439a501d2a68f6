// Buckets follow the reverse order of registration, which is about the order in which backward finishes (as PyTorch's
// DDP).
#include "train/comm/reducer.hpp"

namespace cliplab {

using torch::Tensor;

struct GradientReducer::Hook : torch::autograd::PostAccumulateGradHook {
  Hook(GradientReducer* reducer_, std::size_t bucket_) : reducer(reducer_), bucket(bucket_) {}
  void operator()(const torch::autograd::Variable&) override { reducer->on_gradient(bucket); }
  GradientReducer* reducer;
  std::size_t bucket;
};

GradientReducer::GradientReducer(std::vector<Tensor> parameters, Comm& comm, std::int64_t bucket_bytes) : comm_(comm) {
  if (comm.size() == 1) return;
  std::int64_t bytes = 0;
  for (auto parameter = parameters.rbegin(); parameter != parameters.rend(); ++parameter) {
    if (buckets_.empty() || bytes >= bucket_bytes) buckets_.emplace_back(), bytes = 0;
    buckets_.back().parameters.push_back(*parameter);
    bytes += static_cast<std::int64_t>(parameter->nbytes());
    torch::autograd::impl::set_post_acc_grad_hooks(*parameter, std::make_unique<Hook>(this, buckets_.size() - 1));
  }
  for (Bucket& bucket : buckets_) {
    std::int64_t count = 0;
    for (const Tensor& parameter : bucket.parameters) count += parameter.numel();
    bucket.flat = torch::empty({count}, bucket.parameters.front().options().requires_grad(false));
  }
}

GradientReducer::~GradientReducer() {
  for (const Bucket& bucket : buckets_)
    for (const Tensor& parameter : bucket.parameters)
      torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
}

template <class Use>
void GradientReducer::for_slices(Bucket& bucket, Use use) {
  std::int64_t begin = 0;
  for (Tensor& parameter : bucket.parameters) {
    use(parameter, bucket.flat.narrow(0, begin, parameter.numel()).view(parameter.sizes()));
    begin += parameter.numel();
  }
}

void GradientReducer::expect() {
  for (Bucket& bucket : buckets_) bucket.ready = 0;
  sent_ = 0, expecting_ = true;
}

void GradientReducer::on_gradient(std::size_t bucket) {
  if (!expecting_) return;
  ++buckets_[bucket].ready;
  // In one order on all ranks, whatever order backward takes.
  while (sent_ < buckets_.size() && buckets_[sent_].ready == buckets_[sent_].parameters.size()) send(buckets_[sent_++]);
}

void GradientReducer::send(Bucket& bucket) {
  const torch::NoGradGuard no_grad;
  for_slices(bucket, [](const Tensor& parameter, Tensor slice) {
    if (parameter.grad().defined()) {
      slice.copy_(parameter.grad());
    } else {
      slice.zero_();
    }
  });
  bucket.wait = comm_.start_all_reduce(bucket.flat);
}

void GradientReducer::finish() {
  const torch::NoGradGuard no_grad;
  expecting_ = false;
  while (sent_ < buckets_.size()) send(buckets_[sent_++]);
  for (Bucket& bucket : buckets_) {
    bucket.wait();
    for_slices(bucket, [](Tensor& parameter, const Tensor& slice) {
      if (!parameter.grad().defined()) parameter.mutable_grad() = torch::empty_like(parameter);
      parameter.mutable_grad().copy_(slice);
    });
  }
}

}  // namespace cliplab
