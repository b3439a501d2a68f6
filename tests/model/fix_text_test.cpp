// fix_text and clean_caption against ftfy (tests/golden/fixed_texts.tsv); a million texts more, live, in
// tests/parity/test_tokenizer_parity.py.
#include "model/text/fix_text.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "fuzz_inputs.hpp"
#include "model/text/caption_cleaning.hpp"
#include "model/text/mojibake_detection.hpp"

namespace cliplab {
namespace {

std::string unescaped(const std::string& shown) {
  std::string text;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    text += shown[i] == '%' ? static_cast<char>(std::stoi(shown.substr(i + 1, 2), nullptr, 16)) : shown[i];
    if (shown[i] == '%') i += 2;
  }
  return text;
}

std::string fixed(const std::string& utf8) { return encode_utf8(fix_text(decode_utf8(utf8))); }

TEST(FixText, EqualsFtfy) {
  int texts = 0, changed = 0;
  std::ifstream file(CLIPLAB_SOURCE_DIR "/tests/golden/fixed_texts.tsv");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t tab = line.find('\t');
    const std::string text = unescaped(line.substr(0, tab)), expected = unescaped(line.substr(tab + 1));
    EXPECT_EQ(fixed(text), expected) << line;
    ++texts;
    changed += text != expected;
  }
  EXPECT_GT(texts, 500);
  EXPECT_GT(changed, 300);
}

TEST(FixText, SurrogatesBecomeOneCharacter) {  // as in the doctest of ftfy.fixes.fix_surrogates
  EXPECT_EQ(fix_text(std::u32string{0xD83D, 0xDCA9}), U"\U0001F4A9");
  EXPECT_EQ(fix_text(std::u32string{0xDCA9, 0xD83D, 'a'}), U"\uFFFD\uFFFDa");
}

// The two characters of the "é" are not in one segment: no repair.
TEST(FixText, ALineOfAMillionCharactersIsTwoSegments) {
  const std::u32string line = std::u32string(999'999, U'a') + U"\u00C3\u00A9\n";
  EXPECT_EQ(fix_text(line), line);
  EXPECT_EQ(fix_text(line.substr(999'990)), U"aaaaaaaaa\u00E9\n");
}

TEST(FixText, TextEscapedManyTimesIsNoTrap) {
  const auto ticks = [](int levels) {
    std::string text = "&";
    for (int i = 0; i < levels; ++i) text += "amp;";
    const std::clock_t start = std::clock();
    EXPECT_EQ(fixed(text + "lt;"), "<");
    return static_cast<double>(std::clock() - start);
  };
  // A pass for each level would take 64 times as long for 8 times the levels.
  ticks(1000);
  EXPECT_LT(ticks(80'000), 24 * ticks(10'000));
}

TEST(FixText, OrdinaryTextLooksWell) {
  for (const char32_t* text : {U"a caf\u00e9", U"P\u00D3\u0141NOC", U"CAF\u00C9\u00AE", U"\u00ABVOIL\u00C0\u00BB",
                               U"\u65E5\u672C\u8A9E \u0939\u093F\u0928\u094D\u0926\u0940", U"\u00D8 5 \u00B5m"}) {
    EXPECT_FALSE(mojibake::looks_wrongly_decoded(text));
    EXPECT_EQ(fix_text(text), text);
  }
  EXPECT_TRUE(mojibake::looks_wrongly_decoded(U"caf\u00C3\u00A9"));
  EXPECT_TRUE(mojibake::looks_wrongly_decoded(U"\u00C3 la"));  // only at the start of a text
  EXPECT_FALSE(mojibake::looks_wrongly_decoded(U"- \u00C3 la"));
}

/// Bytes that may break something: UTF-8 decoded again and again as Latin-1 or windows-1252, cut and changed anywhere.
std::string fuzzed_bytes(std::uint64_t round) {
  static const std::vector<std::string> kPieces{"Ã©",
                                                "Ã ",
                                                "â€™",
                                                "â€\uFFFD",
                                                "Â",
                                                "À",
                                                "í\u00A0½í¸\u0080",
                                                "ðŸ˜€",
                                                "\u0080",
                                                "\u0085",
                                                "\uFFFD",
                                                "вЂ™",
                                                "Г©",
                                                "‚Äì",
                                                "√©",
                                                "&amp;",
                                                "&#x",
                                                "&Atilde;&copy;",
                                                "&amp;amp;amp;",
                                                "\x1b[1m",
                                                "\x1b[",
                                                "\x1a",
                                                "?",
                                                "\n",
                                                "\r\n",
                                                "ﬁ",
                                                "Ｆ",
                                                "e\u0301",
                                                "\u0344",
                                                "\u2028",
                                                "Œ",
                                                "\u2003",
                                                "\xc3",
                                                "\xed\xa0\x80",
                                                "\xff",
                                                "\xf0\x9f",
                                                "A",
                                                " ",
                                                "<",
                                                std::string(1, '\0')};
  Rng rng(11, round);
  std::string text;
  for (std::uint64_t i = rng.below(24); i > 0; --i)
    text += rng.below(8) == 0 ? std::string(1, static_cast<char>(rng.below(256))) : kPieces[rng.below(kPieces.size())];
  for (std::uint64_t times = rng.below(3); times > 0; --times) {
    std::u32string wide;
    for (const char c : text) wide += static_cast<unsigned char>(c);
    text = encode_utf8(wide);
  }
  if (!text.empty() && rng.below(4) == 0) text[rng.below(text.size())] = static_cast<char>(rng.below(256));
  return text;
}

// CLIPLAB_FUZZ_INPUTS: how many texts.
TEST(FixText, FuzzedBytesGiveCleanText) {
  const int rounds = fuzz_inputs(5'000);
  for (int round = 0; round < rounds; ++round) {
    const std::string text = fuzzed_bytes(static_cast<std::uint64_t>(round)), cleaned = clean_caption(text);
    ASSERT_EQ(encode_utf8(decode_utf8(cleaned)), cleaned) << round;  // valid UTF-8
    for (const char32_t c : fix_text(decode_utf8(text)))
      ASSERT_TRUE((c >= 0x20 || c == '\t' || c == '\n' || c == '\f') &&
                  (c < 0x7F || c > 0x9F || c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D) &&
                  (c < 0xD800 || c > 0xDFFF) && c < 0x110000)
          << round;
  }
}

}  // namespace
}  // namespace cliplab
