// What a folder of somebody's data set holds, before a pixel is decoded: samples with split, label, captions and the
// place of their bytes. One reader a format (layout_*.cpp) fills it; open_set.cpp makes Dataset and PairCorpus of it.
// Nothing is unpacked to disk, so a member's name can lead nowhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/image.hpp"
#include "sets/dataset.hpp"

namespace cliplab {

/// kPlanar: [3, H, W] bytes (CIFAR, SVHN); kGrey: [H, W] bytes (IDX, FER2013).
enum class PixelLayout { kEncoded, kPlanar, kGrey };

/// A file that holds many samples: opened once and read by place, or (a compressed one) its content in memory.
class Container {
 public:
  explicit Container(std::filesystem::path file);              // throws InputError when it cannot be opened
  Container(std::filesystem::path file, std::string content);  // `content`: what was inside
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  const std::filesystem::path& file() const { return file_; }
  /// Throws InputError naming file and `key` when the file is another one than it was when it was opened.
  std::string read(std::int64_t offset, std::int64_t bytes, const std::string& key) const;

 private:
  std::filesystem::path file_;
  std::string content_;
  int descriptor_ = -1;
  std::int64_t size_ = 0, written_ns_ = 0;  // at that time
};

struct Item {
  std::string key;  // name in its archive or path below the folder: what messages call it
  int split = 0;    // of Listing::splits
  int label = -1;   // of Listing::class_names; -1 where a set has captions instead; the first of several
  std::shared_ptr<const Container> container{};  // none: the file folder / key
  std::int64_t offset = 0, bytes = 0;
  std::vector<std::string> captions{};
  std::vector<std::int8_t>
      targets{};  // [C] where a picture may have several labels: 1 yes, -1 no, 0 difficult: counts neither way
  int clip = 0;   // as Dataset::clips(); 0 where pictures are no frames
};

struct Listing {
  std::filesystem::path folder;
  std::string layout;  // "labels.tsv", "webdataset", ...
  PixelLayout pixels = PixelLayout::kEncoded;
  int height = 0, width = 0;  // of raw pixels
  std::vector<std::string> splits, class_names, templates;
  std::vector<std::vector<Subclass>> subclasses;  // as Dataset::subclasses()
  std::vector<Item> items;
  std::vector<std::string> problems;  // what is wrong in the folder, a line each; empty: nothing

  int split_index(const std::string& split);  // adds it when it is new
  bool has_captions() const { return class_names.empty(); }
};

/// Finds out which layout the folder has and reads it. Damage is named in `problems`, sample by sample where it can be.
/// Throws InputError when the folder has no layout that is known here, or a file of it cannot be read at all.
Listing read_listing(const std::filesystem::path& folder);

/// Throws InputError naming folder and key.
Image decode_item(const Listing& listing, const Item& item);

/// Changes when any sample, label, caption or byte of the set changes (loose pictures: their size or time of writing).
std::string content_id(const Listing& listing);

// --- what the readers share
// --------------------------------------------------------------------------------------------

using Members = std::map<std::string, Item>;  // name -> place of its bytes, without split and label

/// Members of a .tar (left where they are) or compressed tar (read into memory). Names that a careless unpacker would
/// write elsewhere ("/etc/x", "../x"), links and names used twice are reported in `problems`. Throws InputError when it
/// is damaged.
Members index_archive(const std::filesystem::path& archive, std::vector<std::string>& problems);

/// Pictures below `folder`, by path relative to `base`. Links are followed, loops and unreadable ones reported; so are
/// files that are pictures but of a format without a decoder here. `wanted`: ".jpg" ... in lower case.
void list_pictures(const std::filesystem::path& base, const std::filesystem::path& folder,
                   std::vector<std::string>& found, std::vector<std::string>& problems);
bool is_picture_name(std::string_view name);
/// webdataset's key of a member: its name up to the first dot behind the last slash.
std::string webdataset_key(const std::string& name);

/// A member's name that a careless unpacker would write outside its folder.
bool leads_elsewhere(const std::string& name);
std::vector<std::string> read_lines(const std::filesystem::path& file);  // without '\r', the last empty one dropped
std::vector<std::string> split_columns(std::string_view line, char separator);
bool is_utf8(std::string_view text);

// --- one reader a format: true when the folder has it
// ------------------------------------------------------------------

bool read_table(Listing& listing);       // labels.tsv or captions.tsv beside images.tar.gz, images.tar or the pictures
bool read_webdataset(Listing& listing);  // classnames.txt, train/*.tar, test/*.tar, as CLIP_benchmark exports them
bool read_cifar_binary(Listing& listing);  // batches.meta.txt or fine_label_names.txt with .bin files
bool read_idx_folder(Listing& listing);    // train-images-idx3-ubyte[.gz] and its three companions
bool read_voc(Listing& listing);           // JPEGImages/, Annotations/*.xml, ImageSets/Main/: several labels a picture
bool read_frames(Listing& listing);  // metadata/pmsets.json: clips around an anchor (ImageNet-Vid-Robust, YTBB-Robust)
bool read_official(Listing& listing);      // the annotation files of one particular data set
bool read_image_folder(Listing& listing);  // [split/]class/picture

}  // namespace cliplab
