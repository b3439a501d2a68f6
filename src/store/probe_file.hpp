// A fitted probe on disk, bound to the key of all that decides it: classifier and the search that chose its penalty.
#pragma once

#include <filesystem>
#include <string>

#include "base/matrix.hpp"

namespace cliplab {

struct StoredProbe {
  Matrix weight;      // [C, D]
  Vector bias;        // [C]
  double lambda = 0;  // the penalty that was chosen
  MatrixD search;     // [fits, 5] lambda, validation score, its loss, objective, iterations
};

/// Throws InputError naming the file when the disk is full or not writable.
void write_probe(const std::filesystem::path& path, const std::string& key, const StoredProbe& probe);
/// Throws InputError when the file is damaged or was written under another key.
StoredProbe read_probe(const std::filesystem::path& path, const std::string& key);

}  // namespace cliplab
