// paper/published/imagenet_testbed.csv, percent.
#include "testbed.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sets/delimited.hpp"

namespace cliplab {
namespace {

struct Columns {
  std::string source;
  std::vector<std::string> shift;  // averaged
};

const std::map<std::string, Columns> kShifts{
    {"imagenetv2", {"val", {"imagenetv2-matched-frequency"}}},
    {"imagenet_a", {"val-on-imagenet-a-classes", {"imagenet-a"}}},
    {"imagenet_r", {"val-on-imagenet-r-classes", {"imagenet-r"}}},
    {"imagenet_sketch", {"val", {"imagenet-sketch"}}},
    {"objectnet", {"val-on-objectnet-classes", {"objectnet-1.0-beta"}}},
    {"imagenet_vid", {"val-on-vid-robust-classes", {"imagenet-vid-robust_pm0", "imagenet-vid-robust_pm10"}}},
    {"ytbb", {"val-on-ytbb-robust-classes", {"ytbb-robust_pm0", "ytbb-robust_pm10"}}}};

}  // namespace

std::vector<TestbedPoint> testbed_models(const std::string& source, const std::string& shift) {
  const auto columns = kShifts.find(shift);
  if (source != "imagenet" || columns == kShifts.end()) return {};
  const auto file = project_root() / "paper/published/imagenet_testbed.csv";
  const std::string text = read_file(file), where = file.string();
  DelimitedReader reader(text, ',', where);
  std::vector<std::string> header, fields;
  reader.next(header);
  const auto column = [&](const std::string& name) {
    const auto at = std::ranges::find(header, name);
    if (at == header.end()) fail(where, "no column '" + name + "'", "the testbed's table");
    return static_cast<std::size_t>(at - header.begin());
  };
  std::vector<std::size_t> shifts;
  for (const std::string& name : columns->second.shift) shifts.push_back(column(name));
  const std::size_t model = column("model"), type = column("type"), at_source = column(columns->second.source);
  std::vector<TestbedPoint> points;
  while (reader.next(fields)) {
    if (fields.size() != header.size())
      fail(where, "line " + std::to_string(reader.line()) + ": " + std::to_string(fields.size()) + " fields",
           std::to_string(header.size()));
    if (fields[type] != "STANDARD") continue;
    const auto number = [&](std::size_t at, double& value) { return parse_number(fields[at], value); };
    TestbedPoint point{fields[model]};
    double value = 0;
    bool known = number(at_source, value);
    point.source = value / 100;
    for (const std::size_t at : shifts) {
      known = known && number(at, value);
      point.shift += value / 100 / static_cast<double>(shifts.size());
    }
    if (known) points.push_back(point);  // some were not measured everywhere
  }
  return points;
}

}  // namespace cliplab
