// Google Benchmark: captions of plain ASCII, captions that need the whole cleaning, and words that no one has
// merged before. tests/bench/compare_tokenizer.py sets real captions against the peers.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/rng.hpp"
#include "model/text/tokenizer.hpp"

namespace cliplab {
namespace {

void encode_all(benchmark::State& state, const std::vector<std::string>& captions) {
  const Tokenizer tokenizer;
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(captions[i++ % captions.size()]));
  state.SetItemsProcessed(state.iterations());
}

void plain_captions(benchmark::State& state) {
  encode_all(state, {"A child in a pink dress is climbing up a set of stairs in an entry way .",
                     "Two dogs of different breeds looking at each other on the road .",
                     "a bad photo of a red-breasted merganser.", "The frog's pond, seen from above (1987)."});
}
BENCHMARK(plain_captions);

void captions_to_clean(benchmark::State& state) {
  encode_all(state, {"The photographer\u2019s caf\u00e9 in Z\u00fcrich &amp; its guests",
                     "\u041b\u044f\u0433\u0443\u0448\u043a\u0430 \u0441\u0438\u0434\u0438\u0442 \u043d\u0430 "
                     "\u043b\u0438\u0441\u0442\u0435."});
}
BENCHMARK(captions_to_clean);

void new_words(benchmark::State& state) {
  std::vector<std::string> words(1 << 20);
  Rng rng(1);
  for (std::string& word : words)
    for (int i = 0; i < 10; ++i) word += static_cast<char>('a' + rng.below(26));
  encode_all(state, words);
}
BENCHMARK(new_words);

}  // namespace
}  // namespace cliplab
