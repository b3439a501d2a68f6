// A loop over independent items on all cores, without spinning while it waits.
#pragma once

#include <cstdint>
#include <functional>

namespace cliplab {

/// Cores this process may use (affinity and CLIPLAB_THREADS respected).
int num_threads();

/// Calls body(i) for each i in [0, count), each once, in no fixed order, on num_threads() threads.
/// The first exception thrown by a body stops the hand-out of items and is rethrown here.
void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace cliplab
