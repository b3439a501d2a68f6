// Tux Paint stamps (photos and drawings with a sentence each) and Fashion-MNIST (IDX files kept as they are).
#include <algorithm>
#include <set>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "corpora/recipes.hpp"
#include "corpora/shards.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
constexpr const char* kStamps = "usr/share/tuxpaint/stamps/";

/// At most kPictureSide on the long side.
Image shrink(const Image& image) {
  const int longest = std::max(image.height, image.width);
  if (longest <= kPictureSide) return image;
  const auto side = [&](int extent) {
    return std::max(1, static_cast<int>(static_cast<double>(extent) * kPictureSide / longest));
  };
  return resize_bicubic(image, side(image.height), side(image.width));
}

std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
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
  static const std::set<std::string> files{"animals/mammals/echidna",
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
  return files.contains(stem);
}

}  // namespace

void build_tuxpaint(const std::filesystem::path& folder) {
  const Package package = obtain_package("tuxpaint-stamps-default");
  std::map<std::string, std::string> pictures, sentences;  // by path below stamps/, without the ending
  for_each_member(
      package.file,
      [](const std::string& name) {
        return name.starts_with(kStamps) &&
               (name.ends_with(".png") || name.ends_with(".svg") || name.ends_with(".txt"));
      },
      [&](const std::string& name, std::string bytes) {
        const std::string path = name.substr(std::string(kStamps).size()), stem = path.substr(0, path.size() - 4);
        if (path.ends_with(".txt"))
          sentences[stem] = first_line(bytes);
        else
          pictures[stem + (path.ends_with(".svg") ? ".svg" : ".png")] = std::move(bytes);
      });
  std::vector<std::pair<std::string, std::string>> list(pictures.begin(), pictures.end());
  std::vector<std::string> pngs(list.size());
  Progress progress("draw tuxpaint", std::ssize(list), "pictures");
  parallel_for(std::ssize(list), [&](std::int64_t i) {
    if (stop_requested()) throw Interrupted("stopped while drawing tuxpaint");
    const auto& [path, bytes] = list[i];
    try {
      pngs[i] = encode_png(path.ends_with(".svg") ? render_svg(bytes, kPictureSide, path)
                                                  : shrink(decode_image(bytes, path)));
    } catch (const InputError&) {  // named below
    }
    progress.advance();
  });
  ShardWriter writer(folder, kTuxpaintRecipe);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string& path = list[i].first;
    const std::string stem = path.substr(0, path.size() - 4), top = path.substr(0, path.find('/'));
    // Mirrored or flipped twins and a bitmap beside its own SVG would be the same picture twice.
    if (pngs[i].empty())
      writer.drop(path, "cannot be drawn");
    else if (stem.ends_with("_mirror") || stem.ends_with("_flip") || stem.ends_with("_mirror_flip"))
      writer.drop(path, "mirrored twin");
    else if (path.ends_with(".png") && pictures.contains(stem + ".svg"))
      writer.drop(path, "bitmap of an SVG");
    else if (!sentences.contains(stem))
      writer.drop(path, "no sentence");
    else {
      const bool drawing = path.ends_with(".svg") || path.find("/cartoon/") != std::string::npos || is_drawn(stem);
      writer.add({safe_key(path),
                  pngs[i],
                  {{"captions", {sentences[stem]}},
                   {"folder", top},
                   {"domain", drawing ? "cartoon" : "photo"},
                   {"split", hash_share("tuxpaint " + stem) < 0.4 ? "test" : "train"},
                   {"source", "tuxpaint"},
                   {"licence", package.licence}}});
    }
  }
  json packages = json::object();
  note_package(packages, package);
  writer.finish(packages);
}

void build_fashion_mnist(const std::filesystem::path& folder) {
  const Package package = obtain_package("dataset-fashion-mnist");
  const std::filesystem::path part = part_path(folder);
  std::filesystem::remove_all(part);
  std::filesystem::create_directories(part);
  json shards = json::array();
  std::string identity = "idx";
  for_each_member(
      package.file,
      [](const std::string& name) {
        return name.find("datasets/fashion-mnist/") != std::string::npos && name.ends_with("-ubyte.gz");
      },
      [&](const std::string& name, const std::string& bytes) {
        const std::string file = name.substr(name.rfind('/') + 1), hash = sha256_hex(bytes);
        write_file_atomically(part / file, bytes);
        shards.push_back({{"file", file}, {"bytes", bytes.size()}, {"sha256", hash}});
      });
  if (shards.size() != 4) fail(package.file.string(), std::to_string(shards.size()) + " IDX files", "4");
  std::sort(shards.begin(), shards.end(), [](const json& a, const json& b) { return a["file"] < b["file"]; });
  for (const json& shard : shards) identity += shard["sha256"].get<std::string>();
  json packages = json::object();
  note_package(packages, package);
  write_file_atomically(part / "manifest.json", json{{"id", sha256_hex(identity)},
                                                     {"recipe", kFashionMnistRecipe},
                                                     {"samples", 70000},
                                                     {"shards", shards},
                                                     {"packages", packages}}
                                                    .dump(1));
  std::filesystem::remove_all(folder);
  std::filesystem::rename(part, folder);
}

}  // namespace cliplab
