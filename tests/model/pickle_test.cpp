// Pickles as data: what torch.save writes is read, other objects are their names and states, the names of attacks are
// refused, mutations never crash.
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

TEST(Pickle, RefusesTheNamesOfAttacks) {
  const std::string call = pickle(global("os", "system") + "(" + text("touch /tmp/run") + "tR");
  EXPECT_THAT(error_of(call),
              AllOf(HasSubstr("x.pt: "), HasSubstr("'os system'"), HasSubstr("nothing in the file was run")));
  for (const char* name : {"builtins eval", "__builtin__ exec", "posix system", "torch.hub load", "subprocess Popen",
                           "runpy run_path", "sys modules"}) {
    const std::string full = name;
    const auto space = full.find(' ');
    EXPECT_THAT(error_of(pickle(global(full.substr(0, space), full.substr(space + 1)))), HasSubstr("'" + full + "'"));
    // The same by STACK_GLOBAL.
    EXPECT_THAT(error_of(pickle(text(full.substr(0, space)) + text(full.substr(space + 1)) + "\x93")),
                HasSubstr("'" + full + "'"));
  }
}

TEST(Pickle, AnyOtherObjectIsItsNameAndItsState) {
  // argparse.Namespace(lr=3), as protocol 2 writes it.
  const std::string space = global("argparse", "Namespace") + ")\x81" + dict({{"lr", integer(3)}}) + "b";
  // numpy.float64(0.5): scalar(dtype, bytes), the dtype with a state of its own.
  const std::string dtype =
      global("numpy", "dtype") + "(" + text("f8") + "\x89\x88tR(" + integer(3) + text("<") + "NNNtb";
  const std::string number =
      global("numpy._core.multiarray", "scalar") + "(" + dtype + "C\x08" + std::string(8, '\1') + "tR";
  // A class derived from dict, one from list, a set, a frozenset, an object with keywords, a method of an object.
  const std::string derived = global("trainer", "Box") + ")\x81(" + text("inner") + integer(7) + "u";
  const std::string queue = global("collections", "deque") + ")R(" + integer(1) + "e";
  const std::string keyed = global("trainer", "Settings") + ")}\x92";
  const std::string method = global("builtins", "getattr") + "(" + space + text("run") + "tR)R";
  const std::string stream = pickle(dict({{"space", space},
                                          {"number", number},
                                          {"derived", derived},
                                          {"queue", queue},
                                          {"keyed", keyed},
                                          {"method", method},
                                          {"set", "\x8f(" + integer(1) + "\x90"},
                                          {"frozen", "(" + integer(1) + "\x91"},
                                          {"bytes", "B" + bytes_of(3, 4) + "abc"},
                                          {"long", "\x8b" + bytes_of(300, 4) + std::string(300, '\1')},
                                          {"complex", "(" + text("storage") + global("torch", "ComplexFloatStorage") +
                                                          text("9") + text("cpu") + integer(4) + "tQ"},
                                          {"w", tensor(storage("0", 6), 0, {6}, {1})}}));
  const Pickle read(stream, "x.pt");
  const PickleValue& root = read.root();
  ASSERT_EQ(root.find("space")->kind, Kind::kObject);
  EXPECT_EQ(root.find("space")->text, "argparse Namespace");
  EXPECT_EQ(root.find("space")->items.at(0)->find("lr")->integer, 3);
  EXPECT_EQ(root.find("number")->text, "numpy._core.multiarray scalar");
  EXPECT_EQ(root.find("derived")->find("inner")->integer, 7);
  EXPECT_EQ(root.find("set")->items.size(), 1u);
  EXPECT_EQ(root.find("bytes")->text, "abc");
  EXPECT_EQ(root.find("complex")->kind, Kind::kObject);
  EXPECT_EQ(root.find("w")->kind, Kind::kTensor);
  // A tensor in an unknown storage is kept as an object; a number cannot be called.
  EXPECT_EQ(error_of(pickle(tensor("(" + text("storage") + global("torch", "Float8_e5m2Storage") + text("9") +
                                       text("cpu") + integer(4) + "tQ",
                                   0, {4}, {1}))),
            "no error");
  EXPECT_THAT(error_of(pickle(integer(3) + ")R")), HasSubstr("a call of something else than a function"));
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
  const std::string whole =
      pickle(dict({{"w", tensor(storage("0", 6), 0, {2, 3}, {3, 1})},
                   {"m", global("__torch__.a", "M") + ")\x81" + dict({{"x", integer(3)}}) + "b"},
                   {"list", "](" + integer(1) + text("a") + "e"},
                   {"space", global("argparse", "Namespace") + ")\x81" + dict({{"x", "N"}}) + "b"},
                   {"number", global("numpy", "scalar") + "(" + text("f8") + "C\x02" + "abtR"},
                   {"box", global("a", "Box") + ")}\x92(" + text("k") + integer(7) + "u"},
                   {"set", "\x8f(" + integer(1) + "\x90"},
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
