// Compiled for any x86-64 (-march=x86-64) and free of C++ library templates: it runs on processors that the rest of the
// program does not support, and the linker must find no template here that was compiled for AVX2.
#include "base/cpu.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cliplab {
namespace {

constexpr Isa kLevels[] = {Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16};

Processor processor;
Isa level = Isa::kPortable;

Isa best_of(const Processor& p) {
  if (!p.avx2) return Isa::kPortable;
  if (!p.avx512) return Isa::kAvx2;
  return p.bf16 ? Isa::kAvx512Bf16 : Isa::kAvx512;
}

/// Keeps LibTorch's libraries to the level that the user asked for; a variable that is set already stays.
void limit_libraries(Isa isa) {
  if (isa == Isa::kAvx512Bf16) return;
  const bool avx2 = isa == Isa::kAvx2;
  setenv("ATEN_CPU_CAPABILITY", avx2 ? "avx2" : "avx512", 0);
  setenv("ONEDNN_MAX_CPU_ISA", avx2 ? "AVX2" : "AVX512_CORE", 0);
  setenv("MKL_ENABLE_INSTRUCTIONS", avx2 ? "AVX2" : "AVX512", 0);
}

void stop(const char* problem) {
  dprintf(STDERR_FILENO, "cliplab: %s\n", problem);
  _exit(1);
}

#ifdef __x86_64__
void check_processor() {
  char problem[256];
  choose_isa(this_processor(), nullptr, problem, sizeof problem);
  if (*problem != '\0') stop(problem);
}

/// Before the constructors of the shared libraries too: they call templates of this program in place of their own
/// copies (libtorch does so with std::vector's).
__attribute__((section(".preinit_array"), used)) void (*const kFirstOfAll)() = check_processor;
#endif

/// Before the constructors of this program's other files, which have the default priority.
__attribute__((constructor(101))) void choose_at_start() {
  processor = this_processor();
  const char* const wanted = getenv("CLIPLAB_ISA");
  char problem[256];
  level = choose_isa(processor, wanted, problem, sizeof problem);
  if (*problem != '\0') stop(problem);
  if (wanted != nullptr && *wanted != '\0' && processor.x86) limit_libraries(level);
}

}  // namespace

const char* name_of(Isa isa) {
  if (isa == Isa::kAvx2) return "avx2";
  if (isa == Isa::kAvx512) return "avx512";
  return isa == Isa::kAvx512Bf16 ? "avx512bf16" : "portable";
}

Isa isa() { return level; }
bool supports_bf16() { return level == Isa::kAvx512Bf16; }
bool supports_vnni() { return level >= Isa::kAvx512 && processor.vnni; }

Processor this_processor() {
  Processor p;
#ifdef __x86_64__
  __builtin_cpu_init();
  p.x86 = true;
  p.avx2 = __builtin_cpu_supports("x86-64-v3") != 0;
  p.avx512 = __builtin_cpu_supports("x86-64-v4") != 0;
  p.bf16 = __builtin_cpu_supports("avx512bf16") != 0;
  p.vnni = __builtin_cpu_supports("avx512vnni") != 0;
#endif
  return p;
}

Isa choose_isa(const Processor& p, const char* wanted, char* problem, std::size_t problem_bytes) {
  *problem = '\0';
  const Isa best = best_of(p);
  if (p.x86 && !p.avx2) {
    snprintf(problem, problem_bytes,
             "this processor lacks AVX2, expected one of level x86-64-v3 (Intel since Haswell, AMD since Zen); use a "
             "newer machine");
    return best;
  }
  if (wanted == nullptr || *wanted == '\0') return best;
  for (const Isa isa : kLevels)
    if (strcmp(wanted, name_of(isa)) == 0) {
      if (isa <= best) return isa;
      snprintf(problem, problem_bytes,
               "CLIPLAB_ISA: '%s', expected at most '%s' on this processor; unset it to use the best", wanted,
               name_of(best));
      return best;
    }
  snprintf(problem, problem_bytes,
           "CLIPLAB_ISA: '%.40s', expected avx2, avx512 or avx512bf16; unset it to use the best", wanted);
  return best;
}

}  // namespace cliplab
