// The probe's objective on the processor, in float32 or float64 products with float64 sums.
#pragma once

#include <memory>
#include <vector>

#include "base/stacked_objective.hpp"

namespace cliplab {

/// Keep: a copy of the features, less `shift`, in the type of the products. Stream: one chunk and the next at a time.
enum class Residence { kKeep, kStream };

struct ObjectiveOptions {
  bool float64 = false;
  Residence residence = Residence::kKeep;
  Eigen::Index chunk_rows = 0;  // 0: some megabytes of features and logits
};

/// features less `shift` [D] (a mean, or empty for none). The same bits whatever the number of threads.
std::unique_ptr<StackedObjective> softmax_objective(RowSource features, Eigen::Index logits, const VectorD& shift,
                                                    const ObjectiveOptions& options);

/// Makes the objective: softmax_objective, or the one of model/torch_objective.hpp, passed in by a layer that sees
/// both.
using ObjectiveFactory = std::function<std::unique_ptr<StackedObjective>(
    RowSource features, Eigen::Index logits, const VectorD& shift, const ObjectiveOptions& options)>;

/// Bytes that one evaluation of a streamed objective takes at most, in addition to the caller's points: two chunks of
/// rows and one as read, a chunk's logits, the stack's weights in float64 (the gradients) and in the products' type.
std::size_t streamed_bytes(Eigen::Index rows, Eigen::Index cols, Eigen::Index logits, Eigen::Index stacked,
                           const ObjectiveOptions& options);

/// A source that reads `features`, which must outlive it.
RowSource rows_of(const Matrix& features);

/// Mean row, in one pass.
VectorD mean_row(const RowSource& features);

}  // namespace cliplab
