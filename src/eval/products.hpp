// The two matrix products of a linear classifier's objective, for the widest vectors of the level in use
// (base/cpu.hpp). Raw pointers: the bodies are compiled once for each width, and must instantiate nothing that other
// files share.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace cliplab {

template <class T>
struct Products {
  std::string_view name;  // "avx512", "avx2", "portable"
  int lanes;              // T a vector: class columns and feature rows are padded to a multiple of it

  /// A weight row of `depth` doubles a class -> packed [padded(classes) * depth], zeros in the padding.
  void (*pack)(const double* const* weight, std::ptrdiff_t classes, std::ptrdiff_t depth, T* packed);
  /// z [rows, padded(classes)] = bias + x [rows, depth] * weight'; bias [padded(classes)].
  void (*logits)(const T* x, std::ptrdiff_t x_stride, std::ptrdiff_t rows, std::ptrdiff_t depth, const T* packed,
                 const T* bias, std::ptrdiff_t classes, T* z);
  /// sum[c] [columns] += r [rows, classes]' * x [rows, columns]: in T over the rows of a call, then in double. Rows of
  /// x are readable up to padded(columns).
  void (*gradient)(const T* r, std::ptrdiff_t r_stride, const T* x, std::ptrdiff_t x_stride, std::ptrdiff_t rows,
                   std::ptrdiff_t classes, std::ptrdiff_t columns, double* const* sum);

  std::ptrdiff_t padded(std::ptrdiff_t count) const { return (count + lanes - 1) / lanes * lanes; }
};

/// Those that this processor runs, the widest first. T: float, double.
template <class T>
std::span<const Products<T>> available_products();

template <class T>
const Products<T>& products() {
  return available_products<T>().front();
}

}  // namespace cliplab
