// Results on disk: one HDF5 file a unit of work, whole or absent. Columns, not compounds, so that
// h5py, pandas, R and Julia read it without a schema of ours. Layout: results/README.md.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "store/record.hpp"

namespace cliplab {

/// A named table of numbers that belongs to the records: a curve, per-sample scores, a confusion matrix.
struct Array {
  std::string name;                  // "probe/fashion_mnist/vit-s/sweep"; '/' makes groups
  std::vector<std::string> columns;  // one name a column
  MatrixD values;                    // [rows, columns]
  Params params{};                   // what it is, for readers: {{"kind", "scores"}, {"dataset", ...}, {"model", ...}}
};

/// A data set, a pair of sets or a whole study that was asked for and has no records, and why.
struct LeftOut {
  std::string name, reason;
  bool operator==(const LeftOut&) const = default;
};

/// All that a result file holds.
struct Results {
  std::string experiment;                         // the study's name
  std::string config;                             // the resolved options, Options::resolved()
  std::map<std::string, std::string> provenance;  // commit, dirty, compiler, torch, device, seed, seconds, ids
  std::vector<Record> records;
  std::vector<Array> arrays;
  std::vector<LeftOut> left_out{};
};

/// Writes `path` whole or not at all. Throws InputError naming the file when the disk is full or not writable.
void write_results(const std::filesystem::path& path, const Results& results);

/// Throws InputError naming the file and what is wrong with it (not HDF5, a column missing or of another length).
Results read_results(const std::filesystem::path& path);

}  // namespace cliplab
