// One measured number with all that a table needs to show it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cliplab {

/// Further keys and values that distinguish two records, or two arrays; results/README.md lists the keys.
using Params = std::map<std::string, std::string>;

struct Record {
  std::string dataset;             // "fashion_mnist"; "" for a number over several data sets, or about none
  std::string split;               // "test"
  std::string model;               // "vit-s", "raw-pixels", "majority-class"
  std::string method;              // "zero-shot", "linear-probe", "floor", "fit"
  std::string metric;              // "top1", "top5", "mean_per_class", "error", "slope"
  Params params{};                 // {{"shots", "4"}, {"start", "zero"}}; empty if nothing else differs
  std::string unit{};              // "fraction"; if empty, Recorder::record takes unit_of(metric)
  double value = 0;                // a fraction in [0, 1] for rates; percent exists in analysis/ only
  double ci_low = 0, ci_high = 0;  // 95 % interval, of what params say; equal to value where none is defined
  std::int64_t n = 0;              // samples behind the number
};

/// The unit of a metric. Throws std::logic_error for a metric that the table lacks: give the record a unit of its own.
std::string unit_of(const std::string& metric);

/// {"shots":"4","start":"zero"}: a JSON object with its keys in order.
std::string to_json(const Params& params);
/// Throws InputError about `where` for text that is not a JSON object of texts.
Params params_from_json(const std::string& text, const std::string& where);

}  // namespace cliplab
