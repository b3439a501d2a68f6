// The image tower of the family "resnet", ModifiedResNet: three-layer stem, anti-aliased strides (average pool before
// the convolution) and attention pooling instead of the average (openai/CLIP model.py: Bottleneck, AttentionPool2d,
// ModifiedResNet). Runs channels_last, which oneDNN wants.
#include <cmath>

#include "model/towers/modules.hpp"
#include "model/towers/recompute.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

/// A convolution whose weight gradient is computed in float32. On small maps oneDNN's threads in bf16 wait for each
/// other at a barrier, spinning: as fast as float32 on an idle machine, but 475 ms instead of 22 for 64 maps of 2 x 2
/// while another job runs (4 x 4: 139 and 5).
struct SmallConvolution : torch::autograd::Function<SmallConvolution> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        std::int64_t padding) {
    context->save_for_backward({x, weight});
    context->saved_data["padding"] = padding;
    return at::conv2d(x, as_type_of(weight, x), {}, 1, padding);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const std::int64_t padding = context->saved_data["padding"].toInt();
    const auto back = [&](const Tensor& dy, const Tensor& x, const Tensor& w, std::array<bool, 3> wanted) {
      return at::convolution_backward(dy, x, w, std::nullopt, {1, 1}, {padding, padding}, {1, 1}, false, {0, 0}, 1,
                                      wanted);
    };
    const Tensor &x = saved[0], &w = saved[1], &dy = gradients[0];
    return {std::get<0>(back(dy, x, as_type_of(w, x), {true, false, false})),
            std::get<1>(back(dy.to(torch::kFloat32), x.to(torch::kFloat32), w, {false, true, false})),
            {}};
  }

  static bool suits(const Tensor& x, const Tensor& weight, std::int64_t stride) {
    return torch::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == torch::kBFloat16 && weight.size(2) > 1 &&
           stride == 1 && x.size(2) * x.size(3) <= 16;
  }
};

/// Convolution without bias + batch normalisation (+ ReLU), parameters named by their owner.
struct ConvNorm {
  Tensor weight, norm_weight, norm_bias, mean, variance, count;
  std::int64_t stride = 1, padding = 0;
  bool folded = false;

  /// The normalisation of evaluation, put into the convolution: norm_bias is its bias from then on.
  void fold() {
    const Tensor scale = norm_weight / at::sqrt(variance + 1e-5);
    norm_bias.set_data(norm_bias - mean * scale);
    weight.set_data((weight * scale.view({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast));
    folded = true;
  }

  Tensor operator()(const Tensor& x, bool training, bool relu) const {
    if (folded) {
      Tensor y = at::conv2d(x, as_type_of(weight, x), as_type_of(norm_bias, x), stride, padding);
      return relu ? y.relu_() : y;
    }
    Tensor y = SmallConvolution::suits(x, weight, stride) ? SmallConvolution::apply(x, weight, padding)
                                                          : at::conv2d(x, as_type_of(weight, x), {}, stride, padding);
    const bool again = recomputing();
    if (training && !again) const_cast<Tensor&>(count).add_(1);
    y = at::batch_norm(y, norm_weight, norm_bias, mean, variance, training, again ? 0.0 : 0.1, 1e-5, false);
    return relu ? at::relu(y) : y;
  }
};

ConvNorm conv_norm(torch::nn::Module& owner, const std::string& conv, const std::string& norm, std::int64_t in,
                   std::int64_t out, std::int64_t kernel, std::int64_t stride = 1, bool zero_gain = false) {
  auto c = owner.register_module(conv, std::make_shared<NamedParameters>());
  auto n = owner.register_module(norm, std::make_shared<NamedParameters>());
  ConvNorm layer;
  layer.weight = c->register_parameter(
      "weight",
      default_uniform({out, in, kernel, kernel}, in * kernel * kernel).contiguous(at::MemoryFormat::ChannelsLast));
  layer.norm_weight = n->register_parameter("weight", zero_gain ? torch::zeros({out}) : torch::ones({out}));
  layer.norm_bias = n->register_parameter("bias", torch::zeros({out}));
  layer.mean = n->register_buffer("running_mean", torch::zeros({out}));
  layer.variance = n->register_buffer("running_var", torch::ones({out}));
  layer.count = n->register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64));
  layer.stride = stride, layer.padding = kernel / 2;
  return layer;
}

class Bottleneck : public torch::nn::Module {
 public:
  Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride) : stride_(stride) {
    conv1_ = conv_norm(*this, "conv1", "bn1", in, planes, 1);
    conv2_ = conv_norm(*this, "conv2", "bn2", planes, planes, 3);
    conv3_ = conv_norm(*this, "conv3", "bn3", planes, 4 * planes, 1, 1, /*zero_gain=*/true);
    if (stride > 1 || in != 4 * planes) {
      auto downsample = register_module("downsample", std::make_shared<NamedParameters>());
      shortcut_ = conv_norm(*downsample, "0", "1", in, 4 * planes, 1);
      has_shortcut_ = true;
    }
  }

  Tensor forward(const Tensor& x) {
    Tensor y = conv2_(conv1_(x, is_training(), true), is_training(), true);
    if (stride_ > 1) y = at::avg_pool2d(y, stride_);
    y = conv3_(y, is_training(), false);
    Tensor identity = x;
    if (has_shortcut_) identity = shortcut_(stride_ > 1 ? at::avg_pool2d(x, stride_) : x, is_training(), false);
    return torch::GradMode::is_enabled() ? at::relu(y + identity) : y.add_(identity).relu_();
  }

  void fold() {
    conv1_.fold(), conv2_.fold(), conv3_.fold();
    if (has_shortcut_) shortcut_.fold();
  }

 private:
  std::int64_t stride_;
  bool has_shortcut_ = false;
  ConvNorm conv1_, conv2_, conv3_, shortcut_;
};

class ModifiedResNet : public VisionTowerImpl {
 public:
  explicit ModifiedResNet(const Architecture& a) : heads_(32 * a.vision_width / a.head_width) {
    const std::int64_t w = a.vision_width;
    stem_ = {conv_norm(*this, "conv1", "bn1", 3, w / 2, 3, 2), conv_norm(*this, "conv2", "bn2", w / 2, w / 2, 3),
             conv_norm(*this, "conv3", "bn3", w / 2, w, 3)};
    std::int64_t in = w;
    for (int stage = 0; stage < 4; ++stage) {
      auto layer = register_module("layer" + std::to_string(stage + 1), std::make_shared<NamedParameters>());
      const std::int64_t planes = w << stage;
      for (int block = 0; block < a.vision_layers[stage]; ++block) {
        const std::int64_t stride = block == 0 && stage > 0 ? 2 : 1;
        blocks_.push_back(
            layer->register_module(std::to_string(block), std::make_shared<Bottleneck>(in, planes, stride)));
        in = 4 * planes;
      }
    }
    auto pool = register_module("attnpool", std::make_shared<NamedParameters>());
    const std::int64_t grid = a.resolution / 32;
    const double std = 1.0 / std::sqrt(static_cast<double>(in));
    position_ = pool->register_parameter("positional_embedding", normal_values({grid * grid + 1, in}, std));
    const auto linear = [&](const std::string& name, std::int64_t out, Tensor& weight, Tensor& bias) {
      auto layer = pool->register_module(name, std::make_shared<NamedParameters>());
      weight = layer->register_parameter("weight", normal_values({out, in}, std));
      bias = layer->register_parameter("bias", default_uniform({out}, in));
    };
    linear("k_proj", in, k_weight_, k_bias_), linear("q_proj", in, q_weight_, q_bias_);
    linear("v_proj", in, v_weight_, v_bias_), linear("c_proj", a.embed_dim, c_weight_, c_bias_);
  }

  Tensor trunk(Tensor x) override {
    x = x.contiguous(at::MemoryFormat::ChannelsLast);
    for (const ConvNorm& layer : stem_) x = layer(x, is_training(), true);
    x = at::avg_pool2d(x, 2);
    for (auto& block : blocks_) {
      const auto run = [block](const Tensor& in) { return block->forward(in); };
      x = recompute_ && torch::GradMode::is_enabled() ? recomputed(run, x) : run(x);
    }
    return attention_pool(x);
  }

  Tensor project(Tensor trunk) override { return trunk; }

  void fold() override {
    for (ConvNorm& layer : stem_) layer.fold();
    for (auto& block : blocks_) block->fold();
  }

  void set_recompute(bool on) override { recompute_ = on; }

 private:
  /// [B, C, h, w] -> [B, E]: one query, the mean token, attends to all (AttentionPool2d).
  Tensor attention_pool(Tensor x) const {
    const auto B = x.size(0), C = x.size(1);
    x = x.flatten(2).transpose(1, 2);  // [B,C,h,w] -> [B,h*w,C]
    x = torch::cat({x.mean(1, true), x}, 1) + as_type_of(position_, x);
    const auto split = [&](const Tensor& y) { return y.view({B, y.size(1), heads_, C / heads_}).transpose(1, 2); };
    Tensor y = at::scaled_dot_product_attention(split(apply_linear(x.narrow(1, 0, 1), q_weight_, q_bias_)),
                                                split(apply_linear(x, k_weight_, k_bias_)),
                                                split(apply_linear(x, v_weight_, v_bias_)));
    return apply_linear(y.transpose(1, 2).reshape({B, C}), c_weight_, c_bias_);  // [B,H,1,C/H] -> [B,C] -> [B,E]
  }

  std::int64_t heads_;
  bool recompute_ = false;
  std::vector<ConvNorm> stem_;
  std::vector<std::shared_ptr<Bottleneck>> blocks_;
  Tensor position_, k_weight_, k_bias_, q_weight_, q_bias_, v_weight_, v_bias_, c_weight_, c_bias_;
};

std::shared_ptr<VisionTowerImpl> make(const Architecture& architecture) {
  return std::make_shared<ModifiedResNet>(architecture);
}

const bool registered = register_towers("resnet", {make});

}  // namespace
}  // namespace cliplab
