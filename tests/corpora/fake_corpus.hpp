// A project root in a temporary folder, with small built sets that a test writes and damages.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/rng.hpp"
#include "corpora/set_writer.hpp"
#include "pixels/codecs.hpp"
#include "sets/set_ref.hpp"

namespace cliplab {

inline std::unique_ptr<Dataset> open_labels(const std::string& name, const std::string& split) {
  return open_dataset(SetRef::parse(name), split);
}
inline std::unique_ptr<PairCorpus> open_captions(const std::string& name, const std::string& split) {
  return open_pairs(SetRef::parse(name), split);
}
inline std::string set_id(const std::string& name, const std::string& split) { return SetRef::parse(name).id(split); }

class FakeRoot : public ::testing::Test {
 protected:
  FakeRoot() {
    if (const char* before = std::getenv("CLIPLAB_ROOT")) before_ = before;
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root = std::filesystem::temp_directory_path() /
           ("cliplab-" + std::to_string(::getpid()) + "-" + info->test_suite_name() + "-" + info->name());
    std::filesystem::create_directories(root / "data/corpora");
    std::filesystem::create_directories(root / "data/prompts");
    std::filesystem::create_directories(root / "experiments");
    write_file_atomically(root / "data/datasets.json", R"({"sets": []})");
    ::setenv("CLIPLAB_ROOT", root.c_str(), 1);
  }
  ~FakeRoot() override {
    if (before_.empty())
      ::unsetenv("CLIPLAB_ROOT");
    else
      ::setenv("CLIPLAB_ROOT", before_.c_str(), 1);
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }

  static Image picture(int shade) {
    Image image = Image::make(8, 8, 4);
    for (std::size_t i = 0; i < image.size(); ++i)
      image.pixels[i] = static_cast<std::uint8_t>(i % 4 == 3 ? 255 : (shade * 37 + static_cast<int>(i)) % 256);
    return image;
  }

  std::filesystem::path corpus(const std::string& name) const { return root / "data/corpora" / name; }

  /// The built set `drawings` of 10 training pairs and 2 held out.
  static void write_pairs() {
    SetWriter writer("drawings", 1);
    for (int i = 0; i < 12; ++i)
      writer.add({.key = "pair-" + std::to_string(i),
                  .png = encode_png(picture(i)),
                  .split = i < 10 ? "train" : "val",
                  .source = "noto",
                  .captions = {"thing " + std::to_string(i), "a thing"}});
    writer.finish({});
  }

  /// What `action` throws, or "" when it throws nothing. Anything but InputError fails the test.
  template <class Action>
  static std::string input_error(const Action& action) {
    try {
      action();
    } catch (const InputError& error) {
      return error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "another exception than InputError: " << error.what();
    }
    return {};
  }

  /// `bytes` with one to four bytes changed, cut or doubled.
  static std::string mutate(std::string bytes, Rng& rng) {
    for (std::uint64_t k = 0, count = 1 + rng.below(4); k < count && !bytes.empty(); ++k) {
      const std::size_t at = rng.below(bytes.size());
      switch (rng.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
          break;
        case 2:
          bytes.resize(at);
          break;
        default:
          bytes.insert(at, bytes.substr(at, rng.below(64)));
      }
    }
    return bytes;
  }

  std::filesystem::path root;

 private:
  std::string before_;
};

/// Replaces bytes in a file; the file keeps its name.
inline void overwrite(const std::filesystem::path& file, const std::string& bytes) {
  write_file_atomically(file, bytes);
}

}  // namespace cliplab
