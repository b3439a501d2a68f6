// Where a study's numbers go. Results are saved after each finished data set, so that neither a failure nor a kill of
// the next one loses them; a set that fails is a row with its error.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "eval/metrics.hpp"
#include "store/results.hpp"

namespace cliplab {

class Recorder {
 public:
  /// `save` puts the results on disk; it is called after each unit.
  explicit Recorder(std::function<void(const Results&)> save = {}) : save_(std::move(save)) {}

  /// Adds a record with `interval` as value, bounds and n, and what it covers as its param `interval` ("none" where
  /// both bounds equal the value); its unit is unit_of(metric) if it has none. Throws InputError for a value or bound
  /// that is not finite, std::logic_error for bounds that do not say what they cover.
  void record(Record record, const Interval& interval);
  void array(Array array) { results_.arrays.push_back(std::move(array)); }
  bool has_array(const std::string& name) const;

  /// Runs `measure` for each of `names` and saves the results after each success. If it throws InputError, the records
  /// of that name are dropped and the name is listed as failed. Returns the names that succeeded. Throws the
  /// first error when all failed, and Interrupted at once.
  std::vector<std::string> for_each(const std::vector<std::string>& names,
                                    const std::function<void(const std::string&)>& measure);

  /// Lists a set, or a whole study, that this run does not measure, and why.
  void leave_out(const std::string& name, const std::string& reason);

  const Results& results() const { return results_; }
  /// The errors of the sets that failed, with a comma between; "" if none did.
  std::string failed() const;

 private:
  Results results_;
  std::vector<std::string> failed_;  // messages
  std::function<void(const Results&)> save_;
};

}  // namespace cliplab
