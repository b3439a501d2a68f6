// The byte-pair tokenizer of CLIP (openai/CLIP simple_tokenizer.py): 49,408 entries, lower-cased text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// Two programs that differ in the words that stand for start and end of text: <start_of_text> <end_of_text>
/// (open_clip), <|startoftext|> <|endoftext|> (openai/CLIP). Their whitespace rules (str.split; \s+ of the
/// regex module) differ only in the controls U+001C to U+001F, which both have removed before.
enum class TokenizerRules { kOpenClip, kOpenAi };

/// What happens to a text that does not fit: open_clip and clip.tokenize(truncate=True) cut it, clip.tokenize
/// raises.
enum class TooLong { kCut, kFail };

class Tokenizer {
 public:
  static constexpr int kStartOfText = 49406;
  static constexpr int kEndOfText = 49407;
  static constexpr int kVocabSize = 49408;
  static constexpr int kContextLength = 77;

  /// Reads bpe_simple_vocab_16e6.txt.gz. Throws InputError naming the file when it is missing or not that
  /// vocabulary.
  explicit Tokenizer(TokenizerRules rules = TokenizerRules::kOpenClip,
                     const std::filesystem::path& vocabulary = default_vocabulary());
  ~Tokenizer();

  /// data/vocab/bpe_simple_vocab_16e6.txt.gz, put there at set-up from the open_clip_torch wheel.
  static std::filesystem::path default_vocabulary();

  /// Ids between start and end of text, at most `context_length` in all, not padded. A longer text is cut,
  /// its last id is kEndOfText; or it is an InputError. Thread-safe. Invalid UTF-8 is replaced by U+FFFD.
  std::vector<std::int32_t> encode(std::string_view text, int context_length = kContextLength,
                                   TooLong too_long = TooLong::kCut) const;

  /// Of the texts encoded so far, those that look wrongly decoded (tokenizer_mojibake.hpp): the references
  /// would repair most of them, here they are encoded as they are.
  std::int64_t suspected_mojibake() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cliplab
