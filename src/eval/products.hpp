// The two matrix products of a linear classifier's objective, for the widest vectors that the processor has; chosen at
// run time, so that a binary built for any x86-64 is as fast as one built for this machine. Raw pointers: the bodies
// are compiled several times, and nothing that is shared with other files may be instantiated there.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace cliplab {

template <class T>
struct Products {
  std::string_view name;  // "avx512", "avx2", "baseline"
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
