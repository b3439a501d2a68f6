// Features of data sets, computed once and kept on disk under a key of all that decides them: encoder, device, data,
// choice of samples. One policy for pictures that cannot be decoded: they are counted, named and left out, and every
// record on their split states how many.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "eval/feature_set.hpp"
#include "lab/sets.hpp"
#include "model/encoder.hpp"

namespace cliplab {

/// Pictures with captions and their features; row i of everything is one picture.
struct PairFeatures {
  std::string id;                                  // of the set
  std::vector<std::string> keys;                   // [N]
  std::vector<std::vector<std::string>> captions;  // [N][at least 1]
  std::vector<Matrix> features;                    // [N, D] each, in the order that was asked
  std::int64_t size() const { return std::ssize(keys); }
};

class FeatureStore {
 public:
  FeatureStore(const Options& options, Sets& sets, std::filesystem::path folder)
      : options_(options), sets_(sets), folder_(std::move(folder)) {}

  /// Features of the samples that Sets::rows() chooses.
  const FeatureSet& features(ImageModel& model, const std::string& set, const std::string& split, Space space);
  /// The floor below every encoder: pixels in [0, 1], 28 x 28 grey if all pictures are grey, and those of `with` if it
  /// is given; else 16 x 16 RGB.
  const FeatureSet& raw_pixels(const std::string& set, const std::string& split, const std::string& with = "");

  /// Features of a captioned set's first `most` pictures, an encoder and space each. A picture that cannot be decoded
  /// is dropped with its captions. `check` sees the captions of every picture first, before anything is encoded.
  using Wanted = std::vector<std::pair<ImageModel*, Space>>;
  using Check = std::function<void(const std::vector<std::string>& captions, const std::string& where)>;
  PairFeatures pairs(const std::string& set, const std::string& split, std::int64_t most, const Wanted& wanted,
                     const Check& check = {});

  /// Pictures of a split that were left out so far because they cannot be decoded.
  std::int64_t undecodable(const std::string& set, const std::string& split) const;

 private:
  using Encode = std::function<Matrix(std::span<const Image>)>;
  FeatureSet extract(const std::string& encoder, const std::string& description, const std::string& set,
                     const std::string& split, const Encode& encode);
  std::filesystem::path file_of(const std::string& key) const;
  std::string key_of(const std::string& encoder, const std::string& rest) const;

  const Options& options_;
  Sets& sets_;
  std::filesystem::path folder_;
  std::map<std::string, FeatureSet> known_;
  std::map<std::string, std::int64_t> undecodable_;
};

}  // namespace cliplab
