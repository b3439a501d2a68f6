// A rule is a sequence of sets of characters. All rules are one automaton in the style of shift-and: a bit is a set in
// a rule, and a bit of the state says that the text so far ends with the beginning of that rule up to that set. So a
// character costs a table look-up, a shift and an "and", whatever the number of rules.
#include "model/text/mojibake_detection.hpp"

#include <unicode/uchar.h>

#include <cassert>
#include <map>
#include <vector>

#include "model/text/mojibake_tables.hpp"

namespace cliplab::mojibake {
namespace {

// Kinds of characters besides the categories of the table.
constexpr std::uint32_t kSmallAscii = 1u << 20, kCapitalAscii = 1u << 21, kWhitespace = 1u << 22,
                        kWordCharacter = 1u << 23, kNoAsciiLetter = 1u << 24, kNoNewline = 1u << 25,
                        kTextStart = 1u << 26;  // the place before the first character
constexpr std::uint32_t kAccented = kLowerAccented | kUpperAccented, kPunctuation = kStartPunctuation | kEndPunctuation,
                        kSigns = kCurrency | kNumeric, kAsciiLetter = kSmallAscii | kCapitalAscii,
                        kUnusual = kAccented | kBox | kPunctuation | kSigns | kLaw;

struct Set {
  std::uint32_t kinds;
  std::u16string_view also = {};
};

const std::vector<std::vector<Set>>& rules() {
  static const Set kArabicSecond{kCommon | kCurrency | kBad | kNumeric | kStartPunctuation, u"ŸŠ®°µ»"};
  static const std::vector<std::vector<Set>> kRules{
      {Set{kC1}},
      // Two kinds that rarely meet.
      {Set{kBad | kUnusual}, Set{kBad}},
      {Set{kBad}, Set{kUnusual}},
      {Set{kLowerAccented | kLowerCommon | kBox | kEndPunctuation | kSigns}, Set{kUpperAccented}},
      {Set{kBox | kEndPunctuation | kSigns}, Set{kLowerAccented}},
      {Set{kLowerAccented | kBox | kEndPunctuation}, Set{kCurrency}},
      {Set{kUpperAccented | kBox}, Set{kNumeric | kLaw}},
      {Set{kSigns | kBox}, Set{kStartPunctuation}},
      {Set{kAccented | kSigns | kPunctuation | kLaw}, Set{kBox}},
      {Set{kBox}, Set{kKaomoji | kEndPunctuation}},
      {Set{kUpperAccented}, Set{0, u"°"}},
      {Set{0, u"Œœ"}, Set{kNoAsciiLetter}},
      // Three, where two would be too few.
      {Set{kAsciiLetter}, Set{kLowerCommon | kUpperCommon}, Set{kBad}},
      {Set{kWhitespace}, Set{kUpperAccented}, Set{kCurrency}},
      {Set{kSmallAscii}, Set{kUpperAccented}, Set{kStartPunctuation | kCurrency}},
      {Set{kAccented | kCurrency | kBox | kEndPunctuation}, Set{kStartPunctuation}, Set{kNumeric}},
      {Set{kAccented | kSigns | kBox | kLaw}, Set{kEndPunctuation}, Set{kStartPunctuation}},
      {Set{kAccented}, Set{kPunctuation}, Set{kWordCharacter}},
      // Frequent results of single encodings: windows-1252 (Latin, Arabic, South Asian scripts),
      {Set{0, u"ÂÃÎÐ"}, Set{kPunctuation, u"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´"}},
      {Set{0, u"Ã"}, Set{0, u"\u00A0¡"}},
      {Set{0, u"×"}, Set{0, u"²³"}},
      {Set{0, u"ØÙ"}, kArabicSecond, Set{0, u"ØÙ"}, kArabicSecond},
      {Set{0, u"à"}, Set{0, u"²µ¹¼½¾"}},
      {Set{kSmallAscii}, Set{0, u"ÃÂ"}, Set{0, u" "}},
      {Set{kSmallAscii}, Set{kWhitespace}, Set{0, u"ÃÂ"}, Set{0, u" "}},
      {Set{kTextStart}, Set{0, u"ÃÂ"}, Set{0, u" "}},
      {Set{kSmallAscii | kEndPunctuation, u".,?!"}, Set{0, u"Â"}, Set{kPunctuation, u" "}},
      // Mac OS Roman,
      {Set{0, u"√"}, Set{0, u"±∂†≠®™´≤≥¥µø"}},
      {Set{0, u"≈"}, Set{0, u"°¢"}},
      {Set{0, u"‚"}, Set{0, u"Ä"}, Set{0, u"ìîïòôúùû†°¢π"}},
      {Set{0, u"‚"}, Set{0, u"âó"}, Set{0, u"àä°ê"}},
      // windows-1251 (Cyrillic),
      {Set{0, u"\u0432"}, Set{0, u"\u0402"}},
      {Set{0, u"\u0412\u0413\u0420\u0421"}, Set{kC1 | kBad | kPunctuation | kCurrency, u"°µ"},
       Set{0, u"\u0412\u0413\u0420\u0421"}},
      {Set{0, u"\u0413"}, Set{0, u"\u045E"}, Set{0, u"\u0412"}, Set{0, u"\u0402"}, Set{0, u"\u0412"}, Set{kNoNewline},
       Set{kAsciiLetter, u" "}},
      // windows-1253 (Greek) and windows-1257 (Baltic).
      {Set{0, u"\u03B2"}, Set{0, u"€"}, Set{0, u"™\u00A0\u0386\u00AD®°"}},
      {Set{0, u"\u0392\u0393\u039E\u039F"}, Set{kC1 | kBad | kPunctuation | kCurrency, u"°"},
       Set{0, u"\u0392\u0393\u039E\u039F"}},
      {Set{0, u"ā"}, Set{0, u"€"}},
  };
  return kRules;
}

/// Python's \w and \s.
bool is_word_character(char32_t c) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0 || c == '_';
}
bool is_whitespace(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::uint32_t kinds_of(char32_t c) {
  const bool small = c >= 'a' && c <= 'z', capital = c >= 'A' && c <= 'Z';
  std::uint32_t kinds = (small ? kSmallAscii : 0) | (capital ? kCapitalAscii : 0) |
                        (small || capital ? 0 : kNoAsciiLetter) | (c == '\n' ? 0 : kNoNewline) |
                        (is_whitespace(c) ? kWhitespace : 0) | (is_word_character(c) ? kWordCharacter : 0);
  for (const Members& members : kMembers)
    if (c < 0x10000 && members.characters.find(static_cast<char16_t>(c)) != members.characters.npos)
      kinds |= members.category;
  return kinds;
}

class Automaton {
 public:
  __extension__ using Bits = unsigned __int128;

  Automaton() {
    for (const auto& rule : rules()) {
      starts_ |= bit(sets_.size());
      for (const Set& set : rule) {
        if (set.kinds & kTextStart) initial_ |= bit(sets_.size());
        sets_.push_back(set);
      }
      ends_ |= bit(sets_.size() - 1);
    }
    assert(sets_.size() <= 128);
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint8_t> known;
    const auto class_of_sets = [&](Bits sets) {
      const auto [at, added] =
          known.try_emplace({static_cast<std::uint64_t>(sets >> 64), static_cast<std::uint64_t>(sets)},
                            static_cast<std::uint8_t>(known.size()));
      assert(known.size() <= 256);
      if (added) sets_of_class_.push_back(sets);
      return at->second;
    };
    other_ = class_of_sets(sets_with(kNoAsciiLetter | kNoNewline, 0));
    other_word_ = class_of_sets(sets_with(kNoAsciiLetter | kNoNewline | kWordCharacter, 0));
    for (char32_t c = 0; c < classes_.size(); ++c) classes_[c] = is_word_character(c) ? other_word_ : other_;
    const auto add = [&](char32_t c) { classes_[c] = class_of_sets(sets_with(kinds_of(c), c)); };
    for (char32_t c = 0; c < classes_.size(); ++c)
      if (c < 0x80 || is_whitespace(c)) add(c);
    for (const Members& members : kMembers)
      for (const char16_t c : members.characters) add(c);
    for (const Set& set : sets_)
      for (const char16_t c : set.also) add(c);
  }

  bool accepts(std::u32string_view text) const {
    Bits state = initial_;
    for (const char32_t c : text) {
      state = ((state << 1) | starts_) & sets_of_class_[class_of(c)];
      if (state & ends_) return true;
    }
    return false;
  }

  bool names(char32_t c) const {
    const std::uint8_t its_class = class_of(c);
    return c >= 0x80 && its_class != other_ && its_class != other_word_;
  }

 private:
  static Bits bit(std::size_t i) { return static_cast<Bits>(1) << i; }
  Bits sets_with(std::uint32_t kinds, char32_t c) const {
    Bits result = 0;
    for (std::size_t i = 0; i < sets_.size(); ++i)
      if ((sets_[i].kinds & kinds) ||
          (c != 0 && c < 0x10000 && sets_[i].also.find(static_cast<char16_t>(c)) != std::u16string_view::npos))
        result |= bit(i);
    return result;
  }
  std::uint8_t class_of(char32_t c) const {
    if (c < classes_.size()) return classes_[c];
    return is_word_character(c) ? other_word_ : other_;
  }

  std::vector<Set> sets_;  // of all rules, one after the other
  Bits starts_ = 0, ends_ = 0, initial_ = 0;
  std::vector<std::uint8_t> classes_ = std::vector<std::uint8_t>(0x10000);
  std::vector<Bits> sets_of_class_;
  std::uint8_t other_ = 0, other_word_ = 0;
};

const Automaton& automaton() {
  static const Automaton kAutomaton;
  return kAutomaton;
}

}  // namespace

bool looks_wrongly_decoded(std::u32string_view text) { return automaton().accepts(text); }

bool takes_part(char32_t c) { return automaton().names(c); }

}  // namespace cliplab::mojibake
