// CLIP with a vision transformer (paper 2.4 and Table 20; openai/CLIP model.py `VisionTransformer`, `build_model`).
#include <fmt/format.h>

#include "base/error.hpp"
#include "model/costs.hpp"
#include "model/family.hpp"
#include "model/files/clip_names.hpp"

namespace cliplab {
namespace {

Architecture sizes(std::string name, int embed, int resolution, int width, int patch, int layers, int text_width,
                   int text_layers = 12) {
  Architecture a;
  a.name = std::move(name), a.family = "vit", a.embed_dim = embed, a.resolution = resolution;
  a.vision_width = width, a.patch = patch, a.vision_layers = {layers, 0, 0, 0};
  a.text_width = text_width, a.text_layers = text_layers;
  return a;
}

class VisionTransformerClip : public ModelFamily {
 public:
  std::string name() const override { return "vit"; }

  std::vector<NamedSize> named_sizes() const override {
    return {{sizes("ViT-B/32", 512, 224, 768, 32, 12, 512), 5e-4},
            {sizes("ViT-B/16", 512, 224, 768, 16, 12, 512), 5e-4},
            {sizes("ViT-L/14", 768, 224, 1024, 14, 24, 768), 4e-4},
            {sizes("ViT-L/14@336", 768, 336, 1024, 14, 24, 768), 2e-5},
            // "test" trains in seconds; xs, s, m are the points of the small scaling study.
            {for_small_runs(sizes("vit-test", 64, 32, 64, 8, 2, 64, 2))},
            {for_small_runs(sizes("vit-xs", 128, 32, 96, 8, 3, 128, 2))},
            {for_small_runs(sizes("vit-s", 128, 32, 128, 4, 4, 128, 3))},
            {for_small_runs(sizes("vit-m", 192, 32, 192, 4, 6, 192, 3))}};
  }

  std::string describe(const Architecture& a) const override {
    return fmt::format("ViT {}x{}/{}@{}", a.vision_width, a.vision_layers[0], a.patch, a.resolution);
  }

  void check(const Architecture& a, const std::string& where) const override {
    if (a.patch == 0 || a.resolution % a.patch)
      fail(where, fmt::format("resolution {}", a.resolution), fmt::format("a multiple of the patch, {}", a.patch));
  }

  int attention_width(const Architecture& a) const override { return a.vision_width; }
  int trunk_dim(const Architecture& a) const override { return a.vision_width; }  // before `proj` (appendix A.3)

  double image_macs(const Architecture& a) const override {
    const int side = a.resolution / a.patch;
    const double grid = side, T = grid * grid + 1, d = a.vision_width;
    return grid * grid * d * 3 * a.patch * a.patch + transformer_macs(a.vision_layers[0], d, a.vision_hidden(), T) +
           d * a.embed_dim;
  }

  std::int64_t image_parameters(const Architecture& a) const override {
    const std::int64_t grid = a.resolution / a.patch, d = a.vision_width;
    return d * 3 * a.patch * a.patch + d + (grid * grid + 1) * d + 4 * d +
           transformer_parameters(a.vision_layers[0], d, a.vision_hidden()) + d * a.embed_dim;
  }

  bool recognises(const StateDict& tensors) const override {
    return tensors.contains("visual.proj") || tensors.contains("visual_projection.weight") ||
           tensors.contains("vision_model.embeddings.class_embedding");
  }

  void read(ClipState& state, const std::string& where) const override {
    use_openai_names(state, where);
    const TensorSizes tensors(state.tensors, where);
    Architecture a = clip_text_sizes(tensors);
    a.family = name();
    a.vision_width = tensors.at("visual.conv1.weight", 4, 0), a.patch = tensors.at("visual.conv1.weight", 4, 3);
    a.vision_layers[0] = tensors.count("visual.transformer.resblocks.");
    a.resolution = a.patch * tensors.grid_behind_class("visual.positional_embedding");
    if (a.vision_layers[0] > 0)
      a.vision_mlp = hidden_width(tensors.at("visual.transformer.resblocks.0.mlp.c_fc.weight", 2, 0), a.vision_width);
    check_has_blocks(a, where);
    state.architecture = a;
  }

  std::string released_as(const std::string& sha256) const override {  // openai/CLIP clip.py `_MODELS`
    if (sha256 == "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af") return "ViT-B/32";
    if (sha256 == "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f") return "ViT-B/16";
    if (sha256 == "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836") return "ViT-L/14";
    if (sha256 == "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02") return "ViT-L/14@336px";
    return {};
  }

  std::string image_positions() const override { return "visual.positional_embedding"; }
};

CLIPLAB_REGISTER_FAMILY(VisionTransformerClip);

}  // namespace
}  // namespace cliplab
