// Options are strict: each kind of mistake stops with file, line, key, value, what is allowed and the nearest
// known word.
#include "base/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Options declared() {
  Options options;
  options.add_list("studies", {}, "studies to run, in this order",
                   {"encoder_scaling", "zero_shot_vs_probe", "distribution_shift", "prompt_engineering"});
  options.add_integer("seed", 0, 0, 1'000'000'000, "seed of everything");
  options.add_flag("smoke", false, "marks a smoke run");
  options.add_list("train.arch", {"vit-s"}, "architectures");
  options.add_text("train.corpus", "drawings", "pairs to train on");
  options.add_integer("train.steps", 1000, 1, 100'000'000, "optimiser steps");
  options.add_integer("train.batch", 256, 2, 65536, "pairs a step");
  options.add_real("train.lr", 5e-4, 0, 1, "peak learning rate");
  options.add_text("train.precision", "bf16", "type of activations", {"fp32", "bf16"});
  return options;
}

struct ScratchFile {
  fs::path path = fs::path(testing::TempDir()) / ("options_test_" + std::to_string(::getpid()) + ".cfg");
  ~ScratchFile() { fs::remove(path); }
};

fs::path config(const std::string& text) {
  static const ScratchFile file;
  std::ofstream(file.path) << text;
  return file.path;
}

Options parsed(const std::string& text) {
  Options options = declared();
  options.parse_file(config(text));
  return options;
}

/// The message behind "<file>:".
std::string file_error(const std::string& text) {
  const std::string file = config(text).string();
  try {
    parsed(text);
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with(file + ":")) << message;
    return message.substr(std::min(message.size(), file.size() + 1));
  }
  return "no error";
}

Options given(const std::vector<std::string>& arguments) {
  Options options = declared();
  options.parse_arguments(arguments);
  return options;
}

std::string line_error(const std::vector<std::string>& arguments) {
  try {
    given(arguments);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Options, ReadsEveryTypeFromAFile) {
  const Options options = parsed(
      "# a comment\nseed = 7\nsmoke = true\nstudies = encoder_scaling , prompt_engineering  # two\r\n\n"
      "[train]\nlr = 1e-3\nsteps=5\n  arch =\nprecision = fp32\ncorpus = my drawings\n");
  EXPECT_EQ(options.integer("seed"), 7);
  EXPECT_TRUE(options.flag("smoke"));
  EXPECT_THAT(options.list("studies"), ElementsAre("encoder_scaling", "prompt_engineering"));
  EXPECT_EQ(options.real("train.lr"), 1e-3);
  EXPECT_EQ(options.integer("train.steps"), 5);
  EXPECT_TRUE(options.list("train.arch").empty());
  EXPECT_EQ(options.text("train.precision"), "fp32");
  EXPECT_EQ(options.text("train.corpus"), "my drawings");
  EXPECT_EQ(options.integer("train.batch"), 256) << "the default";
}

TEST(Options, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(file_error("seed = 1\n[train]\nlrr = 0.1\n"),
            "3: unknown key 'train.lrr', expected a declared key; did you mean 'train.lr'?");
  EXPECT_THAT(file_error("steps = 4\n"), HasSubstr("did you mean 'train.steps'?")) << "its section is missing";
  EXPECT_THAT(file_error("[trian]\nlr = 0.1\n"),
              HasSubstr("2: unknown key 'trian.lr', expected a declared key; did you mean 'train.lr'?"));
  EXPECT_THAT(file_error("entirely_else = 4\n"), HasSubstr("./cliplab describe STUDY lists the keys"));
  EXPECT_THAT(file_error("Seed = 4\n"), HasSubstr("did you mean 'seed'?"));
}

TEST(Options, DuplicateKeyNamesBothLines) {
  EXPECT_EQ(file_error("seed = 1\n\nseed = 2\nseed = 3\n"),
            "3: duplicate key 'seed', expected each key once; the first is in line 1");
  EXPECT_THAT(file_error("train.lr = 0.1\n[train]\nlr = 0.1\n"), HasSubstr("3: duplicate key 'train.lr'"));
}

TEST(Options, IntegersAreIntegersInTheirRange) {
  for (const char* text :
       {"1e6", "5.0", "five", "", "0x10", "+5", "5 6", "99999999999999999999", "0", "100000001", "-1"})
    EXPECT_EQ(file_error(std::string("[train]\nsteps = ") + text + "\n"),
              std::string("2: train.steps = '") + text + "', expected an integer in [1, 100000000] (optimiser steps)");
}

TEST(Options, RealsAreFiniteNumbersInTheirRange) {
  for (const char* text : {"nan", "inf", "-inf", "0.1x", "", "1e999", "1.0001", "-1e-9", "0,5"})
    EXPECT_EQ(file_error(std::string("[train]\nlr = ") + text + "\n"),
              std::string("2: train.lr = '") + text + "', expected a number in [0, 1] (peak learning rate)");
  EXPECT_EQ(parsed("train.lr = 1E-4\n").real("train.lr"), 1e-4);
  EXPECT_EQ(parsed("train.lr = 1\n").real("train.lr"), 1) << "the ends belong to the range";
}

TEST(Options, FlagsAreTrueOrFalse) {
  for (const char* text : {"1", "yes", "True", ""})
    EXPECT_EQ(file_error(std::string("smoke = ") + text + "\n"),
              std::string("1: smoke = '") + text + "', expected true or false");
}

TEST(Options, TextIsOneOfTheAllowed) {
  EXPECT_EQ(file_error("[train]\nprecision = bf61\n"),
            "2: train.precision has 'bf61', expected one of fp32, bf16; did you mean 'bf16'?");
}

TEST(Options, ListItemsAreAllowedOnceAndNotEmpty) {
  EXPECT_EQ(file_error("studies = zero_shot_vs_prob\n"),
            "1: studies has 'zero_shot_vs_prob', expected one of encoder_scaling, zero_shot_vs_probe, "
            "distribution_shift, prompt_engineering; did you mean 'zero_shot_vs_probe'?");
  EXPECT_EQ(file_error("train.arch = a, b ,a\n"), "1: train.arch has 'a' twice, expected each item once");
  for (const char* text : {"a,,b", "a,", ",a", ","})
    EXPECT_EQ(file_error(std::string("train.arch = ") + text + "\n"),
              std::string("1: train.arch = '") + text + "', expected no empty item between the commas");
}

TEST(Options, TextThatIsNoAssignmentIsRefused) {
  const std::string shape = ", expected key = value, [section] or # comment";
  EXPECT_EQ(file_error("seed = 1\nhello world\n"), "2: 'hello world' without '='" + shape);
  EXPECT_EQ(file_error("[train\nlr = 1\n"), "1: '[train' without '='" + shape);
  EXPECT_EQ(file_error("[train]\n= 1\n"), "2: no key before '='" + shape);
  EXPECT_THAT(file_error("[ train ]\nlr = 1\n"), HasSubstr("1: section '[ train ]'"));
  EXPECT_THAT(file_error("[]\nseed = 1\n"), HasSubstr("1: section '[]'"));
}

TEST(Options, UnreadableFilesAreNamed) {
  EXPECT_THROW(declared().parse_file("/nonexistent.cfg"), InputError);
  EXPECT_THROW(declared().parse_file("/tmp"), InputError);
  EXPECT_THROW(declared().parse_file("/dev/zero"), InputError);
}

TEST(Options, CommandLineOverridesTheFile) {
  Options options = parsed("seed = 1\n[train]\nlr = 0.1\narch = a,b\n");
  options.parse_arguments(std::vector<std::string>{"--seed", "2", "--train.arch=", "--train.corpus=a=b"});
  EXPECT_EQ(options.integer("seed"), 2);
  EXPECT_EQ(options.real("train.lr"), 0.1);
  EXPECT_TRUE(options.list("train.arch").empty());
  EXPECT_EQ(options.text("train.corpus"), "a=b");
  options.parse_arguments(std::vector<std::string>{"--train.arch", ""});
  EXPECT_TRUE(options.list("train.arch").empty());
}

TEST(Options, CommandLineMistakesStop) {
  const std::string shape = ", expected --key value or --key=value";
  EXPECT_EQ(line_error({"--train.lrr", "0.1"}),
            "command line: unknown key 'train.lrr', expected a declared key; did you mean 'train.lr'?");
  EXPECT_THAT(line_error({"--train.l", "0.1"}), HasSubstr("unknown key 'train.l'")) << "no prefixes";
  EXPECT_THAT(line_error({"--se=4"}), HasSubstr("unknown key 'se'"));
  EXPECT_EQ(line_error({"seed"}), "command line: stray word 'seed'" + shape);
  EXPECT_EQ(line_error({"--seed", "1", "2"}), "command line: stray word '2'" + shape);
  EXPECT_EQ(line_error({"-s", "1"}), "command line: stray word '-s'" + shape);
  EXPECT_EQ(line_error({"--", "x"}), "command line: stray word 'x'" + shape);
  EXPECT_EQ(line_error({""}), "command line: stray word ''" + shape);
  EXPECT_THAT(line_error({"--seed"}), HasSubstr("seed"));
  EXPECT_EQ(line_error({"--train.corpus", "--seed=5"}), "command line: key 'train.corpus' without a value" + shape);
  EXPECT_EQ(line_error({"--seed", "1", "--seed=1"}), "command line: key 'seed' twice, expected each key once");
  EXPECT_EQ(line_error({"--train.batch", "1"}),
            "command line: train.batch = '1', expected an integer in [2, 65536] (pairs a step)");
  EXPECT_THAT(line_error({"--seed", "-5"}), HasSubstr("seed = '-5', expected an integer in [0, 1000000000]"));
  EXPECT_THAT(line_error({"--train.corpus", "a#b"}), HasSubstr("train.corpus has a '#' or a control character"));
  EXPECT_THAT(line_error({"--train.corpus", "a\nseed = 2"}), HasSubstr("control character"));
}

TEST(Options, ResolvedIsSortedCompleteAndReadsBack) {
  const Options options = given({"--train.lr", "0.30000000000000004", "--train.arch=b,a", "--seed", "12"});
  const std::string text = options.resolved();
  EXPECT_EQ(text,
            "seed = 12\nsmoke = false\nstudies = \ntrain.arch = b,a\ntrain.batch = 256\ntrain.corpus = drawings\n"
            "train.lr = 0.30000000000000004\ntrain.precision = bf16\ntrain.steps = 1000\n");
  EXPECT_EQ(parsed(text).resolved(), text);
  EXPECT_EQ(given({"--train.lr=5e-4"}).resolved("train"), declared().resolved("train")) << "equal runs, equal text";
  EXPECT_EQ(given({"--train.lr=-0"}).resolved(), given({"--train.lr=0"}).resolved());
  EXPECT_THAT(options.resolved("train"), testing::Not(HasSubstr("seed")));
  EXPECT_THAT(declared().resolved("train"), HasSubstr("train.lr = 0.0005\n"));
}

TEST(Options, HelpShowsDefaultRangeAndText) {
  const std::string help = declared().help();
  EXPECT_THAT(help, testing::ContainsRegex("\\[train\\]\n.*train.lr = 0.0005  +peak learning rate \\[0, 1\\]"));
  EXPECT_THAT(help, HasSubstr("type of activations [fp32, bf16]\n"));
  EXPECT_LT(help.find("studies"), help.find("[train]"));
}

TEST(Options, MistakesOfTheProgrammerAreLogicErrors) {
  Options options = declared();
  EXPECT_THROW(options.add_flag("seed", true, "again"), std::logic_error);
  EXPECT_THROW(options.add_integer("other", 5, 6, 7, "default out of range"), std::logic_error);
  EXPECT_THROW(options.add_text("word", "c", "default not allowed", {"a", "b"}), std::logic_error);
  EXPECT_THROW(options.add_integer("wide", 0, 0, INT64_MAX, "range not exact"), std::logic_error);
  EXPECT_THROW((void)options.integer("none"), std::logic_error);
  EXPECT_THROW((void)options.integer("train.lr"), std::logic_error);
  EXPECT_FALSE(options.has("none"));
}

TEST(Options, EachBadConfigFailsWithTheMessageOfItsFirstLine) {
  // Those that parsing alone refuses; the other files of the folder need the whole program (./cliplab check).
  for (const char* name : {"unknown_key", "duplicate_key", "mistyped_integer", "out_of_range", "list_item",
                           "unknown_study", "unknown_section", "stray_text"}) {
    const fs::path file = fs::path(CLIPLAB_SOURCE_DIR) / "tests/configs" / (std::string("bad_") + name + ".cfg");
    std::string first;
    std::ifstream in(file);
    std::getline(in, first);
    const std::string mark = "# expect: ";
    ASSERT_TRUE(first.starts_with(mark)) << file;
    try {
      declared().parse_file(file);
      ADD_FAILURE() << file << " was accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(first.substr(mark.size())));
      EXPECT_THAT(error.what(), testing::StartsWith(file.string() + ":"));
    }
  }
}

}  // namespace
}  // namespace cliplab
