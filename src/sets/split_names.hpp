// What people call the parts of a data set: "Train", "training set", "val", "Testing". One table for every layout.
#pragma once

#include <string>
#include <string_view>

namespace cliplab {

/// "train", "validation", "trainval" or "test" for a name of such a part, whatever its case and separators; "" for any
/// other name.
std::string split_role(std::string_view name);

/// True if both are one name, or names of one role.
bool same_split(std::string_view a, std::string_view b);

}  // namespace cliplab
