// Results on disk: one HDF5 file a unit of work, whole or absent. Columns, not compounds, so that
// h5py, pandas, R and Julia read it without a schema of ours. Layout: results/README.md.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "store/record.hpp"

namespace cliplab {

class H5Reader;

/// A named table of numbers beside the records: a curve, per-sample scores, a confusion matrix.
struct Array {
  std::string name;                  // "probe/fashion_mnist/vit-s/sweep"; '/' makes groups
  std::vector<std::string> columns;  // one name a column
  MatrixD values;                    // [rows, columns]
};

/// All that a result file holds.
struct Results {
  std::string experiment;                         // the study's name
  std::string config;                             // the resolved options, Options::resolved()
  std::map<std::string, std::string> provenance;  // commit, dirty, compiler, torch, device, seed, seconds, ids
  std::vector<Record> records;
  std::vector<Array> arrays;
};

/// Writes `path` whole or not at all. Throws InputError naming the file when the disk is full or not writable.
void write_results(const std::filesystem::path& path, const Results& results);

/// Throws InputError naming the file and what is wrong with it (not HDF5, a column missing or of another length).
Results read_results(const std::filesystem::path& path);

/// A cached feature matrix [N, D] with its key; the same rules as above.
void write_features(const std::filesystem::path& path, const std::string& key, const Matrix& features);
/// Throws InputError when the file is damaged or was written under another key.
Matrix read_features(const std::filesystem::path& path, const std::string& key);

/// The same file, a chunk of rows at a time: `produce` fills count * cols numbers.
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
