// For tests/parity: the same inputs through our code, so that Python's reference implementations can be held
// against it.
#include "run/debug.hpp"

#include <charconv>
#include <iostream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "data/codecs.hpp"
#include "data/preprocess.hpp"
#include "model/encoder.hpp"
#include "model/tokenizer.hpp"

namespace cliplab {
namespace {

void write_bytes(const void* data, std::size_t size) {
  std::cout.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

/// Lines of stdin to ids, separated by spaces, a line each.
int tokenize() {
  const Tokenizer tokenizer;
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const char* separator = "";
    for (const std::int32_t id : tokenizer.encode(line)) {
      std::cout << separator << id;
      separator = " ";
    }
    std::cout << "\n";
  }
  std::cout.flush();
  return 0;
}

/// The file's pixels after clip_transform: [SIZE, SIZE, 3] bytes.
int transform(const std::string& file, const std::string& size_text) {
  int size = 0;
  const char* end = size_text.data() + size_text.size();
  if (const auto [rest, error] = std::from_chars(size_text.data(), end, size);
      error != std::errc() || rest != end || size < 1 || size > 4096)
    fail("debug transform", "size '" + size_text + "'", "a side of 1 to 4096 pixels");
  const Image image = clip_transform(decode_image(read_file(file), file), size);
  write_bytes(image.pixels.data(), image.pixels.size());
  return 0;
}

/// A line "H W C", then the pixels.
int decode(const std::string& file) {
  const Image image = decode_image(read_file(file), file);
  std::cout << image.height << " " << image.width << " " << image.channels << "\n";
  write_bytes(image.pixels.data(), image.pixels.size());
  return 0;
}

/// Rows of float32 after a line "N D": images of FILEs, or captions of stdin when SPACE is "text".
int embed(std::span<const std::string> arguments) {
  const auto model = open_clip_model(arguments[0]);
  Matrix rows;
  if (arguments[1] == "text") {
    std::vector<std::string> texts;
    for (std::string line; std::getline(std::cin, line);) texts.push_back(line);
    rows = model->text().encode(texts);
  } else {
    std::vector<Image> images;
    for (const std::string& file : arguments.subspan(2))
      images.push_back(decode_image(read_file(file), file));
    rows = model->image().encode(images, arguments[1] == "trunk" ? Space::kTrunk : Space::kJoint);
  }
  std::cout << rows.rows() << " " << rows.cols() << "\n";
  write_bytes(rows.data(), static_cast<std::size_t>(rows.size()) * sizeof(float));
  return 0;
}

}  // namespace

int debug_command(std::span<const std::string> arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  if (verb == "tokenize" && arguments.size() == 1) return tokenize();
  if (verb == "transform" && arguments.size() == 3) return transform(arguments[1], arguments[2]);
  if (verb == "decode" && arguments.size() == 2) return decode(arguments[1]);
  if (verb == "embed" && arguments.size() >= 3) return embed(arguments.subspan(1));
  fail("debug", "'" + verb + "'", "tokenize, transform FILE SIZE, decode FILE or embed MODEL SPACE FILE...");
}

}  // namespace cliplab
