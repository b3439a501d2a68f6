// Which pictures of one set are in another: the same pixels, or the same to the eye (paper section 5; a leak check
// before that). DEVIATION(5): the paper trained a network for it; here it is the hash of perceptual_hash.hpp, which
// survives another size, compression and light, not crops or mirrors.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pixels/perceptual_hash.hpp"
#include "sets/dataset.hpp"
#include "sets/pairs.hpp"

namespace cliplab {

/// Pictures with names, of classes or captions alike. Borrows the set.
struct PictureSource {
  std::string id;
  std::int64_t size = 0;
  std::function<Image(std::int64_t)> image;
  std::function<std::string(std::int64_t)> key;
};
PictureSource pictures_of(const Dataset& set);
PictureSource pictures_of(const PairCorpus& corpus);

/// What is compared of a picture.
struct Fingerprint {
  static constexpr int kSide = 16;
  bool readable = false;
  PerceptualHash hash;
  std::array<std::uint8_t, kSide * kSide> grey{};
  std::string pixels;  // SHA-256 of shape and bytes, on white
};

/// The fingerprints of a set, to be compared with any number of others.
struct Fingerprints {
  std::string id;
  std::vector<Fingerprint> prints;
};
/// Reads every picture, with progress; those that cannot be decoded are named. Throws Interrupted.
Fingerprints fingerprint(const PictureSource& source);

struct OverlapPair {
  std::int64_t first = 0, second = 0;  // rows of the two sets
  bool exact = false;                  // equal pixels; else they only look the same
  double apart = 0;                    // root of the mean squared difference in grey, at 16 x 16: 0..255
};

struct Overlap {
  std::vector<OverlapPair> pairs;  // by row of the first set, then of the second; within one set first < second
  std::int64_t unreadable = 0;     // of both; they are in no pair
};

/// Every pair of equal pictures, with progress; N_first x N_second comparisons of 256 bits on all cores. Two of one id
/// are one set that is searched for copies within. Throws Interrupted.
Overlap find_overlap(const Fingerprints& first, const Fingerprints& second);
Overlap find_overlap(const PictureSource& first, const PictureSource& second);

}  // namespace cliplab
