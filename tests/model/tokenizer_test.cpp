// Against open_clip's SimpleTokenizer (tests/golden/tokenizer.tsv); more of it, live, in
// tests/parity/test_tokenizer_parity.py.
#include "model/text/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kVocabulary = fs::path(CLIPLAB_SOURCE_DIR) / "data/vocab/bpe_simple_vocab_16e6.txt.gz";

class TokenizerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (fs::exists(kVocabulary)) tokenizer_ = std::make_unique<Tokenizer>(TokenizerRules::kOpenClip, kVocabulary);
  }
  static void TearDownTestSuite() { tokenizer_.reset(); }
  void SetUp() override {
    if (!tokenizer_) GTEST_SKIP() << "no " << kVocabulary << "; run .venv/bin/python data/set_up.py";
  }
  static inline std::unique_ptr<Tokenizer> tokenizer_;
};

struct Golden {
  std::vector<std::int32_t> ids;
  std::string text;
};

std::vector<Golden> goldens() {
  std::vector<Golden> result;
  std::ifstream file(CLIPLAB_SOURCE_DIR "/tests/golden/tokenizer.tsv");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    Golden golden;
    std::istringstream ids(line.substr(0, line.find('\t')));
    for (std::int32_t id; ids >> id;) golden.ids.push_back(id);
    for (std::size_t i = line.find('\t') + 1; i < line.size(); ++i) {
      golden.text += line[i] == '%' ? static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16)) : line[i];
      if (line[i] == '%') i += 2;
    }
    result.push_back(golden);
  }
  return result;
}

TEST_F(TokenizerTest, IdsEqualOpenClip) {
  const auto all = goldens();
  ASSERT_GT(all.size(), 250u);
  for (int pass = 0; pass < 2; ++pass)  // the second one from the cache
    for (const Golden& golden : all) EXPECT_EQ(tokenizer_->encode(golden.text), golden.ids) << golden.text;
}

TEST_F(TokenizerTest, GoldensSeeAChangedLetter) {
  int changed = 0, texts = 0;
  for (const Golden& golden : goldens()) {
    if (golden.text.size() < 3 || golden.text.size() > 60 || !std::isalpha(static_cast<unsigned char>(golden.text[1])))
      continue;
    std::string other = golden.text;
    other[1] = other[1] == 'q' ? 'z' : 'q';
    ++texts;
    changed += tokenizer_->encode(other) != golden.ids;
  }
  EXPECT_GT(texts, 50);
  EXPECT_GT(changed, texts - 3);  // a letter inside of an entity or an escape may be without effect
}

TEST_F(TokenizerTest, LongTextsAreCutToTheContext) {
  const std::string text = "a photo of a cat";
  EXPECT_THAT(tokenizer_->encode(text), ElementsAre(49406, 320, 1125, 539, 320, 2368, 49407));
  EXPECT_THAT(tokenizer_->encode(text, 7), ElementsAre(49406, 320, 1125, 539, 320, 2368, 49407));
  EXPECT_THAT(tokenizer_->encode(text, 6), ElementsAre(49406, 320, 1125, 539, 320, 49407));
  EXPECT_THAT(tokenizer_->encode(text, 2), ElementsAre(49406, 49407));
  EXPECT_THAT(tokenizer_->encode(text, 1), ElementsAre(49407));
  EXPECT_THAT(tokenizer_->encode("", 77), ElementsAre(49406, 49407));
}

TEST_F(TokenizerTest, OverlongTextsCanBeAnError) {
  EXPECT_EQ(tokenizer_->encode("a photo of a cat", 7, TooLong::kFail).size(), 7u);
  try {
    tokenizer_->encode("A photo of a cat \u2014 \u00e9\u00e9\u00e9 and of so many more things that it is cut", 6,
                       TooLong::kFail);
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("a photo of a cat \u2014"), HasSubstr("...')"), HasSubstr("more than 6 ids"),
                      HasSubstr("expected at most 6"), HasSubstr("let it be cut")));
  }
}

// clip-anytorch 2.6.0 (openai/CLIP simple_tokenizer.py) and open_clip 3.3.0, on these texts.
TEST_F(TokenizerTest, RulesDifferInTheWordsForStartAndEnd) {
  const Tokenizer openai(TokenizerRules::kOpenAi, kVocabulary);
  const std::string mixed = "<|STARTOFTEXT|>x<|endoftext|> <start_of_text><end_of_text>";
  EXPECT_THAT(openai.encode(mixed), ElementsAre(49406, 49406, 343, 49407, 283, 1572, 318, 539, 318, 4160, 28015, 806,
                                                318, 539, 318, 4160, 285, 49407));
  EXPECT_THAT(tokenizer_->encode(mixed), ElementsAre(49406, 27, 347, 993, 6659, 4160, 91, 285, 343, 27, 347, 40786,
                                                     4160, 91, 285, 49406, 49407, 49407));
  EXPECT_THAT(openai.encode("!<|endoftext|>"),
              ElementsAre(49406, 0, 27, 347, 40786, 4160, 91, 285, 49407));  // no special inside of a run
  for (const Golden& golden : goldens()) {
    if (golden.text.find('<') != std::string::npos) continue;
    EXPECT_EQ(openai.encode(golden.text), golden.ids) << golden.text;
  }
}

TEST_F(TokenizerTest, WronglyDecodedTextsAreRepaired) {
  const std::vector<std::pair<std::string, std::string>> pairs{{"cafÃ©", "café"},
                                                               {"itâ€™s", "it's"},
                                                               {"MÃ¼nchen", "München"},
                                                               {"Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"},
                                                               {"РџСЂРёРІРµС‚", "Привет"},
                                                               {"Josu&Atilde;&copy;", "Josué"},
                                                               {"c\u00c3\u00a9 \u0085", "cé …"}};
  for (const auto& [garbled, meant] : pairs) EXPECT_EQ(tokenizer_->encode(garbled), tokenizer_->encode(meant)) << meant;
}

TEST_F(TokenizerTest, InvalidUtf8IsReplaced) {
  EXPECT_EQ(tokenizer_->encode("a \xff b"), tokenizer_->encode("a \xef\xbf\xbd b"));
  EXPECT_EQ(tokenizer_->encode("\xed\xa0\x80"), tokenizer_->encode("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
  EXPECT_EQ(tokenizer_->encode("x\xe2\x82"), tokenizer_->encode("x\xef\xbf\xbd"));
}

TEST_F(TokenizerTest, ThreadsGiveTheSameIds) {
  const auto all = goldens();
  const Tokenizer fresh(TokenizerRules::kOpenClip, kVocabulary);
  std::vector<std::vector<std::int32_t>> ids(all.size() * 8);
  parallel_for(static_cast<std::int64_t>(ids.size()),
               [&](std::int64_t i) { ids[i] = fresh.encode(all[i % all.size()].text); });
  for (std::size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(ids[i], all[i % all.size()].ids);
}

TEST_F(TokenizerTest, AVeryLongWordIsNoTrap) {
  Rng rng(3);
  constexpr int kLength = 1 << 18;
  std::string word(kLength, ' ');
  for (char& c : word) c = static_cast<char>('a' + rng.below(26));
  const auto cpu_ticks = [&](const std::string& text) {  // the least of three: others run beside
    double least = 1e300;
    for (int round = 0; round < 3; ++round) {
      const std::clock_t start = std::clock();
      EXPECT_EQ(tokenizer_->encode(text).size(), 77u);
      least = std::min(least, static_cast<double>(std::clock() - start));
    }
    return least;
  };
  // Merging that is quadratic takes 16 times as long for four times the letters, and an hour for these.
  EXPECT_LT(cpu_ticks(word), 9 * cpu_ticks(word.substr(0, kLength / 4)));
  EXPECT_EQ(tokenizer_->encode(std::string(kLength, '&')).size(), 77u);
  EXPECT_EQ(tokenizer_->encode(std::string(kLength, 'a')).size(), 77u);
  EXPECT_EQ(tokenizer_->encode(std::string(kLength, ' ')).size(), 2u);
}

/// A text that may break something: bytes, broken UTF-8, entities, specials, escapes, long runs.
std::string fuzzed_text(std::uint64_t round) {
  static const std::vector<std::string> kPieces{"&",
                                                "#",
                                                ";",
                                                "&#",
                                                "&#x",
                                                "&amp;",
                                                "&eacute",
                                                "&NotEqualTilde;",
                                                "&#1114112;",
                                                "&#55296;",
                                                "'",
                                                "'s",
                                                "<",
                                                "<|endoftext|>",
                                                "<start_of_text>",
                                                "\x1b[",
                                                "\x1b[1;31m",
                                                "\n",
                                                "\r",
                                                "\u017f",
                                                "\u0345",
                                                "\u03a3",
                                                "\u0130",
                                                "\u2019",
                                                "\ufb03",
                                                "\uff21",
                                                "\u3000",
                                                "\u0928\u093f",
                                                "Ã©",
                                                "â€™",
                                                "Â",
                                                "\u0085",
                                                "\U0001f600",
                                                "\xed\xa0\x80",
                                                "\xf4\x90\x80\x80",
                                                "\xc0\x80",
                                                "\xe2\x82",
                                                "\xff",
                                                std::string(1, '\0')};
  Rng rng(2021, round);
  std::string text;
  const std::uint64_t kind = rng.below(4), length = rng.below(round % 1000 == 0 ? 20000 : 60);
  for (std::uint64_t i = 0; i < length; ++i) {
    if (kind == 0)
      text += static_cast<char>(rng.below(256));
    else if (kind == 1 || rng.below(3) > 0)
      text += kPieces[rng.below(kPieces.size())];
    else
      text += static_cast<char>(kind == 2 ? 'a' + rng.below(26) : 32 + rng.below(95));
  }
  return text;
}

// CLIPLAB_FUZZ_INPUTS: how many texts.
TEST_F(TokenizerTest, FuzzedTextsGiveIdsInRange) {
  const char* count = std::getenv("CLIPLAB_FUZZ_INPUTS");
  const std::uint64_t rounds = count == nullptr ? 10'000 : std::strtoull(count, nullptr, 10);
  const Tokenizer openai(TokenizerRules::kOpenAi, kVocabulary), fresh(TokenizerRules::kOpenClip, kVocabulary);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::string text = fuzzed_text(round);
    const auto ids = tokenizer_->encode(text);
    ASSERT_EQ(fresh.encode(text), ids) << round;  // from another cache
    for (const auto& some : {ids, openai.encode(text)}) {
      ASSERT_GE(some.size(), 2u) << round;
      ASSERT_LE(some.size(), 77u) << round;
      ASSERT_EQ(some.front(), Tokenizer::kStartOfText) << round;
      ASSERT_EQ(some.back(), Tokenizer::kEndOfText) << round;
      for (const std::int32_t id : some) ASSERT_TRUE(id >= 0 && id < Tokenizer::kVocabSize) << round;
    }
  }
}

TEST_F(TokenizerTest, AWrongVocabularyIsRefusedByName) {
  const auto message_of = [](const fs::path& path) -> std::string {
    try {
      Tokenizer tokenizer(TokenizerRules::kOpenClip, path);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  const fs::path file = fs::temp_directory_path() / ("cliplab_vocabulary_" + std::to_string(::getpid()) + ".gz");
  EXPECT_THAT(message_of(file), AllOf(HasSubstr(file.string()), HasSubstr("no such file"), HasSubstr("run ./cliplab")));
  const std::string good = read_file(kVocabulary);
  for (const std::string& bytes : {std::string(), good.substr(0, good.size() / 2), good + "x"}) {
    write_file_atomically(file, bytes);
    EXPECT_THAT(message_of(file), AllOf(HasSubstr(file.string()), HasSubstr("expected 924691ac288e5440")));
  }
  fs::remove(file);
}

}  // namespace
}  // namespace cliplab
