// Tux Paint's stamps: photos and drawings in folders that name what they show.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "acquire/packages.hpp"
#include "base/image.hpp"

namespace cliplab {

struct Stamp {
  std::string key, folder;  // folder: "animals"
  bool drawing = false;     // else a photo
  bool test = false;        // else for training
  Image image;              // RGB or RGBA
};
struct Stamps {
  std::vector<Stamp> stamps;                                 // by path
  std::vector<std::pair<std::string, std::string>> dropped;  // path, reason
  std::vector<Package> packages;
};
/// All that are a picture of their own.
Stamps draw_tuxpaint();

}  // namespace cliplab
