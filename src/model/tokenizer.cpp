// Byte-pair encoding as openai/CLIP simple_tokenizer.py and open_clip tokenizer.py (`SimpleTokenizer`, clean = "lower").
// The cleaning is ftfy's part that real captions need: HTML entities, curly quotes, control characters, NFC.
// DEVIATION(2.4): ftfy's repair of wrongly decoded text (mojibake) is left out; such captions are encoded as they are.
#include "model/tokenizer.hpp"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <zlib.h>

#include <array>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

constexpr int kMerges = 49152 - 256 - 2;
constexpr std::size_t kMaxVocabularyBytes = 64u << 20;
constexpr std::size_t kMaxCachedWords = 200'000;

using Ids = std::vector<std::int32_t>;

std::string gunzip(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    fail(path.string(), "no such file", "CLIP's vocabulary", "run ./cliplab, which takes it from the open_clip_torch wheel");
  gzFile file = ::gzopen(path.c_str(), "rb");
  if (file == nullptr) fail(path.string(), "cannot be opened", "CLIP's vocabulary");
  std::string text;
  std::array<char, 1 << 16> buffer;
  int count = 0;
  while ((count = ::gzread(file, buffer.data(), buffer.size())) > 0 && text.size() < kMaxVocabularyBytes) text.append(buffer.data(), count);
  ::gzclose(file);
  if (count != 0) fail(path.string(), "not a whole gzip file", "CLIP's vocabulary");
  return text;
}

/// UTF-8 of the printable character that stands for a byte in the vocabulary file (bytes_to_unicode), and its rank.
struct ByteSymbols {
  std::array<std::string, 256> text;
  std::array<int, 256> id;
  ByteSymbols() {
    int next_id = 0, next_code = 256;
    const auto put = [&](int byte, int code) {
      icu::UnicodeString(static_cast<UChar32>(code)).toUTF8String(text[byte]);
      id[byte] = next_id++;
    };
    const auto printable = [](int b) { return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF); };
    for (int b = 0; b < 256; ++b)
      if (printable(b)) put(b, b);
    for (int b = 0; b < 256; ++b)
      if (!printable(b)) put(b, next_code++);
  }
};

/// One pass of html.unescape over the entities that captions have: named ones of XML and nbsp, and numbers.
icu::UnicodeString unescape(const icu::UnicodeString& text) {
  static const std::vector<std::pair<icu::UnicodeString, UChar32>> named{
      {u"amp", '&'}, {u"lt", '<'}, {u"gt", '>'}, {u"quot", '"'}, {u"apos", '\''}, {u"nbsp", 0xA0}};
  if (text.indexOf(u'&') < 0) return text;
  icu::UnicodeString out;
  for (int i = 0; i < text.length();) {
    const int end = text[i] == u'&' ? text.indexOf(u';', i + 1) : -1;
    if (end > i + 1 && end <= i + 10) {
      const icu::UnicodeString name = text.tempSubStringBetween(i + 1, end);
      UChar32 code = -1;
      for (const auto& [key, value] : named)
        if (name == key) code = value;
      if (name[0] == u'#' && name.length() > 1) {
        const bool hex = name[1] == u'x' || name[1] == u'X';
        long value = 0;
        bool valid = name.length() > (hex ? 2 : 1);
        for (int k = hex ? 2 : 1; k < name.length() && valid; ++k) {
          const int digit = u_digit(name[k], hex ? 16 : 10);
          valid = digit >= 0 && (value = value * (hex ? 16 : 10) + digit) <= 0x10FFFF;
        }
        if (valid) code = value == 0 || (value >= 0xD800 && value < 0xE000) ? 0xFFFD : static_cast<UChar32>(value);
      }
      if (code >= 0) {
        out.append(code);
        i = end + 1;
        continue;
      }
    }
    out.append(text[i++]);
  }
  return out;
}

/// The characters that ftfy changes one by one: quotes straightened, control characters dropped.
icu::UnicodeString fix_characters(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if ((c >= 0x2018 && c <= 0x201B) || c == 0x02BC) out.append(u'\'');
    else if (c >= 0x201C && c <= 0x201F) out.append(u'"');
    else if (c == '\t' || c == '\n' || c == '\r' || c == 0x0C) out.append(static_cast<UChar>(u' '));
    else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0x206A && c <= 0x206F)) continue;
    else out.append(c);
  }
  return out;
}

bool is_letter(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_L_MASK) != 0; }
bool is_number(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_N_MASK) != 0; }

}  // namespace

struct Tokenizer::State {
  ByteSymbols bytes;
  std::unordered_map<std::uint64_t, std::int32_t> merges;  // (left id, right id) -> rank; the merged id is 512 + rank
  mutable std::shared_mutex cache_mutex;
  mutable std::unordered_map<std::string, Ids> cache;

  static std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }

  void load(const std::filesystem::path& path) {
    const std::string text = gunzip(path);
    std::unordered_map<std::string, std::int32_t> ids;
    for (int b = 0; b < 256; ++b) {
      ids[bytes.text[b]] = bytes.id[b];
      ids[bytes.text[b] + "</w>"] = 256 + bytes.id[b];
    }
    std::size_t line_begin = text.find('\n');  // the first line is a version
    for (int rank = 0; rank < kMerges; ++rank) {
      const std::size_t begin = line_begin + 1, end = text.find('\n', begin), space = text.find(' ', begin);
      if (line_begin == std::string::npos || end == std::string::npos || space >= end)
        fail(path.string(), "merge " + std::to_string(rank) + " missing", "CLIP's vocabulary of " + std::to_string(kMerges) + " merges");
      const auto left = ids.find(text.substr(begin, space - begin)), right = ids.find(text.substr(space + 1, end - space - 1));
      if (left == ids.end() || right == ids.end()) fail(path.string(), "merge " + std::to_string(rank) + " of unknown parts", "CLIP's vocabulary");
      merges[pair_key(left->second, right->second)] = rank;
      ids[left->first + right->first] = 512 + rank;
      line_begin = end;
    }
  }

  Ids encode_word(const std::string& word) const {
    {
      const std::shared_lock lock(cache_mutex);
      if (const auto found = cache.find(word); found != cache.end()) return found->second;
    }
    Ids symbols;
    for (const char c : word) symbols.push_back(bytes.id[static_cast<unsigned char>(c)]);
    symbols.back() += 256;  // </w>
    while (symbols.size() > 1) {
      std::int32_t best = std::numeric_limits<std::int32_t>::max();
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
        if (const auto found = merges.find(pair_key(symbols[i], symbols[i + 1])); found != merges.end() && found->second < best) best = found->second;
      if (best == std::numeric_limits<std::int32_t>::max()) break;
      std::size_t out = 0;
      for (std::size_t i = 0; i < symbols.size(); ++out) {
        const auto found = i + 1 < symbols.size() ? merges.find(pair_key(symbols[i], symbols[i + 1])) : merges.end();
        const bool merge = found != merges.end() && found->second == best;
        symbols[out] = merge ? 512 + best : symbols[i];
        i += merge ? 2 : 1;
      }
      symbols.resize(out);
    }
    const std::unique_lock lock(cache_mutex);
    if (cache.size() < kMaxCachedWords) cache.emplace(word, symbols);
    return symbols;
  }
};

std::filesystem::path Tokenizer::default_vocabulary() { return project_root() / "data/vocab/bpe_simple_vocab_16e6.txt.gz"; }

Tokenizer::Tokenizer(const std::filesystem::path& vocabulary) : state_(std::make_unique<State>()) { state_->load(vocabulary); }

Tokenizer::~Tokenizer() = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view utf8, int context_length) const {
  icu::UnicodeString text = icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())));
  bool ascii = true;
  for (const char c : utf8) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  text = unescape(unescape(text));
  text = fix_characters(text);
  if (!ascii) {
    UErrorCode status = U_ZERO_ERROR;
    const icu::UnicodeString composed = icu::Normalizer2::getNFCInstance(status)->normalize(text, status);
    if (U_SUCCESS(status)) text = composed;
  }
  text.toLower(icu::Locale::getRoot());

  Ids ids{kStartOfText};
  const auto add = [&](int begin, int end) {
    std::string word;
    text.tempSubStringBetween(begin, end).toUTF8String(word);
    const Ids part = state_->encode_word(word);
    ids.insert(ids.end(), part.begin(), part.end());
  };
  const auto starts = [&](int at, const char16_t* literal, int length) { return text.compare(at, length, literal, 0, length) == 0; };
  const int length = text.length();
  for (int i = 0; i < length && std::ssize(ids) <= context_length;) {
    const UChar32 c = text.char32At(i);
    const int next = text.moveIndex32(i, 1);
    if (u_isUWhiteSpace(c)) {
      i = next;
    } else if (starts(i, u"<start_of_text>", 15)) {
      ids.push_back(kStartOfText), i += 15;
    } else if (starts(i, u"<end_of_text>", 13)) {
      ids.push_back(kEndOfText), i += 13;
    } else if (c == '\'' && next < length) {
      const UChar d = text[next], e = next + 1 < length ? text[next + 1] : u'\0';
      int end = 0;
      if ((d == u'r' && e == u'e') || (d == u'v' && e == u'e') || (d == u'l' && e == u'l')) end = next + 2;
      if (d == u's' || d == u't' || d == u'm' || d == u'd' || d == 0x17F) end = next + 1;
      for (int j = next; end == 0; j = text.moveIndex32(j, 1)) {
        const UChar32 f = j < length ? text.char32At(j) : 0;
        if (j >= length || u_isUWhiteSpace(f) || is_letter(f) || is_number(f)) end = j;
      }
      add(i, end), i = end;
    } else if (is_number(c)) {
      add(i, next), i = next;
    } else {
      const bool letters = is_letter(c);
      int end = next;
      for (; end < length; end = text.moveIndex32(end, 1)) {
        const UChar32 f = text.char32At(end);
        if (letters ? !is_letter(f) : u_isUWhiteSpace(f) || is_letter(f) || is_number(f)) break;
      }
      add(i, end), i = end;
    }
  }
  ids.push_back(kEndOfText);
  if (std::ssize(ids) > context_length) {
    ids.resize(context_length);
    ids.back() = kEndOfText;
  }
  return ids;
}

}  // namespace cliplab
