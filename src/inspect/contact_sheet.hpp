// Contact sheets: do the labels fit the pictures?
#pragma once

#include <string>
#include <vector>

#include "base/image.hpp"
#include "sets/dataset.hpp"
#include "sets/pairs.hpp"

namespace cliplab {

struct Tile {
  Image image;
  std::string label;
};

/// `count` samples, the classes in turn, chosen by seed. One that cannot be decoded becomes a grey tile with that
/// label.
std::vector<Tile> sample_tiles(const Dataset& dataset, int count, std::uint64_t seed);
/// The same of captioned pictures, with the first caption.
std::vector<Tile> sample_tiles(const PairCorpus& corpus, int count, std::uint64_t seed);

/// A square of tiles with their labels below: [side * tiles, side * tiles, 3].
Image contact_sheet(const std::vector<Tile>& tiles);

}  // namespace cliplab
