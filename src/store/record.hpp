// One measured number with all that it needs to stand in a table by itself.
#pragma once

#include <cstdint>
#include <string>

namespace cliplab {

struct Record {
  std::string dataset;             // "fashion_mnist"
  std::string split;               // "test"
  std::string model;               // "vit-s", "raw-pixels", "majority-class"
  std::string method;              // "zero-shot", "linear-probe", "floor", "fit"
  std::string metric;              // "top1", "top5", "mean_per_class", "error", "slope"
  std::string variant;             // what else tells two records apart: "templates=8", "" when nothing does
  double value = 0;                // a fraction in [0, 1] for rates; percent exists in analysis/ only
  double ci_low = 0, ci_high = 0;  // 95 % interval; equal to value where none is defined
  std::int64_t n = 0;              // samples behind the number
};

}  // namespace cliplab
