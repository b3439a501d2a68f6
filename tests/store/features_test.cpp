// Cached features come back bit for bit under their key, and are refused under another key or when damaged.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "store/features.hpp"
#include "store/h5.hpp"
#include "store/probe_file.hpp"
#include "store/results.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

class FeatureFiles : public testing::Test {
 protected:
  ~FeatureFiles() override { fs::remove(file_); }
  std::string error(const std::string& key) const {
    try {
      read_features(file_, key);
    } catch (const InputError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(file_.string() + ": ")) << error.what();
      return error.what();
    }
    return "no error";
  }
  const fs::path file_ = fs::path(testing::TempDir()) / ("features_test_" + std::to_string(::getpid()) + ".h5");
};

Matrix noise(Eigen::Index rows, Eigen::Index columns) {
  Rng rng(1);
  Matrix matrix(rows, columns);
  for (Eigen::Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(rng.normal());
  return matrix;
}

TEST_F(FeatureFiles, RoundTripKeepsEveryBit) {
  for (const auto& [rows, columns] : {std::pair<Eigen::Index, Eigen::Index>{1, 1}, {100, 7}, {3000, 384}, {0, 5}}) {
    const Matrix features = noise(rows, columns);
    write_features(file_, "vit-s@1 cifar10/test@2", {features});
    const Matrix found = read_features(file_, "vit-s@1 cifar10/test@2").x;
    ASSERT_EQ(found.rows(), rows);
    ASSERT_EQ(found.cols(), columns);
    EXPECT_TRUE(rows == 0 ||
                std::memcmp(found.data(), features.data(), static_cast<std::size_t>(found.size()) * 4) == 0);
  }
}

TEST_F(FeatureFiles, RowsAreWrittenAndReadInPieces) {
  const Matrix features = noise(1000, 7);
  write_feature_rows(file_, "key", 1000, 7, [&](std::int64_t begin, std::int64_t count, float* values) {
    std::memcpy(values, features.row(begin).data(), static_cast<std::size_t>(count) * 7 * sizeof(float));
  });
  EXPECT_EQ(read_features(file_, "key").x, features);
  const FeatureFile file(file_, "key");
  ASSERT_EQ(file.rows(), 1000);
  ASSERT_EQ(file.cols(), 7);
  for (const auto& [begin, count] : {std::pair{0, 1}, {999, 1}, {300, 256}, {0, 1000}}) {
    Matrix rows(count, 7);
    file.read(begin, count, rows.data());
    EXPECT_EQ(rows, features.middleRows(begin, count));
  }
  Matrix rows(2, 7);
  EXPECT_THROW(file.read(999, 2, rows.data()), InputError);
  EXPECT_THROW(FeatureFile(file_, "other"), InputError);
}

TEST_F(FeatureFiles, TruthAndRowsStandWithTheFeatures) {
  const StoredFeatures several{noise(3, 2), {{0, 1, 0}, {1, -1, 0, 1, 1, -1}, {1, -1, 2}, 2}, {4, 5, 9}, 2};
  write_features(file_, "key", several);
  const StoredFeatures found = read_features(file_, "key");
  EXPECT_EQ(found.truth.labels, several.truth.labels);
  EXPECT_EQ(found.truth.targets, several.truth.targets);
  EXPECT_EQ(found.truth.clips, several.truth.clips);
  EXPECT_EQ(found.truth.num_classes, 2);
  EXPECT_EQ(found.rows, several.rows);
  EXPECT_EQ(found.undecodable, 2);
}

TEST_F(FeatureFiles, ATruthThatDoesNotFitIsRefused) {
  for (const Truth& truth : {Truth{{0, 1}, {}, {}, 2}, Truth{{0, 1, 2}, {}, {}, 2}, Truth{{0, 1, 0}, {1, 1}, {}, 2},
                             Truth{{0, 1, 0}, {}, {1}, 2}})
    EXPECT_THROW(write_features(file_, "key", {noise(3, 2), truth}), InputError);
  EXPECT_THROW(write_features(file_, "key", {noise(3, 2), {}, {1, 2}}), InputError);
}

TEST_F(FeatureFiles, ProbesComeBackBitForBitUnderTheirKey) {
  StoredProbe probe{noise(4, 7), noise(1, 4).row(0), 0.316, MatrixD::Random(15, 5)};
  write_probe(file_, "key", probe);
  const StoredProbe found = read_probe(file_, "key");
  EXPECT_EQ(found.weight, probe.weight);
  EXPECT_EQ(found.bias, probe.bias);
  EXPECT_EQ(found.lambda, probe.lambda);
  EXPECT_EQ(found.search, probe.search);
  EXPECT_THROW(read_probe(file_, "another"), InputError);
  write_results(file_, Results{});
  EXPECT_THROW(read_probe(file_, "key"), InputError);
}

TEST_F(FeatureFiles, AnotherKeyIsRefused) {
  write_features(file_, "key one", {noise(2, 2)});
  EXPECT_NE(error("key two").find("features of another key, expected 'key two'"), std::string::npos);
}

TEST_F(FeatureFiles, AnyDamageIsAnInputError) {
  write_features(file_, "key", {noise(20, 10)});
  const std::string whole = read_file(file_);
  Rng rng(7);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = whole;
    if (round % 2 == 0)
      bytes.resize(rng.below(whole.size()));
    else
      bytes[rng.below(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    ASSERT_NE(error("key"), "no error") << "round " << round;
  }
}

TEST_F(FeatureFiles, ChecksumOfTheNumbersIsCheckedToo) {
  const float values[] = {1, 2};
  const auto write = [&](std::vector<std::uint64_t> shape, const std::string& sum) {
    H5Writer file(file_);
    file.attribute("/", "key", std::string("key"));
    file.floats("/features", values, shape);
    file.attribute("/features", "sha256", sum);
    file.close();
  };
  write({1, 2}, std::string(64, '0'));
  EXPECT_NE(error("key").find("damaged features"), std::string::npos);
  write({2}, std::string(64, '0'));
  EXPECT_NE(error("key").find("features of another shape"), std::string::npos);
}

TEST_F(FeatureFiles, ResultFilesAreNoFeatures) {
  write_results(file_, Results{});
  EXPECT_NE(error("key").find("no attribute key at /"), std::string::npos);
}

}  // namespace
}  // namespace cliplab
