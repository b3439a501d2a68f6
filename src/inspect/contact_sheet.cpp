// Pictures are scaled to fit their tile, whole; the labels of all tiles are one SVG put on top.
#include "inspect/contact_sheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

constexpr int kTile = 128, kLine = 12, kLetters = 20;  // pixels a side; of them a line of the label, and its letters
constexpr std::size_t kMaxLines = 3;

std::string xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

/// At most `most` characters of UTF-8.
std::string shortened(const std::string& text, int most) {
  int characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++characters > most) return text.substr(0, i) + "…";
  return text;
}

int letters(const std::string& text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// Broken between words; what goes beyond the last line is cut.
std::vector<std::string> label_lines(const std::string& label) {
  std::vector<std::string> lines(1);
  std::istringstream words(label);
  for (std::string word; words >> word;) {
    std::string& line = lines.back();
    if (line.empty() || letters(line) + 1 + letters(word) <= kLetters || lines.size() == kMaxLines)
      line += (line.empty() ? "" : " ") + word;
    else
      lines.push_back(word);
  }
  for (std::string& line : lines) line = shortened(line, kLetters);
  return lines;
}

template <class Set, class Read>
std::vector<Tile> read_tiles(const Set& set, const std::vector<std::int64_t>& rows, const Read& read) {
  std::vector<Tile> tiles;
  for (const std::int64_t row : rows) try {
      tiles.push_back(read(set, row));
    } catch (const InputError&) {
      tiles.push_back({Image::make(1, 1, 3), "cannot be decoded"});
      std::fill(tiles.back().image.pixels.begin(), tiles.back().image.pixels.end(), std::uint8_t{128});
    }
  return tiles;
}

}  // namespace

std::vector<Tile> sample_tiles(const Dataset& dataset, int count, std::uint64_t seed) {
  std::vector<std::vector<std::int64_t>> of_class(dataset.class_names().size());
  for (std::int64_t i = 0; i < dataset.size(); ++i) of_class[dataset.truth().labels[i]].push_back(i);
  std::erase_if(of_class, [](const auto& rows) { return rows.empty(); });
  Rng rng(seed, 0x5ee7);
  if (std::ssize(of_class) > count) rng.shuffle(of_class);
  for (auto& rows : of_class) rng.shuffle(rows);
  std::vector<std::int64_t> chosen;
  for (std::size_t turn = 0; std::ssize(chosen) < std::min<std::int64_t>(count, dataset.size()); ++turn)
    for (const auto& rows : of_class)
      if (turn < rows.size() && std::ssize(chosen) < count) chosen.push_back(rows[turn]);
  std::stable_sort(chosen.begin(), chosen.end(), [&](std::int64_t a, std::int64_t b) {
    return dataset.truth().labels[a] < dataset.truth().labels[b];
  });
  return read_tiles(dataset, chosen, [](const Dataset& set, std::int64_t i) {
    Sample sample = set.get(i);
    const auto names = set.class_names();
    if (set.truth().targets.empty()) return Tile{std::move(sample.image), names[sample.label]};
    std::string several;
    for (std::size_t c = 0; c < names.size(); ++c)
      if (const int target = set.truth().targets[i * names.size() + c]; target >= 0)
        several += (several.empty() ? "" : ", ") + names[c] + (target == 0 ? "?" : "");
    return Tile{std::move(sample.image), std::move(several)};
  });
}

std::vector<Tile> sample_tiles(const PairCorpus& corpus, int count, std::uint64_t seed) {
  std::vector<std::int64_t> rows(corpus.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  Rng rng(seed, 0x5ee7);
  rng.shuffle(rows);
  rows.resize(std::min<std::size_t>(rows.size(), count));
  return read_tiles(corpus, rows, [](const PairCorpus& set, std::int64_t i) {
    Pair pair = set.get(i);
    return Tile{std::move(pair.image), pair.captions.front()};
  });
}

Image contact_sheet(const std::vector<Tile>& tiles) {
  const int columns = std::max(1, static_cast<int>(std::ceil(std::sqrt(static_cast<double>(tiles.size()))))),
            side = columns * kTile;
  Image sheet = Image::make(side, side, 3);
  std::fill(sheet.pixels.begin(), sheet.pixels.end(), std::uint8_t{255});
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{0}' font-family='DejaVu Sans' font-size='10'>",
      side);
  std::size_t most = 1;
  std::vector<std::vector<std::string>> labels_of;
  for (const Tile& tile : tiles)
    labels_of.push_back(label_lines(tile.label)), most = std::max(most, labels_of.back().size());
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int text = kLine * static_cast<int>(most) + 4;
    const int left = static_cast<int>(i) % columns * kTile, top = static_cast<int>(i) / columns * kTile,
              room = kTile - text - 2;
    const Image image = composite(tiles[i].image, {255, 255, 255});
    const double scale = std::min(room / static_cast<double>(image.width), room / static_cast<double>(image.height));
    const Image small = resize_bicubic(image, std::max(1, static_cast<int>(image.height * scale)),
                                       std::max(1, static_cast<int>(image.width * scale)));
    for (int y = 0; y < small.height; ++y)
      std::copy_n(small.at(y, 0), 3 * small.width, sheet.at(top + 1 + y, left + (kTile - small.width) / 2));
    for (std::size_t line = 0; line < labels_of[i].size(); ++line)
      svg += fmt::format("<text x='{}' y='{}'>{}</text>", left + 3,
                         top + kTile - text + kLine * static_cast<int>(line + 1) - 1, xml(labels_of[i][line]));
  }
  const Image labels = render_svg(svg + "</svg>", side, "labels of the contact sheet");
  for (std::size_t p = 0; p < sheet.size() / 3; ++p)
    for (std::size_t c = 0; c < 3; ++c) {
      const int alpha = labels.pixels[4 * p + 3];
      sheet.pixels[3 * p + c] =
          static_cast<std::uint8_t>((labels.pixels[4 * p + c] * alpha + sheet.pixels[3 * p + c] * (255 - alpha)) / 255);
    }
  return sheet;
}

}  // namespace cliplab
