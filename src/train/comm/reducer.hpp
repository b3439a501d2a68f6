// Sums gradients over the ranks, in buckets that leave as soon as backward has filled them.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "train/comm/comm.hpp"

namespace cliplab {

class GradientReducer {
 public:
  /// Hooks stay on the parameters, which must not outlive the reducer's last use. One process: nothing is hooked.
  GradientReducer(std::vector<torch::Tensor> parameters, Comm& comm, std::int64_t bucket_bytes = 25 << 20);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// The next backward pass adds the last of this step's gradients.
  void expect();
  /// Sends what backward left, waits; every gradient is then the sum over the ranks.
  void finish();

 private:
  struct Bucket {
    std::vector<torch::Tensor> parameters;
    torch::Tensor flat;
    std::size_t ready = 0;
    std::function<void()> wait;
  };
  struct Hook;
  void on_gradient(std::size_t bucket);
  void send(Bucket& bucket);
  template <class Use>
  static void for_slices(Bucket& bucket, Use use);

  Comm& comm_;
  std::vector<Bucket> buckets_;
  std::size_t sent_ = 0;
  bool expecting_ = false;
};

}  // namespace cliplab
