// Embeddings of any model file or baseline, and the speed of the image tower.
#include "model/encoder.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "base/text.hpp"
#include "lab/baselines.hpp"
#include "model_words.hpp"
#include "pixels/codecs.hpp"

namespace cliplab::oracle {

/// A line "N D", then rows of float32: trunk or joint features of the images; with "text" the embeddings of the
/// captions on stdin; with "scores" what a model that predicts captions gives each of them for each image.
void embed(Words all_words) {
  const auto [words, model_keys] = split_model_keys(all_words);
  const auto baselines = baseline_models();
  const std::string& space = words[1];
  const bool reads_captions = space == "text" || space == "scores";
  std::unique_ptr<ImageModel> model;
  if (std::ranges::find(baselines, words[0]) != baselines.end())
    model = open_baseline_model(words[0], obtain_baseline(words[0]), model_keys);
  else
    model = open_clip_model(words[0], model_keys);
  auto* clip = dynamic_cast<ClipModel*>(model.get());
  std::vector<std::string> captions;
  if (reads_captions) {
    if (clip == nullptr) fail("cliplab_oracle embed", words[0] + " without a text tower", "a CLIP model");
    for (std::string line; std::getline(std::cin, line);) captions.push_back(line);
  }
  Matrix rows;
  if (space == "text") {
    rows = clip->text().encode(captions);
  } else {
    std::vector<Image> images;
    for (const std::string& file : words.subspan(2)) images.push_back(decode_image(read_file(file), file));
    rows = model->image().encode(images, space == "trunk" ? Space::kTrunk : Space::kJoint);
    if (space == "scores") rows = clip->prompt_scores(rows, captions);
  }
  std::cout << rows.rows() << " " << rows.cols() << "\n";
  write_bytes(rows.data(), static_cast<std::size_t>(rows.size()) * sizeof(float));
}

/// Several models in one process: LIST has a line of words for each, the model and its keys, split by tabs. For each a
/// line "N D M" and float32 rows of N images and M captions (of stdin), or a line "error: ...".
void embed_each(Words words) {
  std::vector<std::string> captions;
  for (std::string line; std::getline(std::cin, line);) captions.push_back(line);
  std::vector<Image> images;
  for (const std::string& file : words.subspan(1)) images.push_back(decode_image(read_file(file), file));
  for (const std::string& line : read_lines(words[0])) {
    const std::vector<std::string> fields = split_columns(line, '\t');
    try {
      const auto [model_words, model_keys] = split_model_keys(fields);
      const auto model = open_clip_model(model_words[0], model_keys);
      const Matrix pictures = model->image().encode(images, Space::kJoint), texts = model->text().encode(captions);
      std::cout << pictures.rows() << " " << pictures.cols() << " " << texts.rows() << "\n";
      for (const Matrix& rows : {pictures, texts})
        write_bytes(rows.data(), static_cast<std::size_t>(rows.size()) * sizeof(float));
    } catch (const InputError& error) {
      std::cout << "error: " << error.what() << "\n";
    }
  }
}

/// Images a second on COUNT noise images of the model's own size, the median of 7 rounds after one that warms up.
void image_speed(Words all_words) {
  const auto [words, model_keys] = split_model_keys(all_words);
  auto start = Clock::now();
  const auto model = open_clip_model(words[0], model_keys);
  const int side = model->info().architecture.resolution;
  std::vector<Image> images(std::stoul(words[1]), Image::make(side, side, 3));
  Rng rng(1);
  for (Image& image : images)
    for (auto& value : image.pixels) value = static_cast<std::uint8_t>(rng.next());
  model->image().encode({images.data(), 1}, Space::kJoint);
  const double first = seconds_since(start);
  model->image().encode(images, Space::kJoint);
  std::vector<double> rates;
  for (int round = 0; round < 7; ++round) {
    start = Clock::now();
    model->image().encode(images, Space::kJoint);
    rates.push_back(static_cast<double>(images.size()) / seconds_since(start));
  }
  std::cout << median(rates) << " images/s, " << first << " s to the first embedding\n";
}

}  // namespace cliplab::oracle
