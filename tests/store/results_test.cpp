// Result files come back bit for bit; anything else than a whole file of ours is refused with one line.
#include "store/results.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <thread>
#include <tuple>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "store/h5.hpp"
#include "store/seal.hpp"

// Asked by LeakSanitizer at exit: libhdf5 forgets a 4 KiB buffer when a write fails, so that child is not
// asked.
bool after_failed_write = false;
extern "C" __attribute__((weak)) int __lsan_is_turned_off() { return after_failed_write ? 1 : 0; }

namespace cliplab {
namespace {

namespace fs = std::filesystem;

class ResultFiles : public testing::Test {
 protected:
  ResultFiles() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~ResultFiles() override { fs::remove_all(folder_); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  std::string error() const {
    try {
      read_results(file_);
    } catch (const InputError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with(file_.string() + ": ")) << message;
      return message;
    }
    return "no error";
  }
  /// Writes a file that has every part of the layout right but what `change` does first.
  template <class Change>
  std::string error_after(const Change& change) {
    H5Writer file(file_);
    const bool records = change(file);
    file.attribute("/", "schema_version", std::int64_t{2});
    file.attribute("/", "experiment", std::string("x"));
    file.attribute("/", "config", std::string("x"));
    file.group("/provenance");
    if (records) {
      for (const char* name : {"dataset", "split", "model", "method", "metric", "unit"})
        file.strings(std::string("/records/") + name, {"a", "b"});
      file.strings("/records/params", {"{}", params_of_second_});
      const double values[] = {0.1, 0.2};
      for (const char* name : {"value", "ci_low", "ci_high"})
        file.doubles(std::string("/records/") + name, values, {2});
      file.integers("/records/n", {1, 2});
    }
    file.close();
    return error();
  }
  std::string params_of_second_ = "{}";
  const fs::path folder_ = fs::path(testing::TempDir()) / ("results_test_" + std::to_string(::getpid()));
  const fs::path file_ = folder_ / "results.h5";
};

Results example() {
  Results results;
  results.experiment = "zero_shot_vs_probe";
  results.config = "seed = 0\ntrain.lr = 0.0005\n";
  results.provenance = {{"commit", "0123abc"}, {"model ViT-S/16", "id"}, {"empty", ""}, {"größe", "ünïcode 猫"}};
  const double odd[] = {0.1, -0.0, 5e-324, std::numeric_limits<double>::infinity(), std::nan("7")};
  for (int i = 0; i < 5; ++i)
    results.records.push_back({"fashion_mnist", "test", "vit-s", "zero-shot", "top1",
                               i == 3 ? Params{} : Params{{"templates", std::to_string(i)}, {"label", "a \"猫\"\\\n"}},
                               "fraction", odd[i], odd[i] / 3, -odd[i], (std::int64_t{1} << 62) + i});
  Array curve{"probe/fashion_mnist/vit-s/sweep", {"lambda", "top1"}, MatrixD(3, 2), {{"kind", "sweep"}}};
  curve.values << 1e-6, 0.5, 1e-3, 1.0 / 3, 1, std::nan("");
  results.arrays = {
      curve, {"a/empty", {"x", "y", "z"}, MatrixD(0, 3)}, {"scores", {"only"}, MatrixD::Constant(1, 1, -0.0)}};
  return results;
}

bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

void expect_same(const Results& a, const Results& b) {
  EXPECT_EQ(a.experiment, b.experiment);
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.provenance, b.provenance);
  ASSERT_EQ(a.records.size(), b.records.size());
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    const Record &x = a.records[i], &y = b.records[i];
    EXPECT_EQ(std::tie(x.dataset, x.split, x.model, x.method, x.metric, x.unit, x.params, x.n),
              std::tie(y.dataset, y.split, y.model, y.method, y.metric, y.unit, y.params, y.n));
    EXPECT_TRUE(same_bits(x.value, y.value) && same_bits(x.ci_low, y.ci_low) && same_bits(x.ci_high, y.ci_high));
  }
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (std::size_t k = 0; k < a.arrays.size(); ++k) {
    EXPECT_EQ(a.arrays[k].name, b.arrays[k].name);
    EXPECT_EQ(a.arrays[k].columns, b.arrays[k].columns);
    EXPECT_EQ(a.arrays[k].params, b.arrays[k].params);
    ASSERT_EQ(a.arrays[k].values.rows(), b.arrays[k].values.rows());
    ASSERT_EQ(a.arrays[k].values.cols(), b.arrays[k].values.cols());
    for (Eigen::Index i = 0; i < a.arrays[k].values.size(); ++i)
      EXPECT_TRUE(same_bits(a.arrays[k].values.data()[i], b.arrays[k].values.data()[i]));
  }
}

TEST_F(ResultFiles, RoundTripKeepsEveryBitAndTheOrder) {
  write_results(file_, example());
  expect_same(read_results(file_), example());
  EXPECT_EQ(files(), 1u) << "a part file was left";
}

TEST_F(ResultFiles, EmptyResultsRoundTrip) {
  write_results(folder_ / "new" / "deep.h5", Results{});
  expect_same(read_results(folder_ / "new" / "deep.h5"), Results{});
}

TEST_F(ResultFiles, LongTextsAndManyColumnsRoundTrip) {
  Results results;
  results.config = std::string(300'000, 'c');  // beyond HDF5's classic 64 KiB for attributes
  Array wide{"confusion", {}, MatrixD::Zero(2, 6000)};
  for (int i = 0; i < 6000; ++i) wide.columns.push_back("class " + std::to_string(i));
  results.arrays = {wide};
  for (int i = 0; i < 300; ++i) results.arrays.push_back({"many/" + std::to_string(i), {"x"}, MatrixD::Zero(1, 1)});
  write_results(file_, results);
  expect_same(read_results(file_), results);
}

TEST_F(ResultFiles, H5pyReadsTheLayout) {
  const std::string python = std::string(CLIPLAB_SOURCE_DIR) + "/.venv/bin/python";
  if (!fs::exists(python)) GTEST_SKIP() << "no " << python << ": h5py was NOT asked to read our files";
  write_results(file_, example());
  const std::string script =
      "import h5py, json, sys, math\n"
      "f = h5py.File(sys.argv[1], 'r')\n"
      "assert f.attrs['experiment'] == 'zero_shot_vs_probe' and f.attrs['schema_version'] == 2\n"
      "assert f.attrs['config'].endswith('0.0005\\n')\n"
      "assert f['provenance'].attrs['gr\\u00f6\\u00dfe'] == '\\u00fcn\\u00efcode \\u732b'\n"
      "r = f['records']\n"
      "assert list(json.loads(r['params'][1])) == ['label', 'templates'] and json.loads(r['params'][1])['templates'] "
      "== '1'\n"
      "assert json.loads(r['params'][1])['label'] == 'a \"\u732b\"\\\\\\n' and r['params'][3] == b'{}'\n"
      "assert r['unit'][0] == b'fraction'\n"
      "assert r['value'].dtype == '<f8' and r['value'][0] == 0.1 and math.isinf(r['value'][3])\n"
      "assert r['n'].dtype == '<i8' and r['n'][4] == 2**62 + 4\n"
      "a = f['arrays/probe/fashion_mnist/vit-s/sweep']\n"
      "assert a.shape == (3, 2) and list(a.attrs['columns']) == ['lambda', 'top1'] and a[1, 1] == 1 / 3\n"
      "assert json.loads(a.attrs['params']) == {'kind': 'sweep'}\n";
  write_file_atomically(folder_ / "read.py", script);
  EXPECT_EQ(std::system(("'" + python + "' '" + (folder_ / "read.py").string() + "' '" + file_.string() + "'").c_str()),
            0);
}

TEST_F(ResultFiles, MissingFileIsNamed) { EXPECT_NE(error().find("cannot be read (No such file"), std::string::npos); }

TEST_F(ResultFiles, AnyDamageIsAnInputError) {
  write_results(file_, example());
  const std::string whole = read_file(file_);
  Rng rng(2026);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    if (round % 4 == 0) {
      bytes.resize(rng.below(whole.size()));
    } else if (round % 4 == 1) {
      for (char& byte : bytes) byte = static_cast<char>(rng.next());
      if (rng.below(2) == 0) bytes.replace(0, 8, whole, 0, 8);
    } else {
      for (std::uint64_t flips = 1 + rng.below(8); flips > 0; --flips)
        bytes[rng.below(bytes.size())] ^= static_cast<char>(1 + rng.below(255));
      if (bytes == whole) continue;
    }
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    ASSERT_NE(error(), "no error") << "round " << round;
  }
}

TEST_F(ResultFiles, SealedFilesOfAnotherLayoutAreRefused) {
  write_file_atomically(file_, "no HDF5 at all, but sealed");
  append_seal(file_);
  EXPECT_NE(error().find("not a whole HDF5 file"), std::string::npos);
  const double three[] = {1, 2, 3};
  const float two[] = {1, 2};
  EXPECT_NE(error_after([](H5Writer&) { return false; }).find("no /records/n"), std::string::npos);
  EXPECT_NE(error_after([&](H5Writer& f) {
              return f.group("/records"), f.doubles("/records/n", three, {3}), false;
            }).find("/records/n of another type"),
            std::string::npos);
  EXPECT_NE(error_after([&](H5Writer& f) {
              return f.integers("/records/n", {1, 2}), f.strings("/records/dataset", {"a"}), false;
            }).find("/records/dataset with 1 rows, expected 2"),
            std::string::npos);
  EXPECT_NE(error_after([&](H5Writer& f) {
              return f.integers("/records/n", {1, 2}), f.floats("/records/dataset", two, {2}), false;
            }).find("/records/dataset of another type"),
            std::string::npos);
  EXPECT_NE(error_after([&](H5Writer& f) {
              return f.doubles("/records/n", three, {3, 1}), false;
            }).find("/records/n of another shape"),
            std::string::npos);
  EXPECT_NE(error_after([&](H5Writer&) { return true; }).find("no attribute order at /arrays"), std::string::npos);
  EXPECT_NE(error_after([&](H5Writer& f) {
              f.group("/arrays");
              f.attribute("/arrays", "order", std::vector<std::string>{"gone"});
              return true;
            }).find("no array gone"),
            std::string::npos);
  EXPECT_NE(error_after([&](H5Writer& f) {
              f.doubles("/arrays/a", three, {1, 3});
              f.attribute("/arrays/a", "columns", std::vector<std::string>{"x", "y"});
              f.attribute("/arrays/a", "params", std::string("{}"));
              f.attribute("/arrays", "order", std::vector<std::string>{"a"});
              return true;
            }).find("array a of another shape"),
            std::string::npos);
}

TEST_F(ResultFiles, SchemaOneIsRefusedInOneLine) {
  H5Writer file(file_);
  file.attribute("/", "schema_version", std::int64_t{1});
  file.close();
  EXPECT_EQ(error(), file_.string() + ": schema 1, expected 2; run the config again");
}

TEST_F(ResultFiles, ParamsThatAreNoObjectOfTextsAreRefused) {
  for (const char* text : {"", "shots=4", "[]", "{\"shots\":4}", "{\"shots\":\"4\""}) {
    params_of_second_ = text;
    EXPECT_NE(error_after([](H5Writer&) { return true; }).find("/records/params: '"), std::string::npos) << text;
  }
  params_of_second_ = "{}";
}

TEST_F(ResultFiles, WriterRefusesArraysItCouldNotReadBack) {
  Results results;
  results.arrays = {{"a", {"one name"}, MatrixD::Zero(2, 2)}};
  EXPECT_THROW(write_results(file_, results), std::logic_error);
  results.arrays = {{"a", {"x"}, MatrixD::Zero(1, 1)}, {"a", {"x"}, MatrixD::Zero(1, 1)}};
  EXPECT_THROW(write_results(file_, results), InputError);
  results.arrays.clear();
  results.config = std::string("a\0b", 3);
  EXPECT_THROW(write_results(file_, results), InputError);
  EXPECT_EQ(files(), 0u);
}

TEST_F(ResultFiles, FullDiskLeavesTheOldFileAndNoPart) {
  write_results(file_, example());
  const std::string old = read_file(file_);
  for (const rlim_t bytes : {0, 100, 2000, 9000, 40000, 150000}) {
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit limit{bytes, RLIM_INFINITY}, none{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      ::signal(SIGXFSZ, SIG_IGN);
      Results large = example();
      large.arrays.push_back({"large", {"x"}, MatrixD::Zero(100000, 1)});
      try {
        write_results(file_, large);
        std::_Exit(1);
      } catch (const InputError& error) {
        if (std::string(error.what()).find("free space") == std::string::npos) std::_Exit(2);
      }
      ::setrlimit(RLIMIT_FSIZE, &none);  // space again: the program goes on, and ends without a crash
      for (int i = 0; i < 20; ++i) {
        write_results(folder_ / "other", large);
        if (read_results(folder_ / "other").arrays.size() != large.arrays.size()) std::_Exit(3);
      }
      fs::remove(folder_ / "other");
      after_failed_write = true;
      std::exit(0);  // with the libraries' own clean-up
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "limit " << bytes;
    EXPECT_EQ(read_file(file_), old);
    EXPECT_EQ(files(), 1u) << "limit " << bytes;
  }
}

TEST_F(ResultFiles, AReaderSeesOneWholeFileWhileAnotherTakesItsPlace) {
  // Sealed files of two lengths take turns under one name: a reader that opens the path twice mixes them within some
  // rounds.
  const auto write = [](const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  };
  const auto whole = [&](std::size_t bytes) {
    write(folder_ / "part", std::string(bytes, 'x'));
    append_seal(folder_ / "part");
    return read_file(folder_ / "part");
  };
  const std::string contents[]{whole(1000), whole(300000)};
  write(file_, contents[0]);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t i = 0; !done; ++i) {
      write(folder_ / "next", contents[i % 2]);
      fs::rename(folder_ / "next", file_);
    }
  });
  int refused = 0;
  for (int i = 0; i < 3000; ++i) try {
      check_seal(file_);
    } catch (const InputError&) {
      ++refused;
    }
  done = true, writer.join();
  EXPECT_EQ(refused, 0);
}

TEST_F(ResultFiles, ManyThreadsAndTwoProcessesDoNotCorrupt) {
  const auto write_many = [&] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 10; ++i) {
          write_results(file_, example());
          write_results(folder_ / ("own" + std::to_string(t)), example());
          read_results(file_);
        }
      });
    for (auto& thread : threads) thread.join();
  };
  const pid_t child = ::fork();
  if (child == 0) {
    write_many();
    std::_Exit(0);
  }
  write_many();
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  expect_same(read_results(file_), example());
  EXPECT_EQ(files(), 4u);
}

}  // namespace
}  // namespace cliplab
