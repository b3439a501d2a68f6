// For tests/parity: the same inputs through our code, so that Python's reference implementations can be held
// against it.
#include "cli/debug.hpp"
#include "train/debug.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "base/text.hpp"
#include "kernels/normalize.hpp"
#include "lab/baselines.hpp"
#include "lab/model_options.hpp"
#include "model/encoder.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

void write_bytes(const void* data, std::size_t size) {
  std::cout.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

/// The words before the first key, and the keys [model] behind them.
struct Command {
  std::span<const std::string> words;
  ModelOptions model;
};

Command parse(std::span<const std::string> arguments) {
  const auto keys =
      std::find_if(arguments.begin(), arguments.end(), [](const std::string& word) { return word.starts_with("--"); });
  Options options;
  declare_model_options(options);
  options.parse_arguments({keys, arguments.end()});
  return {{arguments.begin(), keys}, model_options(options)};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// How FILEs become network input: SIZE, and the model's keys.
struct Transform {
  explicit Transform(const Command& command) : pixels(command.model.pixels) {
    if (command.words.empty()) fail("debug transform", "no word", "SIZE FILE...");
    const std::string& text = command.words[0];
    if (!parse_number(text, pixels.size) || pixels.size < 1 || pixels.size > 4096)
      fail("debug transform", "size '" + text + "'", "a side of 1 to 4096 pixels");
    const CheckpointSpec& spec = command.model.spec;
    if (spec.resize_mode) pixels.mode = parse_resize_mode(*spec.resize_mode);
    if (spec.interpolation) pixels.interpolation = parse_interpolation(*spec.interpolation);
    table = make_normalize_table(pixels.normalization.mean, pixels.normalization.std);
  }

  Image square(const std::string& bytes, const std::string& file) const {
    return preprocess_pixels(decode_image(bytes, file), pixels);
  }
  void normalized(const Image& square, std::vector<float>& floats) const {
    floats.resize(square.size());
    normalize_cpu(square.pixels.data(), 1, pixels.size, table, floats.data());
  }

  Preprocess pixels;
  NormalizeTable table;
};

/// The pixels of FILEs as the model's keys say, one after the other: [SIZE, SIZE, 3] bytes, or [3, SIZE, SIZE] float32.
int transform(std::span<const std::string> arguments, bool normalized) {
  const Command command = parse(arguments);
  const Transform transform(command);
  std::vector<float> floats;
  for (const std::string& file : command.words.subspan(1)) {
    const Image image = transform.square(read_file(file), file);
    if (normalized) {
      transform.normalized(image, floats);
      write_bytes(floats.data(), floats.size() * sizeof(float));
    } else {
      write_bytes(image.pixels.data(), image.size());
    }
  }
  return 0;
}

/// Images a second of processor time from the bytes of FILEs to normalised floats, the median of 5 rounds after a warm
/// one.
int pixels_speed(std::span<const std::string> arguments) {
  const Command command = parse(arguments);
  const Transform transform(command);
  std::vector<std::string> bytes;
  for (const std::string& file : command.words.subspan(1)) bytes.push_back(read_file(file));
  std::vector<float> floats;
  std::vector<double> rates;
  for (int round = 0; round < 6; ++round) {
    const std::clock_t start = std::clock();
    for (std::size_t i = 0; i < bytes.size(); ++i)
      transform.normalized(transform.square(bytes[i], command.words[i + 1]), floats);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (round > 0) rates.push_back(static_cast<double>(bytes.size()) / seconds);
  }
  std::cout << median(rates) << " images/s\n";
  return 0;
}

/// A line "H W C", then the pixels.
int decode(const std::string& file) {
  const Image image = decode_image(read_file(file), file);
  std::cout << image.height << " " << image.width << " " << image.channels << "\n";
  write_bytes(image.pixels.data(), image.pixels.size());
  return 0;
}

/// Rows of float32 after a line "N D": images of FILEs, captions of stdin when SPACE is "text", or how a model that
/// predicts captions scores those of stdin for the images when it is "scores"; MODEL may be a baseline. Keys of the
/// model may follow: --model.like openai.
int embed(std::span<const std::string> arguments) {
  const auto [words, model_keys] = parse(arguments);
  if (words.size() < 3) fail("debug embed", std::to_string(words.size()) + " words", "MODEL SPACE FILE...");
  const auto names = baseline_models();
  std::unique_ptr<ImageModel> model;
  if (std::find(names.begin(), names.end(), words[0]) != names.end())
    model = open_baseline_model(words[0], obtain_baseline(words[0]), model_keys);
  else
    model = open_clip_model(words[0], model_keys);
  Matrix rows;
  std::vector<std::string> texts;
  auto* clip = dynamic_cast<ClipModel*>(model.get());
  if (words[1] == "text" || words[1] == "scores") {
    if (clip == nullptr) fail("debug embed", words[0] + " without a text tower", "a CLIP model");
    for (std::string line; std::getline(std::cin, line);) texts.push_back(line);
  }
  if (words[1] == "text") {
    rows = clip->text().encode(texts);
  } else {
    std::vector<Image> images;
    for (const std::string& file : words.subspan(2)) images.push_back(decode_image(read_file(file), file));
    rows = model->image().encode(images, words[1] == "trunk" ? Space::kTrunk : Space::kJoint);
    if (words[1] == "scores") rows = clip->prompt_scores(rows, texts);
  }
  std::cout << rows.rows() << " " << rows.cols() << "\n";
  write_bytes(rows.data(), static_cast<std::size_t>(rows.size()) * sizeof(float));
  return 0;
}

/// Images a second of the image tower on COUNT noise pictures of its own size, the median of 7 rounds after a warm one.
int image_speed(std::span<const std::string> arguments) {
  const auto [words, model_keys] = parse(arguments);
  if (words.size() != 2) fail("debug image-speed", std::to_string(words.size()) + " words", "MODEL COUNT");
  const auto begin = std::chrono::steady_clock::now();
  const auto model = open_clip_model(words[0], model_keys);
  const int side = model->info().architecture.resolution;
  std::vector<Image> images(std::stoul(words[1]), Image::make(side, side, 3));
  Rng rng(1);
  for (Image& image : images)
    for (auto& value : image.pixels) value = static_cast<std::uint8_t>(rng.next());
  model->image().encode({images.data(), 1}, Space::kJoint);
  const double first = seconds_since(begin);
  model->image().encode(images, Space::kJoint);
  std::vector<double> rates;
  for (int round = 0; round < 7; ++round) {
    const auto start = std::chrono::steady_clock::now();
    model->image().encode(images, Space::kJoint);
    rates.push_back(static_cast<double>(images.size()) / seconds_since(start));
  }
  std::cout << median(rates) << " images/s, " << first << " s to the first embedding\n";
  return 0;
}

}  // namespace

int debug_command(std::span<const std::string> arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  if (verb == "tokenize" && arguments.size() <= 2)
    return debug_tokenize(arguments.size() == 2 ? arguments[1] : "openclip");
  if (verb == "tokenize-speed" && arguments.size() == 2) return debug_tokenize_speed(arguments[1]);
  if (verb == "transform" || verb == "normalized") return transform(arguments.subspan(1), verb == "normalized");
  if (verb == "pixels-speed") return pixels_speed(arguments.subspan(1));
  if (verb == "decode" && arguments.size() == 2) return decode(arguments[1]);
  if (verb == "samples" && arguments.size() == 4) return debug_samples(arguments[1], arguments[2], arguments[3]);
  if (verb == "loader-speed" && arguments.size() == 4)
    return debug_loader_speed(arguments[1], arguments[2], arguments[3]);
  if (verb == "probe") return debug_probe(arguments.subspan(1));
  if (verb == "train") return debug_train(arguments.subspan(1));
  if (verb == "loss-speed") return debug_loss_speed(arguments.subspan(1));
  if (verb == "image-speed") return image_speed(arguments.subspan(1));
  if (verb == "embed" && arguments.size() >= 3) return embed(arguments.subspan(1));
  fail("debug", "'" + verb + "'",
       "tokenize [RULES], tokenize-speed FILE, transform SIZE FILE..., normalized SIZE FILE..., pixels-speed SIZE "
       "FILE..., decode FILE, "
       "samples SET SPLIT COUNT, loader-speed SHARDS SIZE COUNT, probe ..., image-speed MODEL COUNT, train ..., "
       "loss-speed PAIRS WIDTH or "
       "embed MODEL SPACE FILE...");
}

}  // namespace cliplab
