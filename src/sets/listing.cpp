// The layouts that registered themselves, decoding of one item, and the identity of a whole set.
#include "sets/listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "pixels/codecs.hpp"
#include "sets/members.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kHashedWhole = std::uint64_t{4} << 30;

std::vector<Layout>& layouts() {
  static std::vector<Layout> all;
  return all;
}

}  // namespace

LayoutRegistration::LayoutRegistration(Layout layout) {
  const auto later = [](const Layout& a, const Layout& b) { return a.priority < b.priority; };
  layouts().insert(std::upper_bound(layouts().begin(), layouts().end(), layout, later), layout);
}

int Listing::split_index(const std::string& split) {
  const auto at = std::find(splits.begin(), splits.end(), split);
  if (at == splits.end()) return splits.push_back(split), static_cast<int>(splits.size()) - 1;
  return static_cast<int>(at - splits.begin());
}

void Listing::leave_out(const std::string& reason, const std::string& sample) {
  LeftOut& entry = left_out_[reason];
  if (entry.count++ == 0) entry.first = sample;
}

std::vector<std::string> Listing::all_notices() const {
  std::vector<std::string> lines = notices;
  for (const auto& [reason, entry] : left_out_)
    lines.push_back(fmt::format("{}: {} {} left out, the first {}", folder.string(), entry.count, reason, entry.first));
  return lines;
}

Listing read_listing(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail(folder.string(), "no folder", "a data set's folder");
  std::vector<std::string> notices;  // of the layouts that did not apply
  for (const Layout& layout : layouts()) {
    Listing listing;
    listing.folder = folder;
    listing.notices = notices;
    if (layout.read(listing)) return listing;
    notices = std::move(listing.notices);
  }
  if (!notices.empty()) fail(joined(notices, "; "), "no other layout that is known", "a layout of ./cliplab data list");
  fail(folder.string(), "no layout that is known here", joined(layouts(), ", or ", &Layout::known_by));
}

namespace {

/// The picture without `border` pixels on each side.
Image without_border(const Image& image, int border, const std::string& name) {
  if (image.width <= 2 * border || image.height <= 2 * border)
    fail(name, fmt::format("{} x {} pixels", image.width, image.height), "more than its border");
  Image inner = Image::make(image.height - 2 * border, image.width - 2 * border, image.channels);
  inner.mode = image.mode;
  const std::size_t area = static_cast<std::size_t>(image.width) * image.height;
  const auto cut = [&](const std::vector<std::uint8_t>& from) {
    const std::size_t bytes = from.size() / area, row = bytes * inner.width;
    std::vector<std::uint8_t> to(row * inner.height);
    for (int y = 0; y < inner.height; ++y)
      std::copy_n(from.data() + bytes * (static_cast<std::size_t>(y + border) * image.width + border), row,
                  to.data() + row * y);
    return to;
  };
  inner.pixels = cut(image.pixels);
  inner.native = image.mode == PixelMode::kPalette ? image.native : cut(image.native);  // colours have no place
  return inner;
}

Image decode_whole(const Listing& listing, const Item& item) {
  if (listing.pixels == PixelLayout::kEncoded) {
    if (item.container)
      return decode_image(item.container->read(item.offset, item.bytes, item.key),
                          item.container->file().string() + ":" + item.key);
    const fs::path file = listing.folder / item.key;
    const std::string bytes = read_file(file, kMaxMember);
    if (std::ssize(bytes) != item.bytes)
      fail(file.string(), std::to_string(bytes.size()) + " bytes",
           std::to_string(item.bytes) + " as when it was listed", "start again");
    return decode_image(bytes, file.string());
  }
  const std::string raw = item.container->read(item.offset, item.bytes, item.key);
  Image image = Image::make(listing.height, listing.width, 3);
  const std::size_t plane =
      listing.pixels == PixelLayout::kPlanar ? image.size() / 3 : 0;  // grey: the same one three times
  for (std::size_t p = 0; p < image.size() / 3; ++p)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * p + c] = static_cast<std::uint8_t>(raw[c * plane + p]);
  return image;
}

}  // namespace

Image decode_item(const Listing& listing, const Item& item) {
  Image image = decode_whole(listing, item);
  return listing.border == 0 ? image : without_border(image, listing.border, (listing.folder / item.key).string());
}

std::string content_id(const Listing& listing) {
  std::string text = listing.layout;
  const auto add = [&](const auto& part) { text.append(part).push_back('\0'); };
  for (const auto* names : {&listing.splits, &listing.class_names, &listing.templates, &listing.prompt_names})
    for (const std::string& name : *names) add(name);
  for (const auto& classes : listing.subclasses)
    for (const Subclass& subclass : classes) add(subclass.id + " " + subclass.name);
  std::set<fs::path> files;
  for (const Item& item : listing.items) {
    add(item.key), add(std::to_string(item.split) + " " + std::to_string(item.label) + " " +
                       std::to_string(item.offset) + " " + std::to_string(item.bytes));
    for (const std::string& caption : item.captions) add(caption);
    for (const int target : item.targets) add(std::to_string(target));
    if (item.clip != 0) add(std::to_string(item.clip));
    for (const RoundRole role : item.rounds) add(std::to_string(static_cast<int>(role)));
    if (item.container)
      files.insert(item.container->file());
    else
      add(std::to_string(fs::last_write_time(listing.folder / item.key).time_since_epoch().count()));
  }
  std::uint64_t total = 0;
  for (const fs::path& file : files) total += fs::file_size(file);
  for (const fs::path& file : files) {
    add(file.filename().string() + " " + std::to_string(fs::file_size(file)));
    add(sha256_file(file, total > kHashedWhole ? 1 << 20 : UINT64_MAX));  // of 150 GB of shards only the heads
  }
  return sha256_hex(text);
}

}  // namespace cliplab
