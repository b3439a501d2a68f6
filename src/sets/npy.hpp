// NumPy's .npy files as far as labels need them: one row of numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// The values of an array of one dimension (or of several with one entry in all but one), of booleans, integers or
/// floating-point numbers of either byte order. Throws InputError naming `where`: another type (objects are pickles and
/// are never opened), sizes that do not fit the data.
std::vector<double> read_npy(std::string_view bytes, const std::string& where);

}  // namespace cliplab
