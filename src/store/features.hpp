// Features on disk: an encoder's output for a split, the truth of the same samples, and which samples they are. A file
// is whole or absent, sealed, and bound to the key of all that decides its numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "base/truth.hpp"

namespace cliplab {

class H5Reader;

struct StoredFeatures {
  Matrix x;                          // [N, D]
  Truth truth{};                     // of N samples, or of none (captioned pictures)
  std::vector<std::int64_t> rows{};  // [N] which samples of the split these are
  std::int64_t undecodable = 0;      // pictures that were left out because they cannot be decoded
};

/// Throws InputError naming the file when the disk is full or not writable.
void write_features(const std::filesystem::path& path, const std::string& key, const StoredFeatures& features);
/// Throws InputError when the file is damaged or was written under another key.
StoredFeatures read_features(const std::filesystem::path& path, const std::string& key);

/// The matrix alone, a chunk of rows at a time: `produce` fills count * cols numbers.
void write_feature_rows(const std::filesystem::path& path, const std::string& key, std::int64_t rows, std::int64_t cols,
                        const std::function<void(std::int64_t begin, std::int64_t count, float* values)>& produce);

/// Features that stay in their file. The seal is checked when it is opened; the file is not to change after that.
class FeatureFile {
 public:
  /// Throws InputError when the file is damaged or was written under another key.
  FeatureFile(const std::filesystem::path& path, const std::string& key);
  ~FeatureFile();
  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  /// Rows [begin, begin + count) into count * cols() numbers; from any thread.
  void read(std::int64_t begin, std::int64_t count, float* values) const;

 private:
  std::unique_ptr<H5Reader> file_;
  std::int64_t rows_ = 0, cols_ = 0;
};

}  // namespace cliplab
