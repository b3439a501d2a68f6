// Tux Paint's stamps, and the three sets that are made of them: all by folder, and the photos and the drawings of the
// folders that have enough of both.
#include "corpora/tuxpaint.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "corpora/recipe.hpp"
#include "corpora/set_writer.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

constexpr const char* kStamps = "usr/share/tuxpaint/stamps/";
constexpr const char *kLicence = "GPL-2+, CC-BY-SA, public domain", *kPackage = "tuxpaint-stamps-default";

/// At most kPictureSide on the long side.
Image shrink(const Image& image) {
  const int longest = std::max(image.height, image.width);
  if (longest <= kPictureSide) return image;
  const auto side = [&](int extent) {
    return std::max(1, static_cast<int>(static_cast<double>(extent) * kPictureSide / longest));
  };
  return resize_bicubic(image, side(image.height), side(image.width));
}

std::string safe_key(std::string path) {
  for (char& c : path) c = std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : '-';
  return path;
}

/// PNGs outside /cartoon/ that are drawings all the same, found by looking at each of the 421: whole folders,
/// and files.
bool is_drawn(const std::string& stem) {
  for (const char* folder :
       {"clothes/t_", "seasonal/easter/", "seasonal/hanukkah/", "seasonal/newyears/", "symbols/", "town/flags/"})
    if (stem.starts_with(folder)) return true;
  static const std::set<std::string> kFiles{"animals/mammals/echidna",
                                            "animals/mammals/hedgehog",
                                            "clothes/button",
                                            "food/pizza",
                                            "medical/tooth",
                                            "naturalforces/lightningbolt",
                                            "people/body_parts/eye",
                                            "seasonal/christmas/Santa",
                                            "seasonal/christmas/bow",
                                            "seasonal/christmas/candy_cane",
                                            "seasonal/christmas/hard_candy",
                                            "seasonal/christmas/lamp",
                                            "seasonal/christmas/santahat",
                                            "seasonal/christmas/star",
                                            "seasonal/christmas/stocking",
                                            "seasonal/christmas/tree",
                                            "seasonal/christmas/xmas_tp_bulb",
                                            "seasonal/halloween/bat_left",
                                            "seasonal/halloween/blackcat",
                                            "seasonal/halloween/ghost",
                                            "seasonal/halloween/jackolantern_mean",
                                            "seasonal/halloween/skull",
                                            "seasonal/halloween/spider",
                                            "sports/rugby_goal_posts",
                                            "town/monuments/inukshuk-outline",
                                            "town/roadsigns/arrow",
                                            "town/roadsigns/crossroads",
                                            "town/roadsigns/give_way_sign",
                                            "town/roadsigns/hospital",
                                            "town/roadsigns/roundabout",
                                            "town/roadsigns/stop",
                                            "town/roadsigns/stoplight_01_red",
                                            "town/roadsigns/stoplight_02_yellow",
                                            "town/roadsigns/stoplight_03_green",
                                            "town/roadsigns/t-junction",
                                            "town/roadsigns/toilets",
                                            "town/roadsigns/xing_ped",
                                            "town/roadsigns/xing_school",
                                            "town/roadsigns/yield",
                                            "vehicles/7spoke256"};
  return kFiles.contains(stem);
}

void build_tuxpaint(int version) {
  constexpr int kLeast = 10, kLeastOfEach = 8;  // pictures of a folder, in both splits together
  const Stamps all = draw_tuxpaint();
  std::map<std::string, int> photos, drawings;
  for (const Stamp& stamp : all.stamps) ++(stamp.drawing ? drawings : photos)[stamp.folder];
  SetWriter whole("tuxpaint", version), photo("tuxpaint_photo", version), cartoon("tuxpaint_cartoon", version);
  for (SetWriter* writer : {&whole, &photo, &cartoon})
    for (const auto& [path, reason] : all.dropped) writer->drop(path, reason);
  for (const Stamp& stamp : all.stamps) {
    // DEVIATION(3.1): as for emoji, transparent pictures are put on white, which the reference implementation does not.
    const BuiltPicture picture{.key = stamp.key,
                               .png = encode_png(composite(stamp.image, {255, 255, 255})),
                               .split = stamp.test ? "test" : "train",
                               .class_name = stamp.folder};
    const int of_photos = photos[stamp.folder], of_drawings = drawings[stamp.folder];
    if (of_photos + of_drawings >= kLeast)
      whole.add(picture);
    else
      whole.drop(stamp.key, "in a folder of under 10");
    SetWriter& domain = stamp.drawing ? cartoon : photo;
    if (of_photos >= kLeastOfEach && of_drawings >= kLeastOfEach)
      domain.add(picture);
    else
      domain.drop(stamp.key, "in a folder of under 8 photos or under 8 drawings");
  }
  for (SetWriter* writer : {&whole, &photo, &cartoon}) writer->finish(all.packages);
}

const RecipeRegistration registered_tuxpaint({.version = 4,
                                              .sets = {{"tuxpaint",
                                                        "Tux Paint stamps",
                                                        "photos and drawings, top folders as classes",
                                                        kLicence,
                                                        kPackage,
                                                        {"train", "test"}},
                                                       {"tuxpaint_photo",
                                                        "Tux Paint photos",
                                                        "the photos of the classes that photos and drawings share",
                                                        kLicence,
                                                        kPackage,
                                                        {"train", "test"}},
                                                       {"tuxpaint_cartoon",
                                                        "Tux Paint drawings",
                                                        "the drawings of the classes that photos and drawings share",
                                                        kLicence,
                                                        kPackage,
                                                        {"train", "test"}}},
                                              .build = build_tuxpaint});

}  // namespace

Stamps draw_tuxpaint() {
  const Package package = obtain_package(kPackage);
  std::map<std::string, std::string> pictures;  // by path below stamps/
  std::set<std::string> described;              // paths without the ending that have a sentence
  for_each_member(
      package.file,
      [](const std::string& name) {
        return name.starts_with(kStamps) &&
               (name.ends_with(".png") || name.ends_with(".svg") || name.ends_with(".txt"));
      },
      [&](const std::string& name, std::string bytes) {
        const std::string path = name.substr(std::string(kStamps).size()), stem = path.substr(0, path.size() - 4);
        if (path.ends_with(".txt"))
          described.insert(stem);
        else
          pictures[path] = std::move(bytes);
      });
  const std::vector<std::pair<std::string, std::string>> list(pictures.begin(), pictures.end());
  std::vector<Image> images(list.size());  // without pixels: cannot be drawn
  Progress progress("draw tuxpaint", std::ssize(list), "pictures");
  parallel_for(std::ssize(list), [&](std::int64_t i) {
    if (stop_requested()) throw Interrupted("stopped while drawing tuxpaint");
    const auto& [path, bytes] = list[i];
    try {
      images[i] = path.ends_with(".svg") ? render_svg(bytes, kPictureSide, path) : shrink(decode_image(bytes, path));
    } catch (const InputError&) {  // named below
    }
    progress.advance();
  });
  Stamps all;
  all.packages = {package};
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string& path = list[i].first;
    const std::string stem = path.substr(0, path.size() - 4), top = path.substr(0, path.find('/'));
    const auto drop = [&](const char* reason) { all.dropped.emplace_back(path, reason); };
    // Mirrored or flipped twins and a bitmap of its own SVG would be the same picture twice.
    if (images[i].size() == 0)
      drop("cannot be drawn");
    else if (stem.ends_with("_mirror") || stem.ends_with("_flip") || stem.ends_with("_mirror_flip"))
      drop("mirrored twin");
    else if (path.ends_with(".png") && pictures.contains(stem + ".svg"))
      drop("bitmap of an SVG");
    else if (!described.contains(stem))
      drop("no sentence");
    else
      all.stamps.push_back(
          {.key = safe_key(path),
           .folder = top,
           .drawing = path.ends_with(".svg") || path.find("/cartoon/") != std::string::npos || is_drawn(stem),
           .test = hash_share("tuxpaint " + stem) < 0.4,
           .image = std::move(images[i])});
  }
  return all;
}

}  // namespace cliplab
