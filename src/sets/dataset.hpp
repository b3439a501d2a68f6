// Pictures with labels, open for reading. The rest of the program gets one from open_dataset() (set_ref.hpp).
#pragma once

#include <cstdint>
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

struct Sample {
  Image image;
  int label = -1;
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
  virtual const Truth& truth() const = 0;  // of the size() samples
  /// [N] of a train split that the set's official validation split is part of: 1 for samples of the latter. Else empty.
  virtual std::span<const char> validation() const { return {}; }
  /// [rounds][N] of a set that its authors divide several times; else empty.
  virtual std::span<const std::vector<RoundRole>> rounds() const { return {}; }
  virtual std::span<const std::string> class_names() const = 0;  // [C]
  /// [C] of a set whose classes are super-classes of ImageNet's: those below each. Else empty.
  virtual std::span<const std::vector<Subclass>> subclasses() const { return {}; }
  virtual Prompts own_prompts() const { return {}; }  // without templates: it has none of its own
};

}  // namespace cliplab
