// The tokenizer, line by line, and its speed.
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fstream>

#include "base/error.hpp"
#include "model/text/caption_cleaning.hpp"
#include "model/text/fix_text.hpp"
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

/// The token ids of each line of stdin, on a line of their own.
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
}

/// A record is its length (32 bits, little-endian) and its bytes. For each record of stdin one to stdout, in UTF-8.
/// fixed: UTF-32 as ftfy.fix_text has it; cleaned: UTF-8, or any bytes, as the tokenizer reads it.
void clean_text(Words words) {
  if (words[0] != "fixed" && words[0] != "cleaned")
    fail("cliplab_oracle clean-text", "'" + words[0] + "'", "fixed or cleaned");
  std::ios::sync_with_stdio(false);
  for (std::uint32_t size = 0; std::cin.read(reinterpret_cast<char*>(&size), sizeof size);) {
    std::string bytes(size, '\0');
    if (!std::cin.read(bytes.data(), size)) fail("cliplab_oracle clean-text", "the end of stdin", "a whole record");
    if (words[0] == "fixed") {
      std::u32string text(size / 4, U'\0');
      std::memcpy(text.data(), bytes.data(), text.size() * 4);
      bytes = encode_utf8(fix_text(text));
    } else {
      bytes = clean_caption(bytes);
    }
    size = static_cast<std::uint32_t>(bytes.size());
    write_bytes(&size, sizeof size);
    write_bytes(bytes.data(), bytes.size());
  }
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
