// The tokenizer's sub-commands for tests/parity and tests/bench; nothing here needs LibTorch.
#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>
#include <vector>

#include "base/error.hpp"
#include "cli/debug.hpp"
#include "model/text/tokenizer.hpp"

namespace cliplab {
namespace {

TokenizerRules rules_named(const std::string& name) {
  if (name == "openai") return TokenizerRules::kOpenAi;
  if (name == "openclip") return TokenizerRules::kOpenClip;
  fail("debug tokenize", "'" + name + "'", "openai or openclip");
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

/// Lines of stdin to ids, separated by spaces, a line each; texts that look wrongly decoded are counted on
/// stderr.
int debug_tokenize(const std::string& rules) {
  const Tokenizer tokenizer(rules_named(rules));
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
  return 0;
}

/// Captions a second of processor time on one thread: the first pass over FILE, then the median of later
/// ones.
int debug_tokenize_speed(const std::string& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  if (lines.empty()) fail(file, "no line", "a caption a line");
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
  std::nth_element(rates.begin() + 1, rates.begin() + 4, rates.end());
  std::cout << "first " << rates[0] << "\nlater " << rates[4] << "\nids " << ids << "\n";
  return 0;
}

}  // namespace cliplab
