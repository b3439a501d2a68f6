// Layout: /weight [C, D] and /bias [1, C] float32, /lambda [1] and /search [fits, 5] float64.
#include "store/probe_file.hpp"

#include "base/error.hpp"
#include "store/h5.hpp"

namespace cliplab {
namespace {

std::vector<std::uint64_t> shape_of(const auto& matrix) {
  return {static_cast<std::uint64_t>(matrix.rows()), static_cast<std::uint64_t>(matrix.cols())};
}

}  // namespace

void write_probe(const std::filesystem::path& path, const std::string& key, const StoredProbe& probe) {
  write_whole(path, [&](H5Writer& file) {
    file.attribute("/", "key", key);
    file.floats("/weight", probe.weight.data(), shape_of(probe.weight));
    file.floats("/bias", probe.bias.data(), {1, static_cast<std::uint64_t>(probe.bias.size())});
    file.doubles("/lambda", &probe.lambda, {1});
    file.doubles("/search", probe.search.data(), shape_of(probe.search));
  });
}

StoredProbe read_probe(const std::filesystem::path& path, const std::string& key) {
  const H5Reader file(path);
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    fail(path.string(), found, expected, "delete it; the run fits it again");
  };
  if (file.text_attribute("/", "key") != key) refuse("a probe of another key", "'" + key + "'");
  const auto weight = file.shape("/weight"), bias = file.shape("/bias"), search = file.shape("/search");
  if (weight.size() != 2 || bias.size() != 2 || bias[0] != 1 || bias[1] != weight[0] || search.size() != 2 ||
      search[1] != 5 || file.shape("/lambda") != std::vector<std::uint64_t>{1})
    refuse("a probe of another shape", "weight [C, D], bias [1, C], search [fits, 5]");
  const auto index = [](std::uint64_t size) { return static_cast<Eigen::Index>(size); };
  StoredProbe probe{Matrix(index(weight[0]), index(weight[1])), Vector(index(bias[1])), 0,
                    MatrixD(index(search[0]), index(search[1]))};
  file.floats("/weight", probe.weight.data());
  file.floats("/bias", probe.bias.data());
  file.doubles("/lambda", &probe.lambda);
  file.doubles("/search", probe.search.data());
  return probe;
}

}  // namespace cliplab
