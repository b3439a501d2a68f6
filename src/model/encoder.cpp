// A CLIP model as the rest of the program sees it: pictures and captions in, feature rows out.
#include "model/encoder.hpp"

#include <dlfcn.h>
#include <torch/torch.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "data/preprocess.hpp"
#include "kernels/normalize.hpp"
#include "model/modules.hpp"
#include "model/tokenizer.hpp"
#include "model/weights.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

/// The device to compute on. CUDA's backend is a gigabyte of libraries: loaded only when it is asked for.
torch::Device open_device(const std::string& name) {
  if (name == "cpu") {
    at::set_num_threads(num_threads());
    return torch::kCPU;
  }
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr || !torch::cuda::is_available())
    fail("model.device", "'" + name + "' but no usable CUDA device or driver", "a CUDA device", "use --model.device cpu");
  return torch::kCUDA;
}

Matrix to_matrix(const Tensor& rows) {
  const Tensor cpu = rows.to(torch::kCPU, torch::kFloat32).contiguous();
  return Eigen::Map<const Matrix>(cpu.data_ptr<float>(), cpu.size(0), cpu.size(1));
}

Tensor unit_rows(const Tensor& rows) { return rows / rows.norm(2, 1, true); }

/// Weights that a bf16 pass casts anyway are converted once; norms, embeddings and the temperature stay fp32
/// (openai/CLIP `convert_weights`).
void convert_weights(Clip& model, torch::ScalarType type) {
  for (auto& item : model->named_parameters()) {
    const std::string& name = item.key();
    const bool keep = name.find("ln_") != std::string::npos || name.find("bn") != std::string::npos ||
                      name.find("downsample.1") != std::string::npos || name.find("embedding") != std::string::npos ||
                      name == "logit_scale";
    if (!keep) item.value().set_data(item.value().to(type));
  }
  model->set_compute_type(type);
}

class TorchImageEncoder : public ImageEncoder {
 public:
  TorchImageEncoder(Clip model, std::string id, torch::Device device)
      : model_(std::move(model)), id_(std::move(id)), device_(device) {}
  std::string id() const override { return id_; }

  Matrix encode(std::span<const Image> images, Space space) override {
    const c10::InferenceMode inference;
    const int side = model_->architecture().resolution;
    const std::int64_t total = std::ssize(images), step = std::clamp<std::int64_t>(256 * 1024 / (side * side), 16, 256);
    const int width = space == Space::kTrunk ? model_->architecture().trunk_dim() : model_->architecture().embed_dim;
    Matrix features(total, width);
    static const NormalizeTable table = make_normalize_table(Normalization{}.mean, Normalization{}.std);
    for (std::int64_t begin = 0; begin < total; begin += step) {
      const std::int64_t count = std::min(step, total - begin);
      Tensor pixels = torch::empty({count, 3, side, side});
      float* out = pixels.data_ptr<float>();
      parallel_for(count, [&](std::int64_t i) {
        const Image image = clip_transform(images[begin + i], side);
        normalize_cpu(image.pixels.data(), 1, side, table, out + i * 3 * side * side);
      });
      pixels = pixels.to(device_);
      const Tensor rows = space == Space::kTrunk ? model_->image_trunk(pixels) : unit_rows(model_->encode_image(pixels));
      features.middleRows(begin, count) = to_matrix(rows);
    }
    return features;
  }

 private:
  Clip model_;
  std::string id_;
  torch::Device device_;
};

class TorchTextEncoder : public TextEncoder {
 public:
  TorchTextEncoder(Clip model, std::string id, torch::Device device)
      : model_(std::move(model)), id_(std::move(id)), device_(device) {}
  std::string id() const override { return id_; }

  Matrix encode(std::span<const std::string> texts) override {
    const c10::InferenceMode inference;
    std::vector<std::vector<std::int32_t>> tokens;
    for (const std::string& text : texts) tokens.push_back(tokenizer_.encode(text, model_->architecture().context_length));
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
    return features;
  }

 private:
  Clip model_;
  std::string id_;
  torch::Device device_;
  Tokenizer tokenizer_;
};

class TorchClipModel : public ClipModel {
 public:
  TorchClipModel(Clip model, const std::string& weights_id, const ModelOptions& options) {
    const Architecture& a = model->architecture();
    const torch::Device device = open_device(options.device);
    model->eval();
    if (options.precision == "bf16") convert_weights(model, torch::kBFloat16);
    model->to(device);
    info_ = {a.name, a.name, a.family, weights_id, a.resolution, image_gflops(a), text_gflops(a),
             static_cast<double>(parameter_count(a)), std::exp(model->logit_scale.item<float>())};
    const std::string id = a.name + "@" + weights_id + "/" + options.precision;
    image_ = std::make_unique<TorchImageEncoder>(model, id + "/bicubic-crop", device);
    text_ = std::make_unique<TorchTextEncoder>(model, id, device);
  }
  const ModelInfo& info() const override { return info_; }
  ImageEncoder& image() override { return *image_; }
  TextEncoder& text() override { return *text_; }

 private:
  ModelInfo info_;
  std::unique_ptr<ImageEncoder> image_;
  std::unique_ptr<TextEncoder> text_;
};

}  // namespace

std::unique_ptr<ClipModel> open_clip_model(const std::filesystem::path& file, const ModelOptions& options) {
  const SafetensorsFile archive(file);
  Clip model(from_metadata(archive.metadata(), file.string()));
  auto state = named_state(*model);
  load_state(archive.tensors(), "", state, file.string());
  return std::make_unique<TorchClipModel>(model, sha256_file(file).substr(0, 16), options);
}

std::unique_ptr<ClipModel> untrained_clip_model(const std::string& architecture, std::uint64_t seed,
                                                const ModelOptions& options) {
  torch::manual_seed(seed);
  return std::make_unique<TorchClipModel>(Clip(find_architecture(architecture)), "untrained-" + std::to_string(seed), options);
}

}  // namespace cliplab
