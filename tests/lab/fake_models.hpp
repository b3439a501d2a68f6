// Models and trainings for tests of the lab and the studies, behind the façades model/encoder.hpp and train/train.hpp:
// features are mean colours, and a text means the colour that it names. No LibTorch is linked.
#pragma once

#include <string>

#include "model/encoder.hpp"

namespace cliplab {

/// Its features: the mean red, green, blue of a picture and a constant (trunk), the three as a unit row (joint).
/// Prompts that name red, green or blue get that direction.
class FakeClip : public ClipModel {
 public:
  /// Noise that is NaN makes every feature of a trunk NaN.
  explicit FakeClip(std::string name, double noise = 0);
  const ModelInfo& info() const override { return info_; }
  ImageEncoder& image() override { return *image_; }
  TextEncoder& text() override { return *text_; }
  Matrix prompt_scores(const Matrix& features, std::span<const std::string> prompts) override;

 private:
  ModelInfo info_;
  std::unique_ptr<ImageEncoder> image_;
  std::unique_ptr<TextEncoder> text_;
};

/// How many pictures all fake encoders have encoded so far.
std::int64_t pictures_encoded();

}  // namespace cliplab
