// Units of results, kept or dropped whole.
#include "lab/recorder.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"

namespace cliplab {

void Recorder::record(Record record, const Interval& interval) {
  for (const double number : {interval.value, interval.low, interval.high})
    if (!std::isfinite(number))
      fail(record.dataset + ", " + record.model + ", " + record.method,
           "a " + record.metric + " or its interval that is NaN or infinite", "a number");
  const bool is_point = interval.low == interval.value && interval.high == interval.value;
  if (!is_point && (interval.covers.empty() || interval.covers == "none"))
    throw std::logic_error(record.metric + ": an interval that does not say what it covers");
  record.params["interval"] = is_point ? "none" : interval.covers;
  if (record.unit.empty()) record.unit = unit_of(record.metric);
  record.value = interval.value, record.ci_low = interval.low, record.ci_high = interval.high, record.n = interval.n;
  results_.records.push_back(std::move(record));
}

bool Recorder::has_array(const std::string& name) const {
  return std::ranges::find(results_.arrays, name, &Array::name) != results_.arrays.end();
}

std::vector<std::string> Recorder::for_each(const std::vector<std::string>& names,
                                            const std::function<void(const std::string&)>& measure) {
  std::vector<std::string> measured;
  std::optional<InputError> first;
  for (const std::string& name : names) {
    const auto records = std::ssize(results_.records), arrays = std::ssize(results_.arrays);
    try {
      measure(name);
    } catch (const InputError& error) {
      results_.records.resize(records), results_.arrays.resize(arrays);
      say(name + " was not measured: " + error.what());
      leave_out(name, error.what());
      failed_.emplace_back(error.what());
      if (!first) first = error;
      continue;
    }
    measured.push_back(name);
    if (save_) save_(results_);
  }
  if (measured.empty() && first) throw *first;
  return measured;
}

void Recorder::leave_out(const std::string& name, const std::string& reason) {
  const LeftOut entry{name, reason};
  if (std::ranges::find(results_.left_out, entry) == results_.left_out.end()) results_.left_out.push_back(entry);
}

std::string Recorder::failed() const { return joined(failed_); }

}  // namespace cliplab
