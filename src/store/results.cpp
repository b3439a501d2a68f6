// Result and feature files in the layout of results/README.md: written to a part file, sealed, then renamed.
#include "store/results.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/error.hpp"
#include "base/files.hpp"
#include "store/h5.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSchemaVersion = 2;

struct TextColumn {
  const char* name;
  std::string Record::*field;
};
constexpr TextColumn kTextColumns[] = {{"dataset", &Record::dataset}, {"split", &Record::split},
                                       {"model", &Record::model},     {"method", &Record::method},
                                       {"metric", &Record::metric},   {"unit", &Record::unit}};
struct NumberColumn {
  const char* name;
  double Record::*field;
};
constexpr NumberColumn kNumberColumns[] = {
    {"value", &Record::value}, {"ci_low", &Record::ci_low}, {"ci_high", &Record::ci_high}};

}  // namespace

void write_results(const fs::path& path, const Results& results) {
  write_whole(path, [&](H5Writer& file) {
    file.attribute("/", "experiment", results.experiment);
    file.attribute("/", "config", results.config);
    file.attribute("/", "schema_version", kSchemaVersion);
    file.group("/provenance");
    for (const auto& [key, value] : results.provenance) file.attribute("/provenance", key, value);
    file.group("/records");
    for (const auto& [name, field] : kTextColumns) {
      std::vector<std::string> column;
      for (const Record& record : results.records) column.push_back(record.*field);
      file.strings(std::string("/records/") + name, column);
    }
    std::vector<std::string> params;
    for (const Record& record : results.records) params.push_back(to_json(record.params));
    file.strings("/records/params", params);
    for (const auto& [name, field] : kNumberColumns) {
      std::vector<double> column;
      for (const Record& record : results.records) column.push_back(record.*field);
      file.doubles(std::string("/records/") + name, column.data(), {column.size()});
    }
    std::vector<std::int64_t> n;
    for (const Record& record : results.records) n.push_back(record.n);
    file.integers("/records/n", n);
    file.group("/arrays");
    for (const Array& array : results.arrays) {
      const std::string name = "/arrays/" + array.name;
      if (static_cast<Eigen::Index>(array.columns.size()) != array.values.cols())
        throw std::logic_error("array '" + array.name + "' has not one name a column");
      file.doubles(name, array.values.data(),
                   {static_cast<std::uint64_t>(array.values.rows()), static_cast<std::uint64_t>(array.values.cols())});
      file.attribute(name, "columns", array.columns);
      file.attribute(name, "params", to_json(array.params));
    }
    file.attribute("/arrays", "order", [&] {
      std::vector<std::string> names;
      for (const Array& array : results.arrays) names.push_back(array.name);
      return names;
    }());
    std::vector<std::string> names, reasons;
    for (const LeftOut& entry : results.left_out) names.push_back(entry.name), reasons.push_back(entry.reason);
    file.group("/left_out");
    file.strings("/left_out/name", names);
    file.strings("/left_out/reason", reasons);
  });
}

Results read_results(const fs::path& path) {
  const H5Reader file(path);
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    fail(path.string(), found, expected, "delete it; the run makes it again");
  };
  Results results;
  if (const auto version = file.integer_attribute("/", "schema_version"); version != kSchemaVersion)
    fail(path.string(), "schema " + std::to_string(version), std::to_string(kSchemaVersion), "run the config again");
  results.experiment = file.text_attribute("/", "experiment");
  results.config = file.text_attribute("/", "config");
  for (const std::string& key : file.attribute_names("/provenance"))
    results.provenance[key] = file.text_attribute("/provenance", key);
  const std::vector<std::int64_t> n = file.integers("/records/n");
  results.records.resize(n.size());
  const auto check = [&](const char* name, std::size_t size) {
    if (size != n.size())
      refuse(std::string("/records/") + name + " with " + std::to_string(size) + " rows", std::to_string(n.size()));
  };
  for (std::size_t i = 0; i < n.size(); ++i) results.records[i].n = n[i];
  for (const auto& [name, field] : kTextColumns) {
    const auto column = file.strings(std::string("/records/") + name);
    check(name, column.size());
    for (std::size_t i = 0; i < n.size(); ++i) results.records[i].*field = column[i];
  }
  const auto params = file.strings("/records/params");
  check("params", params.size());
  for (std::size_t i = 0; i < n.size(); ++i)
    results.records[i].params = params_from_json(params[i], path.string() + ": /records/params");
  for (const auto& [name, field] : kNumberColumns) {
    const auto shape = file.shape(std::string("/records/") + name);
    check(name, shape.size() == 1 ? shape[0] : 0);
    std::vector<double> column(n.size());
    file.doubles(std::string("/records/") + name, column.data());
    for (std::size_t i = 0; i < n.size(); ++i) results.records[i].*field = column[i];
  }
  for (const std::string& name : file.list_attribute("/arrays", "order")) {
    if (!file.exists("/arrays/" + name)) refuse("no array " + name, "the arrays that its order names");
    const auto shape = file.shape("/arrays/" + name);
    Array array{name, file.list_attribute("/arrays/" + name, "columns"), {}};
    array.params =
        params_from_json(file.text_attribute("/arrays/" + name, "params"), path.string() + ": array " + name);
    if (shape.size() != 2 || array.columns.size() != shape[1])
      refuse("array " + name + " of another shape", "[rows, columns]");
    array.values.resize(static_cast<Eigen::Index>(shape[0]), static_cast<Eigen::Index>(shape[1]));
    file.doubles("/arrays/" + name, array.values.data());
    results.arrays.push_back(std::move(array));
  }
  const auto names = file.strings("/left_out/name"), reasons = file.strings("/left_out/reason");
  if (names.size() != reasons.size()) refuse("/left_out of two lengths", "a reason for each name");
  for (std::size_t i = 0; i < names.size(); ++i) results.left_out.push_back({names[i], reasons[i]});
  return results;
}

}  // namespace cliplab
