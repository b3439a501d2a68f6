// CLIP with a modified ResNet (paper 2.4 and Table 19; openai/CLIP model.py `ModifiedResNet`, `build_model`):
// three-layer stem, anti-aliased strides, attention pooling.
#include <fmt/format.h>

#include "base/error.hpp"
#include "model/family.hpp"
#include "model/files/clip_names.hpp"

namespace cliplab {
namespace {

Architecture sizes(std::string name, int embed, int resolution, int width, std::array<int, 4> layers, int text_width,
                   int text_layers = 12) {
  Architecture a;
  a.name = std::move(name), a.family = "resnet", a.embed_dim = embed, a.resolution = resolution;
  a.vision_width = width, a.vision_layers = layers;
  a.text_width = text_width, a.text_layers = text_layers;
  return a;
}

class ModifiedResNetClip : public ModelFamily {
 public:
  std::string name() const override { return "resnet"; }

  std::vector<NamedSize> named_sizes() const override {
    return {{sizes("RN50", 1024, 224, 64, {3, 4, 6, 3}, 512), 5e-4},
            {sizes("RN101", 512, 224, 64, {3, 4, 23, 3}, 512), 5e-4},
            {sizes("RN50x4", 640, 288, 80, {4, 6, 10, 6}, 640), 5e-4},
            {sizes("RN50x16", 768, 384, 96, {6, 8, 18, 8}, 768), 4e-4},
            {sizes("RN50x64", 1024, 448, 128, {3, 15, 36, 10}, 1024), 3.6e-4},
            // "test" trains in seconds; xs, s, m are the points of the small scaling study.
            {for_small_runs(sizes("rn-test", 64, 32, 8, {1, 1, 1, 1}, 64, 2))},
            {for_small_runs(sizes("rn-xs", 128, 32, 16, {1, 1, 1, 1}, 128, 2))},
            {for_small_runs(sizes("rn-s", 192, 32, 32, {1, 1, 1, 1}, 128, 3))},
            {for_small_runs(sizes("rn-w", 1024, 32, 32, {1, 1, 1, 1}, 128, 3))},  // rn-s with as many features as RN50
            {for_small_runs(sizes("rn-p", 256, 64, 32, {1, 1, 1, 1}, 256, 3))},   // for photos
            {for_small_runs(sizes("rn-m", 256, 32, 48, {1, 2, 2, 1}, 192, 3))}};
  }

  std::string describe(const Architecture& a) const override {
    return fmt::format("ResNet {}x{}@{}", fmt::join(a.vision_layers, ","), a.vision_width, a.resolution);
  }

  void check(const Architecture& a, const std::string& where) const override {
    if (a.resolution % 32) fail(where, fmt::format("resolution {}", a.resolution), "a multiple of 32");
  }

  int attention_width(const Architecture& a) const override { return 32 * a.vision_width; }
  /// The output of the attention pool, whose last layer is the projection.
  int trunk_dim(const Architecture& a) const override { return a.embed_dim; }

  double image_macs(const Architecture& a) const override {
    const double w = a.vision_width;
    double side = a.resolution / 2.0;
    double macs = side * side * (3 * 9 * w / 2 + w / 2 * 9 * w / 2 + w / 2 * 9 * w);  // three-layer stem
    side /= 2;
    double in = w;
    for (int stage = 0; stage < 4; ++stage) {
      const double planes = w * (1 << stage), out = 4 * planes;
      for (int block = 0; block < a.vision_layers[stage]; ++block) {
        const double out_side = block == 0 && stage > 0 ? side / 2 : side;
        macs += side * side * (in * planes + 9 * planes * planes) + out_side * out_side * planes * out;
        if (block == 0) macs += out_side * out_side * in * out;  // shortcut
        side = out_side, in = out;
      }
    }
    // Attention pool: the paper's 6.1 of RN50 hold all tokens as queries, of which the released tower keeps the first.
    const double T = side * side + 1;
    return macs + T * (3 * in * in + in * a.embed_dim) + 2 * T * T * in;
  }

  std::int64_t image_parameters(const Architecture& a) const override {
    const std::int64_t w = a.vision_width;
    std::int64_t count = 3 * 9 * (w / 2) + (w / 2) * 9 * (w / 2) + (w / 2) * 9 * w + 2 * (w / 2 + w / 2 + w);
    std::int64_t in = w;
    for (int stage = 0; stage < 4; ++stage) {
      const std::int64_t planes = w << stage, out = 4 * planes;
      for (int block = 0; block < a.vision_layers[stage]; ++block) {
        count += in * planes + 9 * planes * planes + planes * out + 2 * (planes + planes + out);
        if (block == 0) count += in * out + 2 * out;
        in = out;
      }
    }
    const std::int64_t grid = a.resolution / 32;
    return count + (grid * grid + 1) * in + 3 * (in * in + in) + in * a.embed_dim + a.embed_dim;
  }

  bool recognises(const StateDict& tensors) const override { return tensors.contains("visual.layer1.0.conv1.weight"); }

  void read(ClipState& state, const std::string& where) const override {
    use_openai_names(state, where);
    const TensorSizes tensors(state.tensors, where);
    Architecture a = clip_text_sizes(tensors);
    a.family = name();
    a.vision_width = tensors.at("visual.layer1.0.conv1.weight", 4, 0);
    for (int stage = 0; stage < 4; ++stage)
      a.vision_layers[stage] = tensors.count("visual.layer" + std::to_string(stage + 1) + ".");
    a.resolution = 32 * tensors.grid_behind_class("visual.attnpool.positional_embedding");
    check_has_blocks(a, where);
    state.architecture = a;
  }

  std::string released_as(const std::string& sha256) const override {  // openai/CLIP clip.py `_MODELS`
    if (sha256 == "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762") return "RN50";
    if (sha256 == "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599") return "RN101";
    if (sha256 == "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd") return "RN50x4";
    if (sha256 == "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa") return "RN50x16";
    if (sha256 == "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c") return "RN50x64";
    return {};
  }

  AdamWMoments adamw_moments() const override { return {0.9, 0.999, 1e-8}; }  // Table 18
  std::string image_positions() const override { return "visual.attnpool.positional_embedding"; }
};

CLIPLAB_REGISTER_FAMILY(ModifiedResNetClip);

}  // namespace
}  // namespace cliplab
