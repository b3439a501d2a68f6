// Pickles as data: what torch.save writes is read, everything else is refused by its name, mutations never crash.
#include "model/files/pickle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "fuzz_inputs.hpp"
#include "model/torch_file.hpp"

namespace cliplab {
namespace {

using namespace torch_file;
using ::testing::HasSubstr;
using Kind = PickleValue::Kind;

std::string error_of(const std::string& stream) {
  try {
    Pickle pickle(stream, "x.pt");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Pickle, ReadsADictOfTensorsNumbersAndText) {
  const std::string stream = pickle(dict({{"w", tensor(storage("0", 6), 0, {2, 3}, {3, 1})},
                                          {"step", integer(-7)},
                                          {"large", integer(std::int64_t{1} << 40)},
                                          {"rate", "G" + std::string("\x3f\xe0\0\0\0\0\0\0", 8)},
                                          {"name", text("vit")},
                                          {"none", "N"},
                                          {"yes", "\x88"}}));
  const Pickle read(stream + "behind", "x.pt");
  EXPECT_EQ(read.size(), stream.size());
  const PickleValue& root = read.root();
  const PickleValue* w = root.find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->kind, Kind::kTensor);
  EXPECT_EQ(w->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(w->items[0]->text, "0");
  EXPECT_EQ(w->items[0]->dtype, "F32");
  EXPECT_EQ(root.find("step")->integer, -7);
  EXPECT_EQ(root.find("large")->integer, std::int64_t{1} << 40);
  EXPECT_EQ(root.find("rate")->real, 0.5);
  EXPECT_EQ(root.find("name")->text, "vit");
  EXPECT_EQ(root.find("none")->kind, Kind::kNone);
  EXPECT_EQ(root.find("yes")->integer, 1);
  EXPECT_EQ(root.find("absent"), nullptr);
}

TEST(Pickle, RefusesCallsByName) {
  const std::string call = pickle(global("os", "system") + "(" + text("touch /tmp/run") + "tR");
  EXPECT_THAT(error_of(call),
              AllOf(HasSubstr("x.pt: "), HasSubstr("'os system'"), HasSubstr("nothing in the file was run")));
  for (const char* name : {"builtins eval", "posix system", "torch.hub load", "numpy.core.multiarray _reconstruct"}) {
    const std::string full = name;
    const auto space = full.find(' ');
    EXPECT_THAT(error_of(pickle(global(full.substr(0, space), full.substr(space + 1)))), HasSubstr("'" + full + "'"));
    // The same by STACK_GLOBAL.
    EXPECT_THAT(error_of(pickle(text(full.substr(0, space)) + text(full.substr(space + 1)) + "\x93")),
                HasSubstr("'" + full + "'"));
  }
  // A known name called as something that it is not.
  EXPECT_THAT(error_of(pickle(global("torch", "FloatStorage") + ")R")), HasSubstr("a call of 'torch FloatStorage'"));
  EXPECT_THAT(error_of(pickle(global("collections", "OrderedDict") + ")\x81")), HasSubstr("an object of"));
}

TEST(Pickle, RefusesOtherOpcodesByNumber) {
  EXPECT_THAT(error_of(pickle("i")), HasSubstr("opcode 0x69"));
  EXPECT_THAT(error_of(pickle("P")), HasSubstr("opcode 0x50"));
  EXPECT_THAT(error_of(pickle("\x82\x01")), HasSubstr("opcode 0x82"));
  EXPECT_THAT(error_of("\x80\x01."), HasSubstr("protocol 1"));
  EXPECT_THAT(error_of("hello"), HasSubstr("no pickle"));
  EXPECT_THAT(error_of(""), HasSubstr("cut short"));
}

TEST(Pickle, RefusesTensorsOutsideTheirStorage) {
  const auto outside = [](std::int64_t offset, std::vector<std::int64_t> shape, std::vector<std::int64_t> stride) {
    return error_of(pickle(tensor(storage("0", 6), offset, shape, stride)));
  };
  EXPECT_EQ(outside(0, {2, 3}, {3, 1}), "no error");
  EXPECT_EQ(outside(0, {3, 2}, {1, 3}), "no error") << "transposed";
  EXPECT_EQ(outside(6, {0}, {1}), "no error") << "empty";
  EXPECT_THAT(outside(1, {2, 3}, {3, 1}), HasSubstr("outside its storage of 6"));
  EXPECT_THAT(outside(-1, {2}, {1}), HasSubstr("outside"));
  EXPECT_THAT(outside(0, {2, 4}, {1, 1}), HasSubstr("outside")) << "more elements than the storage";
  EXPECT_THAT(outside(0, {std::int64_t{1} << 40}, {0}), HasSubstr("outside")) << "one element, repeated";
  EXPECT_THAT(outside(0, {std::int64_t{1} << 32, std::int64_t{1} << 32}, {1, 1}), HasSubstr("outside"))
      << "an overflow";
  EXPECT_THAT(outside(0, {-1}, {1}), HasSubstr("negative"));
  EXPECT_THAT(outside(0, {2}, {1, 1}), HasSubstr("1 sizes and 2 strides"));
}

TEST(Pickle, ShortStreamsCannotMakeManyValues) {
  std::string big = "(";
  for (int i = 0; i < 100'000; ++i) big += "N";
  std::string stream = "\x80\x02" + big + "tq\x01";
  for (int i = 0; i < 1000; ++i) stream += "0" + global("torch", "Size") + "(h\x01tR";
  EXPECT_THAT(error_of(stream + "."), HasSubstr("more than 1000000 values"));
  // A list within itself is a finite object; whoever walks it bounds the depth.
  EXPECT_EQ(error_of("\x80\x02]q\x01h\x01"
                     "a."),
            "no error");
}

TEST(Pickle, MutatedStreamsAreReadOrRefusedQuickly) {
  const std::string whole = pickle(dict({{"w", tensor(storage("0", 6), 0, {2, 3}, {3, 1})},
                                         {"m", global("__torch__.a", "M") + ")\x81" + dict({{"x", integer(3)}}) + "b"},
                                         {"list", "](" + integer(1) + text("a") + "e"},
                                         {"size", global("torch", "Size") + "(" + tuple({1, 2}) + "tR"}}));
  ASSERT_EQ(error_of(whole), "no error");
  Rng rng(11);
  const std::clock_t begin = std::clock();
  const int inputs = fuzz_inputs(20'000);
  for (int i = 0; i < inputs; ++i) {
    std::string stream = whole;
    for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
      const std::size_t at = rng.below(stream.size());
      switch (rng.below(4)) {
        case 0:
          stream[at] = static_cast<char>(rng.next());
          break;
        case 1:
          stream.erase(at, 1 + rng.below(8));
          break;
        case 2:
          stream.insert(at, 1, static_cast<char>(rng.next()));
          break;
        default:
          stream.insert(at, stream.substr(rng.below(stream.size()), rng.below(40)));
      }
      if (stream.empty()) break;
    }
    const std::string message = error_of(stream);
    ASSERT_TRUE(message == "no error" || message.starts_with("x.pt: ")) << message;
    ASSERT_EQ(message.find('\n'), std::string::npos) << message;
  }
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds / inputs, 0.01);
}

}  // namespace
}  // namespace cliplab
