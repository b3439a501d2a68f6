// The only place that asks for the processor's instruction set. The build targets x86-64-v3 (AVX2 and FMA); wider code
// is chosen at run time from isa(). Before main, cpu.cpp stops the program with one line where the processor lacks AVX2
// or CLIPLAB_ISA is wrong.
#pragma once

#include <cstddef>

namespace cliplab {

/// Ascending: each level has the instructions of those before it.
enum class Isa {
  kPortable,    // not x86
  kAvx2,        // x86-64-v3
  kAvx512,      // x86-64-v4: AVX-512 F, BW, CD, DQ and VL
  kAvx512Bf16,  // and products of bfloat16
};

/// "portable", "avx2", "avx512" or "avx512bf16".
const char* name_of(Isa isa);

/// The level in use: the processor's best, or CLIPLAB_ISA=avx2|avx512|avx512bf16, which may only lower it. CLIPLAB_ISA
/// also limits the libraries of LibTorch (ATen, oneDNN, MKL).
Isa isa();

/// True if the level in use multiplies bfloat16 values without conversion to float32.
bool supports_bf16();
/// True if the level in use is AVX-512 and the processor has VNNI (products of bytes), which is a separate extension.
bool supports_vnni();

struct Processor {
  bool x86 = false, avx2 = false, avx512 = false, bf16 = false, vnni = false;
};
Processor this_processor();

/// The level for this processor and this CLIPLAB_ISA (null or empty: the best one). On an error, fills `problem` with
/// its line.
Isa choose_isa(const Processor& processor, const char* wanted, char* problem, std::size_t problem_bytes);

}  // namespace cliplab
