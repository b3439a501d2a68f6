// Splits the words of a verb from the keys of [model] behind them, as in `embed MODEL text - --model.like openai`.
#pragma once

#include "lab/model_options.hpp"
#include "oracle.hpp"

namespace cliplab::oracle {

struct ModelWords {
  Words words;
  ModelOptions model;
};

inline Words before_keys(Words words) {
  const auto key = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("--"); });
  return {words.begin(), key};
}

inline ModelWords split_model_keys(Words words) {
  const Words plain = before_keys(words);
  Options options;
  declare_model_options(options);
  options.parse_arguments(words.subspan(plain.size()));
  return {plain, model_options(options)};
}

}  // namespace cliplab::oracle
