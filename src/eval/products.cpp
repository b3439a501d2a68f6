// products_body.inc for two widths. `#pragma GCC target` holds for what is between push and pop only, and each copy is
// in its own namespace with no template of another header in it, so that the linker never takes an AVX-512 function
// for one that all processors run.
#include "eval/products.hpp"

#include <array>

#include "base/cpu.hpp"

namespace cliplab {
#ifdef __x86_64__
namespace avx2 {
#define CLIPLAB_VECTOR_BYTES 32
#define CLIPLAB_TILE_ROWS 6
#include "eval/products_body.inc"
#undef CLIPLAB_VECTOR_BYTES
#undef CLIPLAB_TILE_ROWS
}  // namespace avx2

#pragma GCC push_options
#pragma GCC target("avx512f,fma")
namespace avx512 {
#define CLIPLAB_VECTOR_BYTES 64
#define CLIPLAB_TILE_ROWS 12
#include "eval/products_body.inc"
}  // namespace avx512
#pragma GCC pop_options
#else
namespace portable {
#define CLIPLAB_VECTOR_BYTES 16
#define CLIPLAB_TILE_ROWS 6
#include "eval/products_body.inc"
}  // namespace portable
#endif

template <class T>
std::span<const Products<T>> available_products() {
#ifdef __x86_64__
  static const std::array<Products<T>, 2> kAll{avx512::table<T>("avx512"), avx2::table<T>("avx2")};
  return isa() >= Isa::kAvx512 ? kAll : std::span(kAll).subspan(1);
#else
  static const std::array<Products<T>, 1> kAll{portable::table<T>("portable")};
  return kAll;
#endif
}
template std::span<const Products<float>> available_products<float>();
template std::span<const Products<double>> available_products<double>();

}  // namespace cliplab
