// cliplab_oracle VERB WORD... [--model.KEY VALUE]...: finds the verb and checks how many words it gets.
#include "base/error.hpp"
#include "base/text.hpp"
#include "model_words.hpp"
#include "oracle.hpp"

namespace cliplab::oracle {
namespace {

/// After the last word of a usage, "..." allows more of them.
constexpr Verb kVerbs[] = {
    {"tokenize", "openai|openclip", tokenize},
    {"tokenize-speed", "FILE", tokenize_speed},
    {"clean-text", "fixed|cleaned", clean_text},
    {"transform", "SIZE FILE...", transform, kTakesModelKeys},
    {"normalized", "SIZE FILE...", normalized, kTakesModelKeys},
    {"pixels-speed", "SIZE FILE...", pixels_speed, kTakesModelKeys},
    {"decode", "FILE", decode},
    {"rgb", "FILE...", rgb},
    {"samples", "SET SPLIT COUNT", samples},
    {"readers", "set:NAME|stream:SHARDS|table:FILE...", readers},
    {"loader-speed", "SHARDS SIZE COUNT", loader_speed},
    {"probe-fit", "FILE RULE[:ITERATIONS] LAMBDA...", probe_fit},
    {"probe-search", "TRAIN VALIDATION RULE binary|full", probe_search},
    {"probe-rate", "N D C STACK float32|float64", probe_rate},
    {"probe-few-shot", "TRAIN TEST DRAWS", probe_few_shot},
    {"embed", "MODEL trunk|joint|text|scores FILE...", embed, kTakesModelKeys},
    {"embed-each", "LIST FILE...", embed_each},
    {"image-speed", "MODEL COUNT", image_speed, kTakesModelKeys},
    {"train", "MODEL BATCH OUT STEPS RATE DECAY MICRO_BATCH fp32|fp64|bf16|fp16 keep|recompute", train},
    {"loss-speed", "PAIRS WIDTH plain|blockwise", loss_speed},
};

void dispatch(Words words) {
  const Verb& verb = find_named(kVerbs, words.empty() ? "" : words[0], "cliplab_oracle");
  const Words rest = words.subspan(1), counted = verb.takes_model_keys ? before_keys(rest) : rest;
  const auto expected = std::ranges::count(verb.words, ' ') + 1;
  if (std::ssize(counted) < expected || (std::ssize(counted) > expected && !verb.words.ends_with("...")))
    fail("cliplab_oracle " + std::string(verb.name), std::to_string(counted.size()) + " words",
         std::string(verb.words));
  verb.run(rest);
  std::cout.flush();
}

}  // namespace
}  // namespace cliplab::oracle

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    cliplab::oracle::dispatch(words);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "cliplab_oracle: " << error.what() << "\n";
    return 1;
  }
}
