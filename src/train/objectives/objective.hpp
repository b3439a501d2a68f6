// What a training minimises (paper 2.3, Figure 2). An objective is one file here that registers itself: its loss over
// the ranks, the text side that it needs, and how that scores prompts. Two kinds cover all of today's: those that
// compare the pairs of a batch, and those that predict a caption from its picture.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/objective.hpp"
#include "model/towers/modules.hpp"
#include "train/comm/comm.hpp"

namespace cliplab {

using Captions = std::span<const std::vector<std::int32_t>>;  // ids with start and end of text

/// One step as an objective sees it: this rank's pairs and how they are encoded.
struct StepInput {
  Clip& model;
  Comm& comm;
  Captions captions;             // [b]
  std::int64_t micro_batch = 0;  // pairs that go through the towers at a time; 0: all
  double loss_scale = 1;         // gradients are multiplied by it
  std::function<torch::Tensor(std::int64_t begin, std::int64_t count)> encode_image, encode_text;  // -> [count, E]
  std::function<void()> expect_last = [] {};  // called before the backward pass that adds the last gradients
};

class Objective : public ModelObjective {
 public:
  /// Adds the gradients of this rank's share of the batch's loss to the parameters -> the share []. The shares of all
  /// ranks sum up to the loss.
  virtual torch::Tensor backward(const StepInput& step) const = 0;
  /// The loss of these pairs among themselves, without gradients -> [].
  virtual torch::Tensor evaluate(const StepInput& step) const = 0;
};

/// A loss of the features of all pairs of the batch. In micro-batches by GradCache.
class ComparingObjective : public Objective {
 public:
  bool contrasts() const override { return true; }
  torch::Tensor backward(const StepInput& step) const final;
  torch::Tensor evaluate(const StepInput& step) const final;

 protected:
  /// image, text [b, E] of this rank, not normalised -> [] its share.
  virtual torch::Tensor loss(Clip& model, const torch::Tensor& image, const torch::Tensor& text, Comm& comm) const = 0;

 private:
  torch::Tensor accumulate(const StepInput& step) const;
};

/// A loss that is the mean over terms, each of one pair: ranks and micro-batches simply add up.
class PredictingObjective : public Objective {
 public:
  bool contrasts() const override { return false; }
  torch::Tensor backward(const StepInput& step) const final;
  torch::Tensor evaluate(const StepInput& step) const final;

 protected:
  /// features [b, E] of encode_image and their captions -> [] the sum of the losses of all terms.
  virtual torch::Tensor sum(Clip& model, const torch::Tensor& features, Captions captions) const = 0;
  /// The number of terms of these captions.
  virtual std::int64_t terms(Captions captions) const = 0;
};

/// Throws InputError with the names for an unknown one.
const Objective& find_objective(const std::string& name);

/// For objectives that read words as CLIP's tokenizer makes them. Throws InputError for another vocabulary.
void check_clip_vocabulary(const Architecture& architecture);

}  // namespace cliplab
