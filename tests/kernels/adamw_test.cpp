// AdamW's update in float32 and float64 against the rule in long double.
#include "kernels/adamw.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.hpp"

namespace cliplab {
namespace {

template <class T>
class AdamWKernel : public ::testing::Test {};
using Numbers = ::testing::Types<float, double>;
TYPED_TEST_SUITE(AdamWKernel, Numbers);

TYPED_TEST(AdamWKernel, IsTheRuleForEveryLengthOfTail) {
  using T = TypeParam;
  const AdamWStep step{0.9, 0.98, 1e-6, 3e-3, 1.7, 0.999};
  for (const std::int64_t n : {1, 7, 16, 33, 1000}) {
    Rng rng(3, static_cast<std::uint64_t>(n));
    const auto values = [&](double from, double to) {
      std::vector<T> all(n);
      for (T& x : all) x = static_cast<T>(from + (to - from) * rng.uniform());
      return all;
    };
    std::vector<T> w = values(-1, 1), g = values(-0.1, 0.1), m = values(-0.1, 0.1), v = values(0, 0.01);
    const std::vector<T> w0 = w, m0 = m, v0 = v;
    adamw_cpu(w.data(), g.data(), m.data(), v.data(), n, step);
    const double eps = std::numeric_limits<T>::epsilon();
    for (std::int64_t i = 0; i < n; ++i) {
      const long double first = 0.9L * m0[i] + 0.1L * g[i], second = 0.98L * v0[i] + 0.02L * g[i] * g[i];
      // Each term rounds its factors (1 - beta too: of 0.98 in float, by 2^-25 / 0.02) and itself.
      ASSERT_NEAR(m[i], static_cast<double>(first), 4 * eps * 0.1);
      ASSERT_NEAR(v[i], static_cast<double>(second), 4 * eps * (v0[i] + g[i] * g[i]));
      // From the moments as they are: a product, a root, a sum, a quotient and two products.
      const long double change = 3e-3L * m[i] / (std::sqrt(static_cast<long double>(v[i])) * 1.7L + 1e-6L),
                        expected = 0.999L * w0[i] - change;
      const double tolerance = 4 * eps * (std::abs(static_cast<double>(w0[i])) + std::abs(static_cast<double>(change)));
      ASSERT_NEAR(w[i], static_cast<double>(expected), tolerance) << i << " of " << n;
      if (std::abs(change) > 1e-3L) {
        ASSERT_GT(std::abs(static_cast<double>(w[i] - expected - 0.01L * change)), tolerance) << "1 % off must be seen";
      }
    }
  }
}

TYPED_TEST(AdamWKernel, MomentsNearNothingBecomeNothingAndNanStays) {
  using T = TypeParam;
  const AdamWStep step{0.9, 0.98, 1e-6, 3e-3, 1.7, 1};
  std::vector<T> w(20, T{1}), g(20, T{0}), m(20, T(1e-30)), v(20, T(1e-30));
  g[3] = std::numeric_limits<T>::quiet_NaN();
  adamw_cpu(w.data(), g.data(), m.data(), v.data(), 20, step);
  for (int i = 0; i < 20; ++i) {
    if (i == 3) continue;
    ASSERT_EQ(m[i], 0);
    ASSERT_EQ(v[i], 0);
    ASSERT_EQ(w[i], 1);
  }
  EXPECT_TRUE(std::isnan(w[3]) && std::isnan(m[3]) && std::isnan(v[3]));
}

}  // namespace
}  // namespace cliplab
