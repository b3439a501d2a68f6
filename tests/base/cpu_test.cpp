// The choice of the instruction set.
#include "base/cpu.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace cliplab {
namespace {

using testing::HasSubstr;

constexpr Processor kArm{}, kNehalem{.x86 = true}, kHaswell{.x86 = true, .avx2 = true},
    kSkylakeServer{.x86 = true, .avx2 = true, .avx512 = true},
    kZen4{.x86 = true, .avx2 = true, .avx512 = true, .bf16 = true, .vnni = true};

struct Choice {
  Isa isa;
  std::string problem;
};

Choice choose(const Processor& processor, const char* wanted) {
  char problem[256];
  const Isa isa = choose_isa(processor, wanted, problem, sizeof problem);
  return {isa, problem};
}

TEST(Cpu, TheBestLevelOfTheProcessorIsTheDefault) {
  EXPECT_EQ(choose(kArm, nullptr).isa, Isa::kPortable);
  EXPECT_EQ(choose(kHaswell, nullptr).isa, Isa::kAvx2);
  EXPECT_EQ(choose(kSkylakeServer, "").isa, Isa::kAvx512);
  EXPECT_EQ(choose(kZen4, nullptr).isa, Isa::kAvx512Bf16);
  for (const Processor& p : {kArm, kHaswell, kSkylakeServer, kZen4}) EXPECT_EQ(choose(p, nullptr).problem, "");
}

TEST(Cpu, TheUserLowersTheLevel) {
  EXPECT_EQ(choose(kZen4, "avx2").isa, Isa::kAvx2);
  EXPECT_EQ(choose(kZen4, "avx512").isa, Isa::kAvx512);
  EXPECT_EQ(choose(kZen4, "avx512bf16").isa, Isa::kAvx512Bf16);
  EXPECT_EQ(choose(kZen4, "avx2").problem, "");
}

TEST(Cpu, ALevelThatTheProcessorLacksIsAnError) {
  EXPECT_EQ(choose(kHaswell, "avx512").problem,
            "CLIPLAB_ISA: 'avx512', expected at most 'avx2' on this processor; unset it to use the best");
  EXPECT_THAT(choose(kSkylakeServer, "avx512bf16").problem, HasSubstr("at most 'avx512'"));
  EXPECT_THAT(choose(kArm, "avx2").problem, HasSubstr("at most 'portable'"));
}

TEST(Cpu, AnUnknownLevelIsAnError) {
  EXPECT_THAT(choose(kZen4, "AVX2").problem, HasSubstr("'AVX2', expected avx2, avx512 or avx512bf16"));
  EXPECT_THAT(choose(kZen4, std::string(1000, 'x').c_str()).problem, HasSubstr("; unset it to use the best"));
}

TEST(Cpu, AProcessorBelowAvx2IsAnError) {
  EXPECT_THAT(choose(kNehalem, nullptr).problem, HasSubstr("lacks AVX2"));
  EXPECT_THAT(choose(kNehalem, "avx2").problem, HasSubstr("lacks AVX2"));
}

TEST(Cpu, ThisProcessHasTheLevelThatItWasAskedFor) {
  EXPECT_EQ(isa(), choose(this_processor(), std::getenv("CLIPLAB_ISA")).isa);
  EXPECT_EQ(supports_bf16(), isa() == Isa::kAvx512Bf16);
  EXPECT_EQ(supports_vnni(), isa() >= Isa::kAvx512 && this_processor().vnni);
#ifdef __x86_64__
  EXPECT_GE(isa(), Isa::kAvx2);
#endif
}

}  // namespace
}  // namespace cliplab
