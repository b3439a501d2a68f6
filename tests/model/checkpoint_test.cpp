// Checkpoint containers: what they hold comes out, whatever the layout; hostile ones are refused in one line.
#include "model/files/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "fuzz_inputs.hpp"
#include "model/torch_file.hpp"

namespace cliplab {
namespace {

using namespace torch_file;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

class CheckpointFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("cliplab_checkpoint_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "x.pt";
  }
  void TearDown() override { fs::remove_all(folder_); }

  using Entries = std::vector<std::pair<std::string, std::string>>;
  static Entries plain(const std::string& stream, const std::vector<float>& data = {1, 2, 3, 4, 5, 6}) {
    return {{"x/data.pkl", stream}, {"x/byteorder", "little"}, {"x/data/0", floats(data)}, {"x/version", "3\n"}};
  }
  static std::string state_dict() { return pickle(dict({{"w", tensor(storage("0", 6), 0, {2, 3}, {3, 1})}})); }

  std::string error() {
    try {
      read_checkpoint(file_);
    } catch (const InputError& e) {
      return e.what();
    }
    return "no error";
  }
  std::string error_of(const Entries& entries) {
    write_zip(file_, entries);
    return error();
  }
  static std::vector<float> values(const TensorBytes& tensor) {
    std::vector<float> result(tensor.bytes / sizeof(float));
    std::memcpy(result.data(), tensor.data, tensor.bytes);
    return result;
  }

  fs::path folder_, file_;
};

TEST_F(CheckpointFile, StateDictOfTorchSave) {
  write_zip(file_, plain(state_dict()));
  const Checkpoint read = read_checkpoint(file_);
  EXPECT_EQ(read.format, "torch.save");
  ASSERT_EQ(read.tensors.size(), 1u);
  EXPECT_EQ(read.tensors.at("w").dtype, "F32");
  EXPECT_EQ(read.tensors.at("w").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(values(read.tensors.at("w")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_F(CheckpointFile, TransposedAndPartialTensorsComeOutRowMajor) {
  write_zip(file_, plain(pickle(dict({{"t", tensor(storage("0", 6), 0, {3, 2}, {1, 3})},
                                      {"p", tensor(storage("0", 6), 4, {2}, {1})}}))));
  const Checkpoint read = read_checkpoint(file_);
  EXPECT_EQ(values(read.tensors.at("t")), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values(read.tensors.at("p")), (std::vector<float>{5, 6}));
}

TEST_F(CheckpointFile, OfATrainingCheckpointOnlyTheModelIsRead) {
  const std::string weight = tensor(storage("0", 6), 0, {6}, {1});
  // The optimiser's storage is not even in the file: it is not looked for.
  const std::string optimizer = dict({{"exp_avg", tensor(storage("9", 6), 0, {6}, {1})}});
  write_zip(file_,
            plain(pickle(dict(
                {{"epoch", integer(3)}, {"state_dict", dict({{"module.w", weight}})}, {"optimizer", optimizer}}))));
  const Checkpoint read = read_checkpoint(file_);
  ASSERT_EQ(read.tensors.size(), 1u);
  EXPECT_TRUE(read.tensors.contains("module.w"));
}

TEST_F(CheckpointFile, EveryDictOrModuleWithTensorsIsAnEntry) {
  const std::string weight = tensor(storage("0", 6), 0, {6}, {1});
  const auto object = [](const std::string& name, const std::string& state) {
    return global("m", name) + ")\x81" + state + "b";
  };
  const std::string layer = object("Linear", dict({{"_parameters", dict({{"weight", weight}})}, {"training", "\x89"}}));
  const std::string module =
      object("Model", dict({{"_modules", dict({{"fc", layer}})}, {"_buffers", dict({{"mean", weight}})}}));
  write_zip(file_, plain(pickle("](" + dict({{"epoch", integer(1)}, {"run", dict({{"ema", dict({{"w", weight}})}})}}) +
                                object("Args", dict({{"model", dict({{"v", weight}})}})) + module + "e")));
  std::vector<std::string> found;
  const Checkpoint read = read_checkpoint(file_, [&](const std::vector<CheckpointEntry>& entries) {
    for (const auto& entry : entries) {
      found.push_back(entry.path);
      for (const std::string& name : entry.names) found.back() += " " + name;
    }
    return std::size_t{1};
  });
  EXPECT_THAT(found, ::testing::UnorderedElementsAre("2 fc.weight mean", "0.run.ema w", "1.model v"));
  EXPECT_EQ(read.tensors.size(), 1u);
}

TEST_F(CheckpointFile, AValueThatHoldsItselfEnds) {
  const std::string weight = tensor(storage("0", 6), 0, {6}, {1});
  write_zip(file_, plain("\x80\x02}q\x01(" + text("a") + "h\x01" + text("w") + weight + "u."));
  EXPECT_EQ(read_checkpoint(file_).tensors.size(), 1u);
  write_zip(file_, plain("\x80\x02" + global("a", "M") + ")\x81q\x01}(" + text("m") + "h\x01" + "ub."));
  EXPECT_THAT(error(), HasSubstr("nested more than 32"));
  // Thirty modules, each in the next one twice: a billion paths through a short file.
  std::string stream = "\x80\x02" + global("a", "M") + "q\x01)\x81";
  for (int i = 0; i < 30; ++i)
    stream +=
        "q\x02"
        "0h\x01)\x81}(" +
        text("a") + "h\x02" + text("b") + "h\x02ub";
  write_zip(file_, plain(stream + "."));
  EXPECT_THAT(error(), HasSubstr("without end"));
}

TEST_F(CheckpointFile, ShardsAreReadByTheirIndex) {
  const std::string data = floats({1, 2, 3, 4});
  write_safetensors(folder_ / "m-1-of-2.safetensors", {{"a", {"F32", {2}, data.data(), 8}}}, {});
  write_safetensors(folder_ / "m-2-of-2.safetensors", {{"b", {"F32", {2}, data.data() + 8, 8}}}, {});
  const auto index = [&](const std::string& map) {
    write_file_atomically(folder_ / "model.safetensors.index.json", R"({"metadata": {}, "weight_map": )" + map + "}");
    file_ = folder_;
  };
  index(R"({"a": "m-1-of-2.safetensors", "b": "m-2-of-2.safetensors"})");
  const Checkpoint read = read_checkpoint(folder_);
  EXPECT_EQ(read.format, "safetensors, several files");
  EXPECT_EQ(values(read.tensors.at("a")), (std::vector<float>{1, 2}));
  EXPECT_EQ(values(read.tensors.at("b")), (std::vector<float>{3, 4}));
  index(R"({"a": "m-2-of-2.safetensors", "b": "m-2-of-2.safetensors"})");
  EXPECT_THAT(error(), AllOf(HasSubstr("m-2-of-2.safetensors: no tensor 'a'"), HasSubstr("download")));
  index(R"({"a": "m-1-of-2.safetensors"})");
  EXPECT_EQ(error(), "no error");
  index(R"({"a": "m-1-of-2.safetensors", "c": "m-2-of-2.safetensors"})");
  EXPECT_THAT(error(), HasSubstr("tensor 'b', expected only what its index lists"));
  for (const char* map :
       {R"({"a": "../m-1-of-2.safetensors"})", R"({"a": "/etc/passwd"})", R"({"a": 3})", R"({"a": ".."})"}) {
    index(map);
    EXPECT_THAT(error(), AllOf(HasSubstr("model.safetensors.index.json"), HasSubstr("same folder"))) << map;
  }
  index("{}");
  EXPECT_THAT(error(), HasSubstr("an empty weight_map"));
  index(R"({"a": "gone.safetensors"})");
  EXPECT_THAT(error(), HasSubstr("gone.safetensors: no such file"));
}

TEST_F(CheckpointFile, AFolderIsItsWeights) {
  const std::string data = floats({1, 2});
  const fs::path folder = folder_ / "hub";
  fs::create_directories(folder);
  file_ = folder;
  EXPECT_THAT(error(), HasSubstr("a folder without weights"));
  for (const char* name : {"my.safetensors", "their.safetensors"})
    write_safetensors(folder / name, {{"a", {"F32", {2}, data.data(), 8}}}, {});
  EXPECT_THAT(error(), AllOf(HasSubstr("my.safetensors, their.safetensors"), HasSubstr("give the file itself")));
  fs::remove(folder / "my.safetensors");
  EXPECT_EQ(error(), "no error") << "the only one";
  write_safetensors(folder / "model.safetensors", {{"b", {"F32", {2}, data.data(), 8}}}, {});
  EXPECT_TRUE(read_checkpoint(folder).tensors.contains("b")) << "a name that is known";
  file_ = folder / "model.safetensors";
}

TEST_F(CheckpointFile, TorchScriptArchiveIsItsAttributes) {
  const auto module = [](const std::string& name, const std::string& attributes) {
    return global("__torch__.clip", name) + ")\x81" + attributes + "b";
  };
  const std::string weight = tensor(storage("0", 6), 0, {6}, {1});
  const std::string inner = module("Inner", dict({{"weight", weight}, {"training", "\x89"}}));
  auto entries = plain(pickle(module("Model", dict({{"visual", inner}, {"logit_scale", weight}}))));
  write_zip(file_, entries);
  Checkpoint read = read_checkpoint(file_);
  EXPECT_EQ(read.format, "TorchScript archive");
  EXPECT_TRUE(read.tensors.contains("visual.weight"));
  EXPECT_TRUE(read.tensors.contains("logit_scale"));
  EXPECT_FALSE(read.mentions_quick_gelu);
  entries.emplace_back("x/code/__torch__/clip.py!",
                       "  return torch.mul(x, torch.sigmoid(torch.mul(x, CONSTANTS.c0)))  # 1.702");
  write_zip(file_, entries);
  EXPECT_TRUE(read_checkpoint(file_).mentions_quick_gelu);
  const double constant = 1.702;
  entries.back() = {"x/constants/0", std::string(reinterpret_cast<const char*>(&constant), sizeof constant)};
  write_zip(file_, entries);
  EXPECT_TRUE(read_checkpoint(file_).mentions_quick_gelu);
}

TEST_F(CheckpointFile, OldStreamOfTorchSave) {
  const std::string magic =
      std::string("\x80\x02\x8a\x0a", 4) + std::string("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10) + ".";
  const std::string stream = magic + pickle(integer(1001)) + pickle(dict({{"little_endian", "\x88"}})) + state_dict() +
                             pickle("](" + text("0") + "e") + bytes_of(6, 8) + floats({1, 2, 3, 4, 5, 6});
  write_file_atomically(file_, stream);
  const Checkpoint read = read_checkpoint(file_);
  EXPECT_EQ(read.format, "torch.save, old stream");
  EXPECT_EQ(values(read.tensors.at("w")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  for (std::size_t length = 0; length < stream.size(); length += 7) {
    write_file_atomically(file_, stream.substr(0, length));
    EXPECT_THAT(error(), HasSubstr(file_.string() + ": ")) << length;
  }
}

TEST_F(CheckpointFile, HostileArchivesAreRefusedByName) {
  EXPECT_THAT(error_of({{"x/other", "a"}}), HasSubstr("without data.pkl"));
  EXPECT_THAT(error_of(plain(pickle(global("os", "system") + "(" + text("true") + "tR"))), HasSubstr("'os system'"));
  EXPECT_THAT(error_of(plain(pickle("]"))), HasSubstr("no tensor"));
  EXPECT_THAT(error_of(plain(pickle("}"))), HasSubstr("no tensor"));
  EXPECT_THAT(error_of(plain(pickle(dict({{"epoch", integer(1)}, {"model", dict({{"a", integer(1)}})}})))),
              HasSubstr("its keys are epoch, model (dict of 1)"));
  EXPECT_THAT(error_of(plain(state_dict(), {1, 2})),
              AllOf(HasSubstr("storage '0' of 8 bytes"), HasSubstr("expected 24")));
  EXPECT_THAT(error_of({{"x/data.pkl", state_dict()}}), HasSubstr("no entry 'x/data/0'"));
  EXPECT_THAT(error_of({{"x/data.pkl", state_dict()}, {"x/byteorder", "big"}}), HasSubstr("byte order"));
  // A bomb: 64 MB of zeros in a few kilobytes.
  const std::int64_t elements = 16 << 20;
  const std::string bomb = pickle(dict({{"w", tensor(storage("0", elements), 0, {elements}, {1})}}));
  const std::string message =
      error_of({{"x/data.pkl", bomb}, {"x/data/0!", std::string(static_cast<std::size_t>(elements) * 4, '\0')}});
  EXPECT_THAT(message, HasSubstr("storage '0' of 16777216 elements"));
  const std::string packed(4096, '\0');
  EXPECT_THAT(error_of({{"x/data.pkl", pickle(dict({{"w", tensor(storage("0", 1024), 0, {1024}, {1})}}))},
                        {"x/data/0!", packed},
                        {"x/pad", std::string(8192, 'x')}}),
              HasSubstr("that is compressed"));
  // Modules nested without end.
  std::string deep = dict({{"w", tensor(storage("0", 6), 0, {6}, {1})}});
  for (int i = 0; i < 100; ++i) deep = dict({{"m", global("__torch__.a", "M") + ")\x81" + deep + "b"}});
  EXPECT_THAT(error_of(plain(pickle(deep))), HasSubstr("nested more than 32"));
  write_file_atomically(file_, "");
  EXPECT_THAT(error(), HasSubstr("an empty file"));
  write_file_atomically(file_, "<html>not found</html>");
  EXPECT_THAT(error(), HasSubstr("another format by its first bytes"));
  file_ = folder_ / "gone.pt";
  EXPECT_THAT(error(), HasSubstr("no such file"));
}

TEST_F(CheckpointFile, ADamagedStorageIsNoticed) {
  write_zip(file_, plain(state_dict()));
  std::string bytes = read_file(file_);
  bytes[bytes.find(floats({3, 4})) + 1] ^= 1;
  write_file_atomically(file_, bytes);
  EXPECT_THAT(error(), HasSubstr("CRC"));
}

TEST_F(CheckpointFile, MutatedFilesAreReadOrRefused) {
  std::vector<std::string> wholes;
  write_zip(file_, plain(state_dict()));
  wholes.push_back(read_file(file_));
  const std::string other = global("a", "Box") + ")\x81" + dict({{"x", integer(3)}}) + "b";
  write_zip(file_,
            plain(pickle(dict({{"model", dict({{"w", tensor(storage("0", 6), 0, {6}, {1})}})}, {"args", other}}))));
  wholes.push_back(read_file(file_));
  write_safetensors(file_, {{"a", {"F32", {2}, "12345678", 8}}}, {{"k", "v"}});
  wholes.push_back(read_file(file_));
  Rng rng(5);
  for (int i = 0, inputs = fuzz_inputs(3000); i < inputs; ++i) {
    std::string bytes = wholes[rng.below(wholes.size())];
    for (std::uint64_t edits = 1 + rng.below(4); edits > 0 && !bytes.empty(); --edits) {
      const std::size_t at = rng.below(bytes.size());
      if (rng.below(3) > 0)
        bytes[at] = static_cast<char>(rng.next());
      else
        bytes.resize(at);
    }
    {
      FILE* out = std::fopen(file_.c_str(), "wb");
      std::fwrite(bytes.data(), 1, bytes.size(), out);
      std::fclose(out);
    }
    const std::string message = error();
    ASSERT_TRUE(message == "no error" || message.find(file_.string()) != std::string::npos) << message;
    ASSERT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace cliplab
