// How sets are built from packages. A recipe is one file that registers itself; no other file names it.
#pragma once

#include <string>
#include <vector>

#include "sets/built_set.hpp"

namespace cliplab {

constexpr int kPictureSide = 128;  // SVGs are drawn this large; bitmaps keep their size up to it

struct Recipe {
  int version = 1;             // changes when the output would: sets of another version are built anew
  std::vector<BuiltSet> sets;  // that it writes, one folder each
  void (*build)(int version) = nullptr;
};

/// `static const RecipeRegistration recipe({1, {{"openmoji", ...}}, build});`
struct RecipeRegistration {
  explicit RecipeRegistration(Recipe recipe);
};

}  // namespace cliplab
