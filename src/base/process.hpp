// Processes that end with the one that started them.
#pragma once

#include <sys/types.h>

namespace cliplab {

/// From now on the kernel sends `signal` to this process when `parent`, its parent, ends, however that ends. False if
/// the parent has ended already. Safe between fork and exec, and holds after exec.
bool end_with_parent(pid_t parent, int signal);

/// For a program that ./cliplab started: stops, as at Ctrl-C, when ./cliplab is killed (CLIPLAB_LAUNCHER holds its
/// number).
void end_with_launcher();

}  // namespace cliplab
