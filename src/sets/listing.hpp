// The contents of a data set's folder, before a pixel is decoded: samples with split, label, captions and the place of
// their bytes. One layout a file in layouts/ fills it; set_ref.hpp makes Dataset and PairCorpus of it. Nothing is
// unpacked to disk, so a member's name can lead nowhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/image.hpp"
#include "sets/container.hpp"
#include "sets/dataset.hpp"

namespace cliplab {

/// kPlanar: [3, H, W] bytes (CIFAR, SVHN); kGrey: [H, W] bytes (IDX, FER2013).
enum class PixelLayout { kEncoded, kPlanar, kGrey };

struct Item {
  std::string key;  // name in its archive or path below the folder: what messages call it
  int split = 0;    // of Listing::splits
  int label = -1;   // of Listing::class_names; -1 where a set has captions instead; the first of several, else 0
  std::shared_ptr<const Container> container{};  // none: the file folder / key
  std::int64_t offset = 0, bytes = 0;
  std::vector<std::string> captions{};
  std::vector<std::int8_t> targets{};  // [C] a row of Truth::targets where a picture may have several labels
  int clip = 0;                        // as Truth::clips; 0 where pictures are no frames
  std::vector<RoundRole> rounds{};     // what it is in each of the set's rounds; empty: the set has none
};

struct Listing {
  std::filesystem::path folder;
  std::string layout;  // "labels.tsv", "webdataset", ...
  PixelLayout pixels = PixelLayout::kEncoded;
  int height = 0, width = 0;  // of raw pixels
  int border = 0;             // pixels on each side of an encoded picture that are no part of it
  std::vector<std::string> splits, class_names;
  std::vector<std::string> templates;     // canonical (base/prompt_template.hpp)
  std::vector<std::string> prompt_names;  // [C] names for prompts, used as they are; empty: class_names, "_" as a blank
  std::vector<std::vector<Subclass>> subclasses;  // as Dataset::subclasses()
  std::vector<Item> items;
  std::vector<std::string> problems;  // what is wrong in the folder, a line each; empty: nothing
  std::vector<std::string> notices;   // what a reader passed over, a line each; the set is whole without it

  int split_index(const std::string& split);  // adds it when it is new
  bool has_captions() const { return class_names.empty(); }

  /// Counts a sample that is left out for `reason` ("pictures without a caption"); the first of each is named.
  void leave_out(const std::string& reason, const std::string& sample);
  /// The notices, and a line for each reason with the number of samples.
  std::vector<std::string> all_notices() const;

 private:
  struct LeftOut {
    std::int64_t count = 0;
    std::string first;
  };
  std::map<std::string, LeftOut> left_out_;
};

/// One way of storing a set. Layouts are tried by rising priority; the first that knows the folder reads it.
struct Layout {
  int priority;
  const char* known_by;  // the files that it is known by, for the message about a folder that no layout knows
  /// False: the folder has another layout, and the next one is asked; a notice may say why. Damage goes into
  /// Listing::problems.
  bool (*read)(Listing&);
};
/// A layout registers itself: `static const LayoutRegistration layout({10, "labels.tsv", read_labels});`
struct LayoutRegistration {
  explicit LayoutRegistration(Layout layout);
};

/// Finds out which layout the folder has and reads it. Damage is named in `problems`, sample by sample where it can be.
/// Throws InputError when the folder has no layout that is known here, or a file of it cannot be read at all.
Listing read_listing(const std::filesystem::path& folder);

/// Throws InputError naming folder and key.
Image decode_item(const Listing& listing, const Item& item);

/// Changes when any sample, label, caption or byte of the set changes (loose pictures: their size or time of writing).
std::string content_id(const Listing& listing);

}  // namespace cliplab
