// The closed table of metrics and their units, so that no study repeats a unit, and params as JSON.
#include "store/record.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/error.hpp"

namespace cliplab {
namespace {

using nlohmann::json;

const std::map<std::string, std::string> kUnits{
    // scores and shares in [0, 1]
    {"top1", "fraction"},
    {"top5", "fraction"},
    {"mean_per_class", "fraction"},
    {"mean_top1_top5", "fraction"},
    {"map11", "fraction"},
    {"roc_auc", "fraction"},
    {"mean_pm0_pm10", "fraction"},
    {"pm0", "fraction"},
    {"pm10", "fraction"},
    {"mwap", "fraction"},
    {"mwsap", "fraction"},
    {"error", "fraction"},
    {"score", "fraction"},
    {"mean", "fraction"},
    {"source_top1", "fraction"},
    {"shift_top1", "fraction"},
    {"top1_shared_label", "fraction"},
    {"reference_score", "fraction"},
    {"transfer_score", "fraction"},
    {"recall1", "fraction"},
    {"recall5", "fraction"},
    {"recall10", "fraction"},
    {"within_1km", "fraction"},
    {"within_25km", "fraction"},
    {"within_200km", "fraction"},
    {"within_750km", "fraction"},
    {"within_2500km", "fraction"},
    {"label_rate", "fraction"},
    {"share", "fraction"},
    // differences of two of them, in [-1, 1]
    {"gain", "fraction difference"},
    {"gain_over_ensemble", "fraction difference"},
    {"gain_over_own_names", "fraction difference"},
    {"delta", "fraction difference"},
    {"difference", "fraction difference"},
    {"class_adaptation", "fraction difference"},
    {"effective_robustness", "fraction difference"},
    {"relative_robustness", "fraction difference"},
    {"transfer_lead", "fraction difference"},
    // the rest
    {"slope", "ratio"},
    {"r", "ratio"},
    {"efficiency", "ratio"},
    {"p_value", "p-value"},
    {"wins", "count"},
    {"parameters", "count"},
    {"examples_per_class", "examples"},
    {"gflops", "gflops"},
    {"loss", "nats"},
    {"pairs_per_second", "pairs/s"},
};

}  // namespace

std::string unit_of(const std::string& metric) {
  const auto found = kUnits.find(metric);
  if (found == kUnits.end()) throw std::logic_error("metric '" + metric + "' has no unit in src/store/record.cpp");
  return found->second;
}

std::string to_json(const Params& params) { return json(params).dump(-1, ' ', false, json::error_handler_t::replace); }

Params params_from_json(const std::string& text, const std::string& where) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto refuse = [&] { fail(where, "'" + text.substr(0, 80) + "'", "a JSON object of texts"); };
  if (!parsed.is_object()) refuse();
  Params params;
  for (const auto& [key, value] : parsed.items()) {
    if (!value.is_string()) refuse();
    params[key] = value.get<std::string>();
  }
  return params;
}

}  // namespace cliplab
