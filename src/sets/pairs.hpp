// Pictures with captions: what a model is trained on, and what retrieval is scored on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/image.hpp"

namespace cliplab {

struct Pair {
  Image image;                        // RGBA, straight alpha, in sets of drawings: training chooses the background
  std::vector<std::string> captions;  // one or more
  std::string key;                    // "noto/noto-1f600.png": names the pair in messages
};

/// Fixed, ordered, finite; get() is deterministic and thread-safe.
class PairCorpus {
 public:
  virtual ~PairCorpus() = default;
  virtual std::string id() const = 0;  // "drawings/train@9f2c41"
  virtual std::int64_t size() const = 0;
  virtual Pair get(std::int64_t i) const = 0;  // throws InputError naming file and member
  virtual std::string key(std::int64_t i) const { return get(i).key; }
  /// get(i).captions without decoding the picture.
  virtual std::vector<std::string> captions(std::int64_t i) const { return get(i).captions; }
};

}  // namespace cliplab
