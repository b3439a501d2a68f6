// Sets of raw pixels: CIFAR-10 and CIFAR-100 "binary version" (label bytes, then 3072 bytes of planar RGB a picture)
// and the IDX files of MNIST and its family, packed or not.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "sets/idx.hpp"
#include "sets/listing.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32, kPixels = 3 * kSide * kSide;

void read_batch(Listing& listing, const std::string& name, const std::string& split, std::int64_t label_bytes) {
  const fs::path file = listing.folder / name;
  const auto container = std::make_shared<const Container>(file);
  const auto size = static_cast<std::int64_t>(fs::file_size(file)), record = label_bytes + kPixels;
  if (size % record != 0)
    listing.problems.push_back(fmt::format("{}: {} bytes, expected a multiple of {}: it is cut or no CIFAR file",
                                           file.string(), size, record));
  for (std::int64_t i = 0; i < size / record; ++i) {
    Item item{.key = fmt::format("{}#{}", name, i),
              .split = listing.split_index(split),
              .container = container,
              .offset = i * record + label_bytes,
              .bytes = kPixels};
    item.label =
        static_cast<std::uint8_t>(container->read(item.offset - 1, 1, item.key)[0]);  // CIFAR-100: coarse, then fine
    if (item.label < std::ssize(listing.class_names))
      listing.items.push_back(std::move(item));
    else
      listing.problems.push_back(fmt::format("{}: picture {} has label {}, expected one under {}", file.string(), i,
                                             item.label, listing.class_names.size()));
  }
}

bool read_cifar_binary(Listing& listing) {
  const bool hundred = fs::exists(listing.folder / "fine_label_names.txt");
  const fs::path names = listing.folder / (hundred ? "fine_label_names.txt" : "batches.meta.txt");
  if (!fs::exists(names)) return false;
  listing.layout = "CIFAR binary";
  listing.pixels = PixelLayout::kPlanar, listing.height = listing.width = kSide;
  listing.class_names = read_lines(names);
  std::erase(listing.class_names, "");
  if (hundred) {
    read_batch(listing, "train.bin", "train", 2), read_batch(listing, "test.bin", "test", 2);
    return true;
  }
  for (int i = 1; i <= 5; ++i) read_batch(listing, fmt::format("data_batch_{}.bin", i), "train", 1);
  read_batch(listing, "test_batch.bin", "test", 1);
  return true;
}

const LayoutRegistration registered_cifar({30, "CIFAR .bin", read_cifar_binary});

/// "train-images" and 3 -> the file "train-images-idx3-ubyte", with a dot for the last hyphen but one as other servers
/// have it, packed or not; in the folder or where torchvision puts it, in raw/. Of those names that exist only a
/// regular file counts: an unpacker may have made a folder of the same name. Empty: there is none.
fs::path idx_file(const fs::path& folder, const std::string& stem, int dimensions) {
  for (const char* inner : {"", "raw"})
    for (const char mark : {'-', '.'})
      for (const char* ending : {"", ".gz"}) {
        fs::path file = folder / inner / fmt::format("{}{}idx{}-ubyte{}", stem, mark, dimensions, ending);
        if (fs::exists(file) && !fs::is_directory(file)) return file;
      }
  return {};
}

bool read_idx_folder(Listing& listing) {
  const auto find = [&](const std::string& stem, int dimensions) { return idx_file(listing.folder, stem, dimensions); };
  if (find("train-images", 3).empty() && find("t10k-images", 3).empty()) return false;
  listing.layout = "IDX";
  listing.pixels = PixelLayout::kGrey;
  if (const fs::path names = listing.folder / "classes.txt"; fs::exists(names)) listing.class_names = read_lines(names);
  const bool digits = listing.class_names.empty();
  for (const auto& [stem, split] : {std::pair{"train", "train"}, std::pair{"t10k", "test"}}) {
    const fs::path image_file = find(std::string(stem) + "-images", 3),
                   label_file = find(std::string(stem) + "-labels", 1);
    if (image_file.empty() || label_file.empty()) {
      listing.problems.push_back(listing.folder.string() + ": no " + (image_file.empty() ? "pictures" : "labels") +
                                 " of " + stem);
      continue;
    }
    Idx images = read_idx(read_file(image_file), image_file.string());
    const Idx labels = read_idx(read_file(label_file), label_file.string());
    if (images.shape.size() != 3 || labels.shape.size() != 1 || images.shape[1] < 1 || images.shape[2] < 1)
      fail(image_file.string(), "other sizes", "pictures [N, H, W] and labels [N]");
    if (images.shape[0] != labels.shape[0])
      fail(image_file.string(), fmt::format("{} pictures", images.shape[0]),
           fmt::format("{} as there are labels", labels.shape[0]));
    if (listing.height != 0 && (listing.height != images.shape[1] || listing.width != images.shape[2]))
      fail(image_file.string(), "pictures of another size than the training ones", "one size");
    listing.height = static_cast<int>(images.shape[1]), listing.width = static_cast<int>(images.shape[2]);
    const auto container = std::make_shared<const Container>(image_file, std::move(images.values));
    const std::int64_t bytes = images.shape[1] * images.shape[2];
    for (std::int64_t i = 0; i < images.shape[0]; ++i) {
      const int label = static_cast<std::uint8_t>(labels.values[i]);
      while (digits && std::ssize(listing.class_names) <= label)
        listing.class_names.push_back(std::to_string(listing.class_names.size()));
      if (label < std::ssize(listing.class_names))
        listing.items.push_back({.key = fmt::format("{}#{}", image_file.filename().string(), i),
                                 .split = listing.split_index(split),
                                 .label = label,
                                 .container = container,
                                 .offset = i * bytes,
                                 .bytes = bytes});
      else
        listing.problems.push_back(fmt::format("{}: picture {} has label {}, expected one under {}",
                                               label_file.string(), i, label, listing.class_names.size()));
    }
  }
  return true;
}

const LayoutRegistration registered_idx({40, "IDX", read_idx_folder});

}  // namespace
}  // namespace cliplab
