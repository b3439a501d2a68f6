// Fashion-MNIST: the authors' IDX files as the package has them, with the class names of their README.
#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "corpora/recipe.hpp"
#include "corpora/set_writer.hpp"

namespace cliplab {
namespace {

void build_fashion_mnist(int version) {
  const Package package = obtain_package("dataset-fashion-mnist");
  SetFolder folder("fashion_mnist", version);
  int files = 0;
  for_each_member(
      package.file,
      [](const std::string& name) {
        return name.find("datasets/fashion-mnist/") != std::string::npos && name.ends_with("-ubyte.gz");
      },
      [&](const std::string& name, const std::string& bytes) {
        folder.write(name.substr(name.rfind('/') + 1), bytes);
        ++files;
      });
  if (files != 4) fail(package.file.string(), std::to_string(files) + " IDX files", "4");
  folder.write("classes.txt", "T-shirt/top\nTrouser\nPullover\nDress\nCoat\nSandal\nShirt\nSneaker\nBag\nAnkle boot\n");
  folder.finish(70000, {package});
}

const RecipeRegistration registered_fashion_mnist({.version = 2,
                                                   .sets = {{"fashion_mnist",
                                                             "Fashion-MNIST",
                                                             "grey photos of clothes, 28 x 28, 10 classes",
                                                             "MIT",
                                                             "dataset-fashion-mnist",
                                                             {"train", "test"}}},
                                                   .build = build_fashion_mnist});

}  // namespace
}  // namespace cliplab
