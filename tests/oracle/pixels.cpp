// Decoding and preprocessing of files, as the keys of [model] say, and their speed.
#include <ctime>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "kernels/normalize.hpp"
#include "model_words.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab::oracle {
namespace {

/// From the bytes of FILE... to network input of side SIZE.
struct Transform {
  explicit Transform(Words words) {
    const ModelWords split = split_model_keys(words);
    const std::string& side = split.words[0];
    pixels = split.model.pixels;
    if (!parse_number(side, pixels.size) || pixels.size < 1 || pixels.size > 4096)
      fail("cliplab_oracle", "size '" + side + "'", "a side of 1 to 4096 pixels");
    const CheckpointSpec& spec = split.model.spec;
    if (spec.resize_mode) pixels.mode = parse_resize_mode(*spec.resize_mode);
    if (spec.interpolation) pixels.interpolation = parse_interpolation(*spec.interpolation);
    table = make_normalize_table(pixels.normalization.mean, pixels.normalization.std);
    files = split.words.subspan(1);
  }

  Image square(const std::string& bytes, const std::string& file) const {
    return preprocess_pixels(decode_image(bytes, file), pixels);
  }
  void normalize(const Image& square, std::vector<float>& floats) const {
    floats.resize(square.size());
    normalize_cpu(square.pixels.data(), 1, pixels.size, table, floats.data());
  }

  Preprocess pixels;
  NormalizeTable table;
  Words files;
};

}  // namespace

/// Each file as [SIZE, SIZE, 3] bytes.
void transform(Words words) {
  const Transform transform(words);
  for (const std::string& file : transform.files) {
    const Image image = transform.square(read_file(file), file);
    write_bytes(image.pixels.data(), image.size());
  }
}

/// Each file as [3, SIZE, SIZE] float32.
void normalized(Words words) {
  const Transform transform(words);
  std::vector<float> floats;
  for (const std::string& file : transform.files) {
    transform.normalize(transform.square(read_file(file), file), floats);
    write_bytes(floats.data(), floats.size() * sizeof(float));
  }
}

/// Images a second of processor time from bytes in memory to normalised floats: the median of 5 rounds after one that
/// warms up.
void pixels_speed(Words words) {
  const Transform transform(words);
  std::vector<std::string> bytes;
  for (const std::string& file : transform.files) bytes.push_back(read_file(file));
  std::vector<float> floats;
  std::vector<double> rates;
  for (int round = 0; round < 6; ++round) {
    const std::clock_t start = std::clock();
    for (std::size_t i = 0; i < bytes.size(); ++i)
      transform.normalize(transform.square(bytes[i], transform.files[i]), floats);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (round > 0) rates.push_back(static_cast<double>(bytes.size()) / seconds);
  }
  std::cout << median(rates) << " images/s\n";
}

/// A line "H W C", then the pixels.
void decode(Words words) {
  const Image image = decode_image(read_file(words[0]), words[0]);
  std::cout << image.height << " " << image.width << " " << image.channels << "\n";
  write_bytes(image.pixels.data(), image.pixels.size());
}

/// Each file as ImageFolder loads it: a line "H W", then the pixels; or a line "error: ...".
void rgb(Words words) {
  for (const std::string& file : words) {
    try {
      const Image image = to_rgb(decode_image(read_file(file), file));
      std::cout << image.height << " " << image.width << "\n";
      write_bytes(image.pixels.data(), image.pixels.size());
    } catch (const InputError& error) {
      std::cout << "error: " << error.what() << "\n";
    }
  }
}

}  // namespace cliplab::oracle
