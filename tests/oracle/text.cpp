// The tokenizer, line by line, and its speed.
#include <ctime>
#include <fstream>

#include "base/error.hpp"
#include "model/text/tokenizer.hpp"
#include "oracle.hpp"

namespace cliplab::oracle {
namespace {

TokenizerRules rules_named(const std::string& name) {
  if (name == "openai") return TokenizerRules::kOpenAi;
  if (name == "openclip") return TokenizerRules::kOpenClip;
  fail("cliplab_oracle tokenize", "'" + name + "'", "openai or openclip");
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

/// The token ids of each line of stdin, on a line of their own; on stderr how many texts look wrongly decoded.
void tokenize(Words words) {
  const Tokenizer tokenizer(rules_named(words[0]));
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const char* separator = "";
    for (const std::int32_t id : tokenizer.encode(line)) {
      std::cout << separator << id;
      separator = " ";
    }
    std::cout << "\n";
  }
  std::cout.flush();
  std::cerr << "suspected mojibake: " << tokenizer.suspected_mojibake() << "\n";
}

/// Captions a second of processor time on one thread: in the first pass over FILE, and the median of 7 later passes.
void tokenize_speed(Words words) {
  std::ifstream stream(words[0]);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  if (lines.empty()) fail(words[0], "no line", "a caption a line");
  const Tokenizer tokenizer;
  std::vector<double> rates;
  std::size_t ids = 0;
  for (int pass = 0; pass < 8; ++pass) {
    const double start = processor_seconds();
    double seconds = 0;
    std::size_t captions = 0;
    do {  // clock() ticks in microseconds at best
      for (const std::string& line : lines) ids += tokenizer.encode(line).size();
      captions += lines.size();
      seconds = processor_seconds() - start;
    } while (pass > 0 && seconds < 0.05);
    rates.push_back(static_cast<double>(captions) / std::max(seconds, 1e-6));
  }
  std::cout << "first " << rates[0] << "\nlater " << median({rates.begin() + 1, rates.end()}) << "\nids " << ids
            << "\n";
}

}  // namespace cliplab::oracle
