// Labelled views of the corpora: Fashion-MNIST from its IDX files, the others by fields of the shards'
// metadata.
#include "sets/dataset.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "corpora/shards.hpp"
#include "pixels/preprocess.hpp"
#include "sets/idx.hpp"
#include "sets/open_set.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void check_split(const DatasetInfo& info, const std::string& split) {
  if (std::find(info.splits.begin(), info.splits.end(), split) == info.splits.end())
    fail("data set " + info.name, "split '" + split + "'", "one of " + joined(info.splits));
}

class FashionMnist : public Dataset {
 public:
  FashionMnist(std::string id, const std::string& split) : id_(std::move(id)) {
    const fs::path folder = corpus_folder("fashion_mnist");
    const json manifest = read_corpus_manifest(folder);
    const auto load = [&](const std::string& name) {
      const std::string bytes = read_file(folder / name), where = (folder / name).string();
      const std::string hash = sha256_hex(bytes);
      const json& shards = manifest["shards"];
      if (std::none_of(shards.begin(), shards.end(),
                       [&](const json& shard) { return shard["file"] == name && shard["sha256"] == hash; }))
        fail(where, "another SHA-256 than its manifest", "the package's file",
             "delete the folder and run ./cliplab data fetch fashion_mnist");
      return read_idx(bytes, where);
    };
    const std::string prefix = split == "train" ? "train" : "t10k";
    images_ = load(prefix + "-images-idx3-ubyte.gz");
    const Idx labels = load(prefix + "-labels-idx1-ubyte.gz");
    if (images_.shape.size() != 3 || labels.shape.size() != 1 || images_.shape[0] != labels.shape[0] ||
        images_.shape[1] < 1 || images_.shape[2] < 1)
      fail(folder.string(), "images and labels that do not fit", "as many labels as images");
    for (const std::uint8_t label : labels.values) {
      if (label >= names_.size()) fail(folder.string(), "label " + std::to_string(label), "a label under 10");
      labels_.push_back(label);
    }
  }
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(labels_); }
  Sample get(std::int64_t i) const override {
    const int height = static_cast<int>(images_.shape[1]), width = static_cast<int>(images_.shape[2]);
    Sample sample{Image::make(height, width, 3), labels_[i], names_[labels_[i]]};
    const std::uint8_t* grey = images_.values.data() + static_cast<std::size_t>(i) * height * width;
    for (int p = 0; p < height * width; ++p)
      for (int c = 0; c < 3; ++c) sample.image.pixels[3 * p + c] = grey[p];
    return sample;
  }
  std::span<const int> labels() const override { return labels_; }
  std::span<const std::string> class_names() const override { return names_; }

 private:
  std::string id_;
  Idx images_;
  std::vector<int> labels_;
  // README of the data set, in the order of the labels.
  std::vector<std::string> names_{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                  "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
};

/// How a data set selects and labels samples of a corpus.
struct Rule {
  std::string label_field;                                     // class of a sample
  std::map<std::string, std::string> where;                    // fields that must have these values
  bool has_splits = true;                                      // the sample's own split, else all are "test"
  int least_per_class = 1;                                     // classes with fewer samples are left out
  std::vector<std::map<std::string, std::string>> least_each;  // ... in each of these selections
};

Rule rule_of(const std::string& name) {
  if (name == "openmoji" || name == "gemojione") return {"name", {}, false, 1, {}};
  if (name == "openmoji_groups" || name == "gemojione_groups") return {"group", {}, true, 20, {}};
  const std::vector<std::map<std::string, std::string>> both{{{"domain", "photo"}}, {{"domain", "cartoon"}}};
  if (name == "tuxpaint_photo") return {"folder", {{"domain", "photo"}}, true, 8, both};
  if (name == "tuxpaint_cartoon") return {"folder", {{"domain", "cartoon"}}, true, 8, both};
  return {"folder", {}, true, 10, {}};
}

class ShardDataset : public Dataset {
 public:
  ShardDataset(std::string id, const DatasetInfo& info, const std::string& split)
      : set_(corpus_folder(info.corpus)), id_(std::move(id)) {
    const Rule rule = rule_of(info.name);
    const auto text = [&](std::int64_t i, const std::string& field) {
      const json& meta = set_.meta(i);
      return meta.contains(field) && meta[field].is_string() ? meta[field].get<std::string>() : std::string();
    };
    const auto matches = [&](std::int64_t i, const std::map<std::string, std::string>& where) {
      return std::all_of(where.begin(), where.end(),
                         [&](const auto& item) { return text(i, item.first) == item.second; });
    };
    auto selections = rule.least_each;
    if (selections.empty()) selections.push_back(rule.where);
    std::map<std::string, std::vector<int>> counts;  // class -> samples in each selection
    for (std::int64_t i = 0; i < set_.size(); ++i)
      for (std::size_t s = 0; s < selections.size(); ++s)
        if (const std::string label = text(i, rule.label_field); !label.empty() && matches(i, selections[s])) {
          auto& mine = counts[label];
          mine.resize(selections.size());
          ++mine[s];
        }
    std::map<std::string, int> index;
    for (const auto& [label, mine] : counts)
      if (std::all_of(mine.begin(), mine.end(), [&](int n) { return n >= rule.least_per_class; })) {
        index[label] = static_cast<int>(names_.size());
        names_.push_back(label);
      }
    for (std::int64_t i = 0; i < set_.size(); ++i) {
      const auto found = index.find(text(i, rule.label_field));
      if (found == index.end() || !matches(i, rule.where) || (rule.has_splits && text(i, "split") != split)) continue;
      rows_.push_back(i);
      labels_.push_back(found->second);
    }
    if (rows_.empty()) fail(id_, "no sample", "at least one", "./cliplab data verify " + info.corpus);
  }
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(rows_); }
  Sample get(std::int64_t i) const override {
    const json captions = set_.meta(rows_[i]).value("captions", json::array());
    // DEVIATION(3.1): drawings with transparency are put on white here. The reference implementation would resize them
    // premultiplied and drop the alpha, which shows whatever colour lies under the transparent pixels, most often
    // black.
    return {composite(set_.image(rows_[i]), {255, 255, 255}), labels_[i],
            captions.is_array() && !captions.empty() && captions[0].is_string() ? captions[0].get<std::string>()
                                                                                : std::string()};
  }
  std::string key(std::int64_t i) const override { return set_.key(rows_[i]); }
  std::span<const int> labels() const override { return labels_; }
  std::span<const std::string> class_names() const override { return names_; }

 private:
  ShardSet set_;
  std::string id_;
  std::vector<std::int64_t> rows_;
  std::vector<int> labels_;
  std::vector<std::string> names_;
};

}  // namespace

std::string dataset_id(const std::string& name, const std::string& split) {
  const DatasetInfo info = dataset_info(name);
  if (info.corpus.empty()) return open_set_id(name, split);
  check_split(info, split);
  return name + "/" + split + "@" +
         read_corpus_manifest(corpus_folder(info.corpus))["id"].get<std::string>().substr(0, 12);
}

std::unique_ptr<Dataset> open_dataset(const std::string& name, const std::string& split) {
  const DatasetInfo info = dataset_info(name);
  if (info.corpus.empty()) return open_set(name, split);
  const std::string id = dataset_id(name, split);
  if (info.corpus == "fashion_mnist") return std::make_unique<FashionMnist>(id, split);
  return std::make_unique<ShardDataset>(id, info, split);
}

}  // namespace cliplab
