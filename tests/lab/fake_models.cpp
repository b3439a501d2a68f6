// The functions of the façades, answered by fakes.
#include "lab/fake_models.hpp"

#include <atomic>

#include "base/error.hpp"
#include "base/stacked_objective.hpp"
#include "train/train.hpp"

namespace cliplab {
namespace {

std::atomic<std::int64_t> encoded{0};

class FakeImages : public ImageEncoder {
 public:
  FakeImages(std::string name, double noise) : name_(std::move(name)), noise_(static_cast<float>(noise)) {}
  std::string id() const override { return "fake " + name_; }
  Matrix encode(std::span<const Image> images, Space space) override {
    encoded += std::ssize(images);
    Matrix rows(std::ssize(images), 3);
    for (std::size_t i = 0; i < images.size(); ++i) {
      const Image& image = images[i];
      const int channels = image.channels;
      for (int c = 0; c < 3; ++c) {
        double sum = 0;
        const std::size_t pixels = image.pixels.size() / channels;
        for (std::size_t p = 0; p < pixels; ++p) sum += image.pixels[p * channels + c % channels];
        rows(static_cast<Eigen::Index>(i), c) =
            static_cast<float>(sum / static_cast<double>(pixels) / 255) + noise_ * static_cast<float>((i + c) % 3);
      }
    }
    if (space == Space::kTrunk) {
      Matrix trunk(rows.rows(), 4);
      trunk << rows, Matrix::Constant(rows.rows(), 1, 0.5f);
      return trunk;
    }
    rows.rowwise().normalize();
    return rows;
  }

 private:
  std::string name_;
  float noise_;
};

class FakeTexts : public TextEncoder {
 public:
  std::string id() const override { return "fake texts"; }
  Matrix encode(std::span<const std::string> texts) override {
    Matrix rows = Matrix::Constant(std::ssize(texts), 3, 0.1f);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const char* const names[] = {"red", "green", "blue"};
      for (int c = 0; c < 3; ++c)
        if (texts[i].find(names[c]) != std::string::npos) rows(static_cast<Eigen::Index>(i), c) = 1;
    }
    rows.rowwise().normalize();
    return rows;
  }
};

}  // namespace

FakeClip::FakeClip(std::string name, double noise)
    : image_(std::make_unique<FakeImages>(name, noise)), text_(std::make_unique<FakeTexts>()) {
  info_.name = name, info_.weights_id = "0123", info_.logit_scale = 100, info_.image_gflops = 1 + noise;
  info_.parameters = 10, info_.architecture.name = name, info_.architecture.family = "vit";
}

Matrix FakeClip::prompt_scores(const Matrix& features, std::span<const std::string> prompts) {
  return features * text_->encode(prompts).transpose();
}

std::int64_t pictures_encoded() { return encoded; }

// --- model/encoder.hpp ---

std::unique_ptr<ClipModel> open_clip_model(const std::filesystem::path& file, const ModelOptions& options) {
  if (file.extension() != ".fake") fail(file.string(), "no model", "a .fake file");
  return std::make_unique<FakeClip>(options.name.empty() ? file.stem().string() : options.name);
}

std::unique_ptr<ClipModel> untrained_clip_model(const Architecture& architecture, std::uint64_t, const ModelOptions&) {
  return std::make_unique<FakeClip>(architecture.name + " untrained", 0.3);
}

std::vector<std::string> baseline_models() { return {"fake-baseline"}; }
std::string baseline_package(const std::string& name) { return name; }
std::unique_ptr<ImageModel> open_baseline_model(const std::string& name, const std::filesystem::path&,
                                                const ModelOptions&) {
  return std::make_unique<FakeClip>(name, 0.1);
}

std::vector<std::pair<std::string, std::string>> objective_summaries() { return {{"contrastive", "fake"}}; }

std::unique_ptr<StackedObjective> torch_objective(RowSource, Eigen::Index, const VectorD&, const std::string&, bool,
                                                  bool) {
  fail("probe.algebra", "torch", "eigen in these tests");
}

// --- train/train.hpp ---

class Comm {};
Ranks::Ranks() = default;
int Ranks::rank() const { return 0; }
int Ranks::size() const { return 1; }
double paper_learning_rate(const std::string&) { return 5e-4; }
std::filesystem::path trained_model(const TrainConfig&, const std::filesystem::path&) { return {}; }
std::vector<std::filesystem::path> snapshot_files(const TrainConfig&, const std::filesystem::path&) { return {}; }
std::filesystem::path train_clip(const TrainConfig&, const std::filesystem::path&, const Ranks&, const TrainWatch&) {
  fail("train", "a training", "model.files in these tests");
}

}  // namespace cliplab
