// The byte-pair tokenizer of CLIP (openai/CLIP simple_tokenizer.py): 49,408 entries, lower-cased text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/text_tokenizer.hpp"

namespace cliplab {

class Tokenizer final : public TextTokenizer {
 public:
  static constexpr int kStartOfText = 49406;
  static constexpr int kEndOfText = 49407;
  static constexpr int kVocabSize = 49408;
  static constexpr int kContextLength = 77;

  /// Reads bpe_simple_vocab_16e6.txt.gz. Throws InputError naming the file when it is missing or not that
  /// vocabulary.
  explicit Tokenizer(TokenizerRules rules = TokenizerRules::kOpenClip,
                     const std::filesystem::path& vocabulary = default_vocabulary(),
                     TextClean clean = TextClean::kLower);
  ~Tokenizer() override;

  std::string id() const override;

  /// data/vocab/bpe_simple_vocab_16e6.txt.gz, put there at set-up from the open_clip_torch wheel.
  static std::filesystem::path default_vocabulary();

  /// Ids between start and end of text, at most `context_length` in all, not padded. A longer text is cut,
  /// its last id is kEndOfText; or it is an InputError. Thread-safe. Invalid UTF-8 is replaced by U+FFFD.
  std::vector<std::int32_t> encode(std::string_view text, int context_length = kContextLength,
                                   TooLong too_long = TooLong::kCut) const override;

 private:
  struct State;
  TokenizerRules rules_;
  TextClean clean_;
  std::unique_ptr<State> state_;
};

}  // namespace cliplab
