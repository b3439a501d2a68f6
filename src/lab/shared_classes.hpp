// The classes that two data sets have in common, for shifts: ImageNet-A and -R have 200 of ImageNet's, the video sets'
// classes stand above several of it.
#pragma once

#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "lab/lab.hpp"

namespace cliplab {

/// The source's classes that the shift has: source class -> the shift's, in the order of the latter.
struct SharedClasses {
  std::vector<int> columns, owner;  // [S] of the source, of the shift
  int num_classes = 0;              // of the shift

  /// The shift's class of one of the source's; -1: it has none.
  int of_source(int label) const {
    const auto at = std::find(columns.begin(), columns.end(), label);
    return at == columns.end() ? -1 : owner[at - columns.begin()];
  }
};

/// Joined by the classes' names. Sets of one list of the catalogue (ImageNet and its shifts) meet in the list's keys,
/// so that one may call a class n01440764, another 0 or tench. Super-classes: by the WordNet ids below them, else by
/// their names. Throws InputError for a class of the shift that the source lacks.
SharedClasses shared_classes(Lab& lab, const std::string& source, const std::string& shift);

/// A classifier's logits of the source [N, C] -> of the shift's classes [N, S], the best of each one's columns.
Matrix on_shared(const Matrix& logits, const SharedClasses& shared);

}  // namespace cliplab
