// Byte-pair encoding as openai/CLIP simple_tokenizer.py and open_clip tokenizer.py (`SimpleTokenizer`, clean
// = "lower"): cleaning (caption_cleaning.hpp), the pattern, the merges. Words are slices of UTF-8; ICU knows
// the letters. The pattern is written out by hand: a regular expression library would bring a third Unicode
// version.
#include "model/text/tokenizer.hpp"

#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <functional>
#include <queue>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "model/text/caption_cleaning.hpp"
#include "model/text/tokenizer_cache.hpp"

namespace cliplab {
namespace {

constexpr int kMerges = 49152 - 256 - 2;
constexpr char kVocabularySha256[] = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a";

using Ids = std::vector<std::int32_t>;

struct StringHash {  // looks words up without copying them
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// --- words -------------------------------------------------------------------------------------------------

enum class Kind { kNone, kLetter, kNumber, kOther };

Kind kind_of(UChar32 c) {
  const std::uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_L_MASK) return Kind::kLetter;
  if (category & U_GC_N_MASK) return Kind::kNumber;
  // U+0345 folds to a letter but is none: under IGNORECASE no part of the pattern matches it.
  return u_isUWhiteSpace(c) || c == 0x345 ? Kind::kNone : Kind::kOther;
}

/// A character of valid UTF-8: its kind and where the next one begins.
struct Character {
  Kind kind;
  std::size_t end;
};

constexpr auto kAsciiKinds = [] {
  std::array<Kind, 128> kinds{};
  for (int c = 0; c < 128; ++c)
    kinds[c] = (c | 32) >= 'a' && (c | 32) <= 'z' ? Kind::kLetter
               : c >= '0' && c <= '9'             ? Kind::kNumber
               : c == ' ' || (c >= 9 && c <= 13)  ? Kind::kNone
                                                  : Kind::kOther;
  return kinds;
}();

Character wide_character_at(std::string_view text, std::int32_t at) {
  UChar32 c;
  U8_NEXT(text.data(), at, static_cast<std::int32_t>(text.size()), c);
  return {kind_of(c), static_cast<std::size_t>(at)};
}

inline Character character_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 128) return {kAsciiKinds[byte], at + 1};
  return wide_character_at(text, static_cast<std::int32_t>(at));
}

constexpr std::string_view kLongS = "\u017F";  // equals "s" where the pattern ignores case

/// Bytes of `literal` at the start of `text`, 0 when it is not there.
std::size_t match(std::string_view text, std::string_view literal) {
  std::size_t at = 0;
  for (const char c : literal) {
    const bool is_letter = c >= 'a' && c <= 'z';
    if (at < text.size() && (text[at] == c || (is_letter && (text[at] | 32) == c)))
      ++at;
    else if (c == 's' && text.substr(at).starts_with(kLongS))
      at += kLongS.size();
    else
      return 0;
  }
  return at;
}

/// The words for start and end of text.
using Specials = std::array<std::string_view, 2>;

Specials specials_of(TokenizerRules rules) {
  if (rules == TokenizerRules::kOpenAi) return {"<|startoftext|>", "<|endoftext|>"};
  return {"<start_of_text>", "<end_of_text>"};
}

/// The pattern START|END|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+ , IGNORECASE, on cleaned
/// text: calls word(slice) until it returns false.
template <class Word>
void split(std::string_view text, const Specials& specials, Word word) {
  for (std::size_t i = 0, end = 0; i < text.size(); i = end) {
    const Character first = character_at(text, i);
    end = first.end;
    if (first.kind == Kind::kNone) continue;
    std::size_t literal = 0;
    if (text[i] == '<')
      for (const std::string_view special : specials)
        if (literal == 0) literal = match(text.substr(i), special);
    if (text[i] == '\'')
      for (const char* contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
        if (literal == 0) literal = match(text.substr(i), contraction);
    if (literal > 0) {
      end = i + literal;
    } else if (first.kind != Kind::kNumber) {
      while (end < text.size()) {
        const Character next = character_at(text, end);
        if (next.kind != first.kind) break;
        end = next.end;
      }
    }
    if (!word(text.substr(i, end - i))) return;
  }
}

/// The beginning of a text, for messages.
std::string excerpt(std::string_view text) {
  std::size_t end = std::min<std::size_t>(text.size(), 60);
  while (end > 0 && end < text.size() && (text[end] & 0xC0) == 0x80) --end;  // whole characters
  return std::string(text.substr(0, end)) + (end < text.size() ? "..." : "");
}

}  // namespace

// --- merges ------------------------------------------------------------------------------------------------

struct Tokenizer::State {
  Specials specials;
  std::array<std::int32_t, 256> byte_ids{};
  std::unordered_map<std::uint64_t, std::int32_t> ranks;  // (left id, right id) -> rank; the merged id is 512 + rank
  WordCache cache;

  State(TokenizerRules rules, const std::filesystem::path& path);
  void append_word(std::string_view word, Ids& ids);
  Ids merge(std::string_view word) const;
  std::int32_t rank(std::int32_t left, std::int32_t right) const {  // -1: no such merge
    const auto found = ranks.find(static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right));
    return found == ranks.end() ? -1 : found->second;
  }
};

Tokenizer::State::State(TokenizerRules rules, const std::filesystem::path& path) : specials(specials_of(rules)) {
  const std::string what_to_do = "run ./cliplab, which takes it from the open_clip_torch wheel";
  if (!std::filesystem::exists(path)) fail(path.string(), "no such file", "CLIP's vocabulary", what_to_do);
  const std::string packed = read_file(path, std::size_t{16} << 20);
  if (sha256_hex(packed) != kVocabularySha256)
    fail(path.string(), "SHA-256 " + sha256_hex(packed).substr(0, 16) + "...",
         std::string(kVocabularySha256, 16) + "..., CLIP's vocabulary", what_to_do);
  std::string text(std::size_t{16} << 20, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  [[maybe_unused]] bool ok = ::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK;
  ok = ok && ::inflate(&stream, Z_FINISH) == Z_STREAM_END;
  text.resize(stream.total_out);
  ::inflateEnd(&stream);
  assert(ok);  // the hash says which bytes these are

  // bytes_to_unicode: each byte has a printable character, its own or the next free one from U+0100 on; ids
  // in the order printable bytes, other bytes, the same with </w>, merges.
  std::unordered_map<std::string, std::int32_t, StringHash, std::equal_to<>> ids;
  ids.reserve(kVocabSize);
  const auto printable = [](int b) { return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xFF && b != 0xAD); };
  std::int32_t next_id = 0, next_code = 256;
  for (const bool own : {true, false})
    for (int b = 0; b < 256; ++b) {
      if (printable(b) != own) continue;
      std::string symbol;
      icu::UnicodeString(static_cast<UChar32>(own ? b : next_code++)).toUTF8String(symbol);
      byte_ids[b] = next_id++;
      ids[symbol] = byte_ids[b];
      ids[symbol + "</w>"] = 256 + byte_ids[b];
    }
  ranks.reserve(kMerges);
  std::size_t begin = text.find('\n') + 1;  // the first line is a version
  for (int rank = 0; rank < kMerges; ++rank) {
    const std::size_t end = text.find('\n', begin), space = text.find(' ', begin);
    const std::string left = text.substr(begin, space - begin), right = text.substr(space + 1, end - space - 1);
    const std::uint64_t left_id = static_cast<std::uint64_t>(ids.at(left));
    ranks[left_id << 32 | static_cast<std::uint32_t>(ids.at(right))] = rank;
    ids[left + right] = 512 + rank;
    begin = end + 1;
  }
}

/// The reference merges the pair of lowest rank everywhere, left to right, then looks again. Each token is
/// made by one merge only, and a merge of it has a higher rank than its own: so a queue by (rank, place)
/// gives the same tokens, in n log n instead of n^2 (a caption may be one word of a megabyte).
Ids Tokenizer::State::merge(std::string_view word) const {
  struct Symbol {
    std::int32_t id;
    int previous, next;  // -1: none
  };
  struct Pair {
    std::int32_t rank;
    int left, right;
    std::int32_t left_id, right_id;  // as queued: a pair is stale when either side has changed
    bool operator>(const Pair& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  const int length = static_cast<int>(word.size());
  std::vector<Symbol> symbols(length);
  for (int i = 0; i < length; ++i)
    symbols[i] = {byte_ids[static_cast<unsigned char>(word[i])], i - 1, i + 1 < length ? i + 1 : -1};
  symbols.back().id += 256;  // </w>
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> queue;
  const auto push = [&](int left, int right) {
    if (left < 0 || right < 0) return;
    if (const std::int32_t found = rank(symbols[left].id, symbols[right].id); found >= 0)
      queue.push({found, left, right, symbols[left].id, symbols[right].id});
  };
  for (int i = 0; i + 1 < length; ++i) push(i, i + 1);
  while (!queue.empty()) {
    const Pair pair = queue.top();
    queue.pop();
    Symbol &left = symbols[pair.left], &right = symbols[pair.right];
    if (left.id != pair.left_id || right.id != pair.right_id || left.next != pair.right) continue;
    left.id = 512 + pair.rank;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols[left.next].previous = pair.left;
    push(left.previous, pair.left);
    push(pair.left, left.next);
  }
  Ids ids;
  for (int i = 0; i >= 0; i = symbols[i].next) ids.push_back(symbols[i].id);
  return ids;
}

void Tokenizer::State::append_word(std::string_view word, Ids& ids) {
  if (word.size() > WordCache::kMaxBytes) {
    const Ids merged = merge(word);
    ids.insert(ids.end(), merged.begin(), merged.end());
    return;
  }
  const WordCache::Key key(word);
  if (const auto found = cache.find(key); !found.empty()) {
    ids.insert(ids.end(), found.begin(), found.end());
    return;
  }
  const Ids merged = merge(word);
  ids.insert(ids.end(), merged.begin(), merged.end());
  cache.insert(key, merged);
}

std::filesystem::path Tokenizer::default_vocabulary() {
  return project_root() / "data/vocab/bpe_simple_vocab_16e6.txt.gz";
}

TextClean parse_text_clean(const std::string& word) {
  if (word == "lower") return TextClean::kLower;
  if (word == "whitespace") return TextClean::kWhitespace;
  if (word == "canonicalize") return TextClean::kCanonicalize;
  fail("cleaning of captions", "'" + word.substr(0, 40) + "'", "lower, whitespace or canonicalize");
}

std::string Tokenizer::id() const {
  const std::string rules = rules_ == TokenizerRules::kOpenAi ? "openai text" : "open_clip text";
  return rules + (clean_ == TextClean::kLower        ? ""
                  : clean_ == TextClean::kWhitespace ? ", whitespace"
                                                     : ", canonicalize");
}

Tokenizer::Tokenizer(TokenizerRules rules, const std::filesystem::path& vocabulary, TextClean clean)
    : rules_(rules), clean_(clean), state_(std::make_unique<State>(rules, vocabulary)) {}

Tokenizer::~Tokenizer() = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, int context_length, TooLong too_long) const {
  assert(context_length > 0);
  Ids ids;
  ids.reserve(32);
  ids.push_back(kStartOfText);
  const std::string cleaned = clean_caption(text, clean_);
  split(cleaned, state_->specials, [&](std::string_view word) {
    if (word[0] == '<' && word == state_->specials[0])
      ids.push_back(kStartOfText);
    else if (word[0] == '<' && word == state_->specials[1])
      ids.push_back(kEndOfText);
    else
      state_->append_word(word, ids);
    return std::ssize(ids) <= context_length;
  });
  ids.push_back(kEndOfText);
  if (std::ssize(ids) > context_length) {
    if (too_long == TooLong::kFail)
      fail("tokenizer", "a text of more than " + std::to_string(context_length) + " ids ('" + excerpt(cleaned) + "')",
           "at most " + std::to_string(context_length) + ", start and end of text included",
           "shorten it or let it be cut");
    ids.resize(static_cast<std::size_t>(context_length));
    ids.back() = kEndOfText;
  }
  return ids;
}

}  // namespace cliplab
