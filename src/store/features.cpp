// Layout: /features [N, D] float32 with its checksum, /truth/{labels, targets, clips} and /rows as whole numbers.
#include "store/features.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/finite.hpp"
#include "base/hash.hpp"
#include "store/h5.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAgain = "delete it; the run makes it again";

std::string checksum(const Matrix& matrix) {
  return sha256_hex(
      {reinterpret_cast<const char*>(matrix.data()), static_cast<std::size_t>(matrix.size()) * sizeof(float)});
}

template <class Number>
void write_numbers(H5Writer& file, const std::string& name, const std::vector<Number>& numbers) {
  if (!numbers.empty()) file.integers(name, {numbers.begin(), numbers.end()});
}

template <class Number>
void read_numbers(const H5Reader& file, const std::string& name, std::vector<Number>& numbers) {
  if (!file.exists(name)) return;
  for (const std::int64_t number : file.integers(name)) numbers.push_back(static_cast<Number>(number));
}

/// Opens a feature file of `key`; its [N, D].
std::unique_ptr<H5Reader> open_features(const fs::path& path, const std::string& key,
                                        std::vector<std::uint64_t>& shape) {
  auto file = std::make_unique<H5Reader>(path);
  if (file->text_attribute("/", "key") != key) fail(path.string(), "features of another key", "'" + key + "'", kAgain);
  shape = file->shape("/features");
  if (shape.size() != 2) fail(path.string(), "features of another shape", "[N, D]", kAgain);
  return file;
}

/// Throws InputError when rows and truth do not fit the N features.
void check_sizes(const StoredFeatures& features, const fs::path& path) {
  const Truth& truth = features.truth;
  const std::int64_t N = features.x.rows(), C = truth.num_classes;
  bool fits = features.rows.empty() || std::ssize(features.rows) == N;
  if (truth.size() > 0 || C > 0)
    fits = fits && truth.size() == N && (!truth.has_clips() || std::ssize(truth.clips) == N) &&
           (!truth.several_labels() || std::ssize(truth.targets) == N * C) &&
           std::ranges::all_of(truth.labels, [&](int label) { return label >= 0 && label < C; });
  if (!fits) fail(path.string(), "a truth that does not fit its features", std::to_string(N) + " samples", kAgain);
}

}  // namespace

void write_features(const fs::path& path, const std::string& key, const StoredFeatures& features) {
  check_sizes(features, path);
  write_whole(path, [&](H5Writer& file) {
    file.attribute("/", "key", key);
    file.floats("/features", features.x.data(),
                {static_cast<std::uint64_t>(features.x.rows()), static_cast<std::uint64_t>(features.x.cols())});
    file.attribute("/features", "sha256", checksum(features.x));
    file.group("/truth");
    file.attribute("/truth", "num_classes", features.truth.num_classes);
    file.attribute("/truth", "undecodable", features.undecodable);
    write_numbers(file, "/truth/labels", features.truth.labels);
    write_numbers(file, "/truth/targets", features.truth.targets);
    write_numbers(file, "/truth/clips", features.truth.clips);
    write_numbers(file, "/rows", features.rows);
  });
}

void write_feature_rows(const fs::path& path, const std::string& key, std::int64_t rows, std::int64_t cols,
                        const std::function<void(std::int64_t, std::int64_t, float*)>& produce) {
  constexpr std::int64_t kChunkNumbers = 4 << 20;
  write_whole(path, [&](H5Writer& file) {
    Sha256 hash;
    file.attribute("/", "key", key);
    file.float_rows(
        "/features", static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols),
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, kChunkNumbers / std::max<std::int64_t>(1, cols))),
        [&](std::uint64_t begin, std::uint64_t count, float* values) {
          produce(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(count), values);
          hash.add(values, count * static_cast<std::uint64_t>(cols) * sizeof(float));
        });
    file.attribute("/features", "sha256", hash.hex());
  });
}

FeatureFile::FeatureFile(const fs::path& path, const std::string& key) {
  std::vector<std::uint64_t> shape;
  file_ = open_features(path, key, shape);
  rows_ = static_cast<std::int64_t>(shape[0]), cols_ = static_cast<std::int64_t>(shape[1]);
}

FeatureFile::~FeatureFile() = default;

void FeatureFile::read(std::int64_t begin, std::int64_t count, float* values) const {
  file_->float_rows("/features", static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(count), values);
}

StoredFeatures read_features(const fs::path& path, const std::string& key) {
  std::vector<std::uint64_t> shape;
  const auto file = open_features(path, key, shape);
  StoredFeatures features;
  features.x.resize(static_cast<Eigen::Index>(shape[0]), static_cast<Eigen::Index>(shape[1]));
  file->floats("/features", features.x.data());
  if (file->text_attribute("/features", "sha256") != checksum(features.x))
    fail(path.string(), "damaged features", "bytes of their checksum", kAgain);
  if (file->exists("/truth")) {
    features.truth.num_classes = static_cast<int>(file->integer_attribute("/truth", "num_classes"));
    features.undecodable = file->integer_attribute("/truth", "undecodable");
    read_numbers(*file, "/truth/labels", features.truth.labels);
    read_numbers(*file, "/truth/targets", features.truth.targets);
    read_numbers(*file, "/truth/clips", features.truth.clips);
    read_numbers(*file, "/rows", features.rows);
  }
  if (first_row_not_finite(features.x)) fail(path.string(), "features that are NaN or infinite", "finite ones", kAgain);
  check_sizes(features, path);
  return features;
}

}  // namespace cliplab
