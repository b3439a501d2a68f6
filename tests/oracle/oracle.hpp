// The verbs of cliplab_oracle, a program for the tests and benchmarks: it passes given inputs through single layers of
// cliplab, so that reference implementations in Python can be compared with them. main.cpp lists the words of each
// verb.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab::oracle {

using Words = std::span<const std::string>;

/// A verb reads its words, writes its answer to stdout, and throws InputError where the words are wrong.
using Run = void (*)(Words);
struct Verb {
  std::string_view name, words;  // `words` as a usage line: what follows the name on the command line
  Run run;
  bool takes_model_keys = false;  // --model.KEY VALUE ... may follow
};
inline constexpr bool kTakesModelKeys = true;

// text.cpp
void tokenize(Words words);
void clean_text(Words words);
void tokenize_speed(Words words);
// pixels.cpp
void transform(Words words);
void normalized(Words words);
void pixels_speed(Words words);
void decode(Words words);
void rgb(Words words);
// sets.cpp
void samples(Words words);
void loader_speed(Words words);
// readers.cpp
void readers(Words words);
// probe.cpp
void probe_fit(Words words);
void probe_search(Words words);
void probe_rate(Words words);
void probe_few_shot(Words words);
// encoder.cpp
void embed(Words words);
void embed_each(Words words);
void image_speed(Words words);
// train.cpp
void train(Words words);
void loss_speed(Words words);

inline void write_bytes(const void* data, std::size_t size) {
  std::cout.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

/// The upper one of the two middle values where their number is even.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace cliplab::oracle
