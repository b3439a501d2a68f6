// Texts to ids: what a model family offers to training and evaluation, whatever its vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// Two programs that differ in the words that stand for start and end of text: <start_of_text> <end_of_text>
/// (open_clip), <|startoftext|> <|endoftext|> (openai/CLIP). Their whitespace rules (str.split; \s+ of the
/// regex module) differ only in the controls U+001C to U+001F, which both remove before.
enum class TokenizerRules { kOpenClip, kOpenAi };

/// What happens to a text that does not fit: open_clip and clip.tokenize(truncate=True) cut it, clip.tokenize
/// raises.
enum class TooLong { kCut, kFail };

/// open_clip's tokenizer_kwargs.clean, after ftfy and html.unescape: lower case (all released CLIPs); as it is; lower
/// case without ASCII's punctuation, '_' a blank.
enum class TextClean { kLower, kWhitespace, kCanonicalize };
/// Throws InputError for another word than "lower", "whitespace", "canonicalize".
TextClean parse_text_clean(const std::string& word);

class TextTokenizer {
 public:
  virtual ~TextTokenizer() = default;
  /// Vocabulary and rules, as a part of the identity of text features: "open_clip text".
  virtual std::string id() const = 0;
  /// Ids as the text tower reads them, at most `context_length`. Thread-safe. A longer text is cut, or an InputError.
  virtual std::vector<std::int32_t> encode(std::string_view text, int context_length, TooLong too_long) const = 0;
};

}  // namespace cliplab
