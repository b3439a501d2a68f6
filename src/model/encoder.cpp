// A CLIP model as the rest of the program sees it: pictures and captions in, feature rows out.
#include "model/encoder.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/finite.hpp"
#include "base/text.hpp"
#include "model/family.hpp"
#include "model/files/clip_state.hpp"
#include "model/files/weights.hpp"
#include "model/towers/device.hpp"
#include "model/towers/image_batches.hpp"
#include "model/towers/modules.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

Tensor unit_rows(const Tensor& rows) { return rows / rows.norm(2, 1, true); }

/// Weights that a half-precision pass casts anyway are converted once.
void convert_weights(Clip& model, torch::ScalarType type) {
  const ModelFamily& family = find_family(model->architecture().family);
  for (auto& item : model->named_parameters())
    if (!family.stays_float32(item.key())) item.value().set_data(item.value().to(type));
  model->set_compute_type(type);
}

/// The user's Pillow rule with the model's size, statistics and resize rule.
Preprocess preprocess_of(const Architecture& architecture, const CheckpointSpec& spec, Preprocess pixels) {
  pixels.size = architecture.resolution;
  pixels.normalization = {*spec.mean, *spec.std};
  pixels.mode = parse_resize_mode(*spec.resize_mode), pixels.interpolation = parse_interpolation(*spec.interpolation);
  if (pixels.mode != ResizeMode::kLongest) pixels.resize_to = spec.resize_to.value_or(0);
  pixels.fill = static_cast<std::uint8_t>(spec.fill_color.value_or(0));
  if (spec.crop_rule) pixels.crop = parse_crop_rule(*spec.crop_rule);
  if (spec.convert_order) pixels.order = parse_convert_order(*spec.convert_order);
  return pixels;
}

/// With the cleaning of captions that the model states.
std::unique_ptr<TextTokenizer> tokenizer_of(const Clip& model, const CheckpointSpec& spec, TokenizerRules rules) {
  return find_family(model->architecture().family)
      .make_tokenizer(rules, parse_text_clean(spec.text_clean.value_or("lower")));
}

class TorchImageEncoder : public ImageEncoder {
 public:
  TorchImageEncoder(Clip model, const std::string& id, torch::Device device, const Preprocess& pixels)
      : model_(std::move(model)), id_(id + "/" + pixels.id()), device_(device), pixels_(pixels) {}
  std::string id() const override { return id_; }

  Matrix encode(std::span<const Image> images, Space space) override {
    if (space == Space::kTrunk)
      return encode_batches(images, pixels_, device_, model_->architecture().trunk_dim(),
                            [&](Tensor pixels) { return model_->image_trunk(pixels); });
    return encode_batches(images, pixels_, device_, model_->architecture().embed_dim,
                          [&](Tensor pixels) { return joint(model_->encode_image(pixels)); });
  }

 private:
  /// A model that predicts captions reads the length too.
  Tensor joint(const Tensor& rows) const { return model_->architecture().contrasts() ? unit_rows(rows) : rows; }

  Clip model_;
  std::string id_;
  torch::Device device_;
  Preprocess pixels_;
};

class TorchTextEncoder : public TextEncoder {
 public:
  TorchTextEncoder(Clip model, const std::string& name, const std::string& id, torch::Device device,
                   const CheckpointSpec& spec, const ModelOptions& options)
      : name_(name),
        model_(std::move(model)),
        device_(device),
        tokenizer_(tokenizer_of(model_, spec, options.tokenizer)),
        id_(id + "/" + tokenizer_->id()),
        too_long_(options.too_long) {}
  std::string id() const override { return id_; }

  Matrix encode(std::span<const std::string> texts) override {
    const c10::InferenceMode inference;
    std::vector<std::vector<std::int32_t>> tokens;
    const int context = model_->architecture().context_length;
    for (const std::string& text : texts) tokens.push_back(tokenizer_->encode(text, context, too_long_));
    std::vector<std::int64_t> order(tokens.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return tokens[a].size() < tokens[b].size(); });

    Matrix features(std::ssize(texts), model_->architecture().embed_dim);
    constexpr std::size_t kBatch = 256;
    for (std::size_t begin = 0; begin < order.size(); begin += kBatch) {
      const std::size_t count = std::min(kBatch, order.size() - begin);
      const std::int64_t longest = std::ssize(tokens[order[begin + count - 1]]);
      Tensor batch = torch::zeros({static_cast<std::int64_t>(count), longest}, torch::kInt64);
      auto ids = batch.accessor<std::int64_t, 2>();
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t t = 0; t < tokens[order[begin + i]].size(); ++t) ids[i][t] = tokens[order[begin + i]][t];
      const Matrix rows = to_matrix(unit_rows(model_->encode_text(batch.to(device_))));
      for (std::size_t i = 0; i < count; ++i) features.row(order[begin + i]) = rows.row(i);
    }
    if (const auto row = first_row_not_finite(features))
      fail("model " + name_, "text features that are NaN or infinite, first of '" + texts[*row].substr(0, 80) + "'",
           "finite numbers", "are its weights and precision right?");
    return features;
  }

 private:
  std::string name_;
  Clip model_;
  torch::Device device_;
  std::unique_ptr<TextTokenizer> tokenizer_;
  std::string id_;
  TooLong too_long_;
};

/// How likely texts are, given pictures, by a model that predicts captions.
class PromptScorer {
 public:
  PromptScorer(Clip model, const std::string& name, torch::Device device, const CheckpointSpec& spec,
               const ModelOptions& options)
      : name_(name),
        model_(std::move(model)),
        device_(device),
        tokenizer_(tokenizer_of(model_, spec, options.tokenizer)),
        too_long_(options.too_long) {}

  Matrix scores(const Matrix& features, std::span<const std::string> prompts) {
    const c10::InferenceMode inference;
    std::vector<std::vector<std::int32_t>> tokens;
    for (const std::string& prompt : prompts) {
      tokens.push_back(tokenizer_->encode(prompt, model_->architecture().context_length, too_long_));
      if (distinct_words(tokens.back()).empty()) fail("zero-shot", "the prompt '" + prompt + "'", "at least one word");
    }
    Matrix result(features.rows(), std::ssize(prompts));
    const auto rows =
        torch::from_blob(const_cast<float*>(features.data()), {features.rows(), features.cols()}, torch::kFloat32);
    const std::int64_t step = std::max<std::int64_t>(1, TextSide::kTextsAtOnce / std::ssize(prompts));
    for (std::int64_t begin = 0; begin < features.rows(); begin += step) {
      if (stop_requested()) throw Interrupted("stopped while scoring prompts");
      const std::int64_t n = std::min(step, features.rows() - begin);
      result.middleRows(begin, n) =
          to_matrix(model_->text().score_prompts(rows.narrow(0, begin, n).to(device_), tokens));
    }
    need_finite("model " + name_ + ": scores of prompts", result);
    return result;
  }

 private:
  std::string name_;
  Clip model_;
  torch::Device device_;
  std::unique_ptr<TextTokenizer> tokenizer_;
  TooLong too_long_;
};

class TorchClipModel : public ClipModel {
 public:
  /// The storage of `state` is kept, since weights may lie in it.
  TorchClipModel(Clip model, ClipState state, std::string weights_id, const ModelOptions& options)
      : state_(std::move(state)) {
    const Architecture& a = state_.architecture;
    const torch::Device device = open_device(options.device);
    const torch::ScalarType type = open_precision(options.precision);
    const Preprocess pixels = preprocess_of(a, state_.spec, options.pixels);
    const torch::NoGradGuard no_grad;
    model->eval();
    model->fold();
    if (type != torch::kFloat32) convert_weights(model, type);
    model->to(device);
    model->pack();
    info_ = {options.name.empty() ? a.name : options.name,
             a,
             weights_id,
             image_gflops(a),
             text_gflops(a),
             static_cast<double>(parameter_count(a)),
             std::exp(model->logit_scale.item<float>()),
             state_.pairs_seen,
             {}};
    if (!std::isfinite(info_.logit_scale) || info_.logit_scale <= 0)
      fail("model " + info_.name, "a logit scale of exp(" + std::to_string(model->logit_scale.item<float>()) + ")",
           "a positive finite number");
    info_.origin = {{"format", state_.format},
                    {"names", state_.naming},
                    {"activation", a.quick_gelu ? "quick_gelu" : "gelu"},
                    {"head width", std::to_string(a.head_width) + ", " + std::to_string(a.text_head_width)},
                    {"pixels", pixels.id()},
                    {"facts from", joined(state_.spec.origins)}};
    if (!state_.entry.empty()) info_.origin["model at"] = state_.entry;
    std::string eps;  // PyTorch's is not named: the ids of cached features stay
    if (a.vision_norm_eps != 1e-5 || a.text_norm_eps != 1e-5)
      eps = fmt::format("/eps {}, {}", a.vision_norm_eps, a.text_norm_eps);
    if (!eps.empty()) info_.origin["LayerNorm's epsilon"] = eps.substr(5);
    const std::string id = a.name + "@" + weights_id + "/" + options.precision +
                           (a.quick_gelu ? "/quick_gelu" : "/gelu") + "/heads " + info_.origin["head width"] + eps +
                           (state_.entry.empty() ? "" : "/at " + state_.entry);
    image_ = std::make_unique<TorchImageEncoder>(model, id, device, pixels);
    if (a.contrasts()) {
      text_ = std::make_unique<TorchTextEncoder>(model, info_.name, id, device, state_.spec, options);
    } else {
      info_.origin["objective"] = a.objective;
      scorer_ = std::make_unique<PromptScorer>(model, info_.name, device, state_.spec, options);
    }
  }
  const ModelInfo& info() const override { return info_; }
  ImageEncoder& image() override { return *image_; }
  TextEncoder& text() override {
    if (!text_)
      fail("model " + info_.name, "no text tower: it was trained by " + info_.architecture.objective,
           "a contrastive model");
    return *text_;
  }
  Matrix prompt_scores(const Matrix& features, std::span<const std::string> prompts) override {
    if (!scorer_) fail("model " + info_.name, "a text tower", "a model that predicts captions");
    return scorer_->scores(features, prompts);
  }

  void set_released(const std::string& sha256) {
    if (const std::string name = released_model(sha256); !name.empty()) info_.origin["released as"] = name;
  }

 private:
  ClipState state_;
  ModelInfo info_;
  std::unique_ptr<ImageEncoder> image_;
  std::unique_ptr<TextEncoder> text_;
  std::unique_ptr<PromptScorer> scorer_;
};

/// A model with the weights of a file, which they may still lie in.
Clip clip_of(ClipState& state, const std::string& where) {
  fold_layer_scale(state, where);
  const Architecture& a = state.architecture;
  if (const int known = find_family(a.family).vocab_size(); a.vocab_size != known)
    fail(where, "a vocabulary of " + std::to_string(a.vocab_size), std::to_string(known) + ", as its tokenizer has");
  const WithoutInitialValues none;
  Clip model(a);
  auto named = named_state(*model);
  adopt_state(state.tensors, named, where);
  return model;
}

}  // namespace

std::unique_ptr<ClipModel> open_clip_model(const std::filesystem::path& model_path, const ModelOptions& options) {
  const std::filesystem::path file = weights_file(model_path);
  auto hash = std::async(std::launch::async,  // while it is read
                         [&] { return options.sha256.empty() ? checkpoint_sha256(file) : options.sha256; });
  ClipState state = read_clip(file, options.spec);
  Clip model = clip_of(state, file.string());
  const std::string sha256 = hash.get();
  auto opened = std::make_unique<TorchClipModel>(model, std::move(state), sha256.substr(0, 16), options);
  opened->set_released(sha256);
  return opened;
}

std::unique_ptr<ClipModel> untrained_clip_model(const Architecture& architecture, std::uint64_t seed,
                                                const ModelOptions& options) {
  torch::manual_seed(seed);
  ClipState state;
  state.architecture = architecture, state.format = "none", state.naming = "openai";
  state.spec = options.spec;
  state.spec.fill_from(spec_like("openai"));
  return std::make_unique<TorchClipModel>(Clip(architecture), std::move(state), "untrained-" + std::to_string(seed),
                                          options);
}

void convert_clip_model(const std::filesystem::path& in, const std::filesystem::path& out, const CheckpointSpec& spec) {
  ClipState state = read_clip(in, spec);
  Clip model = clip_of(state, in.string());
  auto extra = to_metadata(state.spec);
  extra["converted from"] = "SHA-256 " + checkpoint_sha256(in) + ", " + state.format + ", names: " + state.naming;
  save_model(out, model, extra);
}

}  // namespace cliplab
