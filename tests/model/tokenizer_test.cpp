// Against open_clip's SimpleTokenizer (tests/golden/tokenizer.tsv); more of it, live, in
// tests/parity/test_tokenizer_parity.py.
#include "model/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
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
    if (fs::exists(kVocabulary)) tokenizer_ = std::make_unique<Tokenizer>(kVocabulary);
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
      golden.text +=
          line[i] == '%' ? static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16)) : line[i];
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
    if (golden.text.size() < 3 || golden.text.size() > 60 ||
        !std::isalpha(static_cast<unsigned char>(golden.text[1])))
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

TEST_F(TokenizerTest, InvalidUtf8IsReplaced) {
  EXPECT_EQ(tokenizer_->encode("a \xff b"), tokenizer_->encode("a \xef\xbf\xbd b"));
  EXPECT_EQ(tokenizer_->encode("\xed\xa0\x80"), tokenizer_->encode("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
  EXPECT_EQ(tokenizer_->encode("x\xe2\x82"), tokenizer_->encode("x\xef\xbf\xbd"));
}

TEST_F(TokenizerTest, ThreadsGiveTheSameIds) {
  const auto all = goldens();
  const Tokenizer fresh(kVocabulary);
  std::vector<std::vector<std::int32_t>> ids(all.size() * 8);
  parallel_for(static_cast<std::int64_t>(ids.size()),
               [&](std::int64_t i) { ids[i] = fresh.encode(all[i % all.size()].text); });
  for (std::size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(ids[i], all[i % all.size()].ids);
}

TEST_F(TokenizerTest, AWordOfAMegabyteIsNoTrap) {
  Rng rng(3);
  std::string word(1 << 20, ' ');
  for (char& c : word) c = static_cast<char>('a' + rng.below(26));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer_->encode(word).size(), 77u);
  EXPECT_EQ(tokenizer_->encode(std::string(1 << 20, '&')).size(), 77u);
  EXPECT_EQ(tokenizer_->encode(std::string(1 << 20, 'a')).size(), 77u);
  EXPECT_EQ(tokenizer_->encode(std::string(1 << 20, ' ')).size(), 2u);
  EXPECT_LT(std::chrono::steady_clock::now() - start,
            std::chrono::seconds(20));  // quadratic merging takes hours
}

TEST_F(TokenizerTest, RandomBytesGiveIdsInRange) {
  for (std::uint64_t round = 0; round < 5000; ++round) {
    Rng rng(2021, round);
    std::string text(rng.below(120), ' ');
    for (char& c : text) {
      const std::string_view often = "&#;x'<>amp \x1b[\xe2\x80\x99\xf0\x9f\x98\x80";
      c = rng.below(2) ? often[rng.below(often.size())] : static_cast<char>(rng.below(256));
    }
    const auto ids = tokenizer_->encode(text);
    ASSERT_GE(ids.size(), 2u);
    ASSERT_LE(ids.size(), 77u);
    ASSERT_EQ(ids.front(), Tokenizer::kStartOfText);
    ASSERT_EQ(ids.back(), Tokenizer::kEndOfText);
    for (const std::int32_t id : ids) ASSERT_TRUE(id >= 0 && id < Tokenizer::kVocabSize);
    ASSERT_EQ(tokenizer_->encode(text), ids);
  }
}

TEST_F(TokenizerTest, AWrongVocabularyIsRefusedByName) {
  const auto message_of = [](const fs::path& path) -> std::string {
    try {
      Tokenizer tokenizer(path);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  const fs::path file =
      fs::temp_directory_path() / ("cliplab_vocabulary_" + std::to_string(::getpid()) + ".gz");
  EXPECT_THAT(message_of(file),
              AllOf(HasSubstr(file.string()), HasSubstr("no such file"), HasSubstr("run ./cliplab")));
  const std::string good = read_file(kVocabulary);
  for (const std::string& bytes : {std::string(), good.substr(0, good.size() / 2), good + "x"}) {
    write_file_atomically(file, bytes);
    EXPECT_THAT(message_of(file), AllOf(HasSubstr(file.string()), HasSubstr("expected 924691ac288e5440")));
  }
  fs::remove(file);
}

}  // namespace
}  // namespace cliplab
