// Labelled image sets and the table of those that exist. The rest of the program sees this header only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/image.hpp"
#include "base/truth.hpp"
#include "sets/prompts.hpp"

namespace cliplab {

/// A class of another set, by its id there ("n02084071") and its name.
struct Subclass {
  std::string id, name;
};

/// One labelled (and perhaps captioned) picture. The image is RGB; transparent pictures are put on white.
struct Sample {
  Image image;
  int label = -1;
  std::string caption;
};

/// Fixed, ordered, finite; get() is deterministic and thread-safe.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::string id() const = 0;  // "openmoji/test@9f2c41": name, split, content hash; a cache key
  virtual std::int64_t size() const = 0;
  virtual Sample get(std::int64_t i) const = 0;  // throws InputError naming file and member when it cannot be decoded
  /// What a message calls sample i: its name in the archive or below the folder, else its number.
  virtual std::string key(std::int64_t i) const { return std::to_string(i); }
  virtual std::span<const int> labels() const = 0;  // [N], each in [0, C); the first of several
  /// [N, C] where a picture may have several labels: 1 yes, -1 no, 0 difficult (counts neither way). Else empty.
  virtual std::span<const std::int8_t> targets() const { return {}; }
  virtual std::span<const std::string> class_names() const = 0;  // [C]
  /// [N] where pictures are frames of clips: c + 1 for the frame that clip c is named after (its anchor), -(c + 1) for
  /// one beside it. Else empty.
  virtual std::span<const int> clips() const { return {}; }
  /// [C] of a set whose classes are super-classes of ImageNet's: those below each. Else empty.
  virtual std::span<const std::vector<Subclass>> subclasses() const { return {}; }
  /// The three above as one; built anew each time.
  Truth truth() const {
    return {{labels().begin(), labels().end()},
            {targets().begin(), targets().end()},
            {clips().begin(), clips().end()},
            static_cast<int>(class_names().size())};
  }
  virtual Prompts own_prompts() const { return {}; }  // without templates: it has none of its own
};

/// What the table says of a data set.
struct DatasetInfo {
  std::string name;         // "fashion_mnist"
  std::string title;        // "Fashion-MNIST"
  std::string description;  // one sentence: what the images and the classes are
  std::string licence;
  std::string source;               // package it comes from
  std::vector<std::string> splits;  // {"train", "test"} or {"test"}
  std::string corpus;               // the corpus on disk it is read from; empty: the user's own copy
};

/// Every data set that is built from packages, in one fixed order.
std::span<const DatasetInfo> dataset_table();
/// Of the table, else of the data root (data/open_set.hpp; its `corpus` is empty). Throws InputError for an unknown
/// one.
DatasetInfo dataset_info(const std::string& name);

/// Throws InputError when the corpus is not on disk (with the command that fetches it) or does not match its
/// manifest.
std::unique_ptr<Dataset> open_dataset(const std::string& name, const std::string& split);

/// The id that open_dataset(name, split)->id() would give, read from the manifest alone (milliseconds).
std::string dataset_id(const std::string& name, const std::string& split);

}  // namespace cliplab
