#include "base/process.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace cliplab {

bool end_with_parent(pid_t parent, int signal) {
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal));
  return ::getppid() == parent;  // it may have ended before the kernel was asked
}

void end_with_launcher() {
  const char* text = std::getenv("CLIPLAB_LAUNCHER");
  const long launcher = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  // Under mpirun and the like another process is the parent; those stop their own children.
  if (launcher > 1 && ::getppid() == launcher && !end_with_parent(static_cast<pid_t>(launcher), SIGTERM))
    std::raise(SIGTERM);
}

}  // namespace cliplab
