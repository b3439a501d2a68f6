// A checkpoint as a model: naming conventions, sizes from shapes, specifications, and refusals.
#include "model/files/clip_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <list>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// A ViT 128 wide, 2 blocks, patch 8, 32 pixels; text 64 wide, 1 block; joint space of 16.
Shapes vit_shapes() {
  Shapes shapes{{"visual.class_embedding", {128}},
                {"visual.positional_embedding", {17, 128}},
                {"visual.conv1.weight", {128, 3, 8, 8}},
                {"visual.proj", {128, 16}},
                {"positional_embedding", {77, 64}},
                {"token_embedding.weight", {32, 64}},
                {"text_projection", {64, 16}},
                {"logit_scale", {}},
                {"ln_final.weight", {64}}};
  const auto block = [&](const std::string& prefix, std::int64_t d) {
    shapes[prefix + "attn.in_proj_weight"] = {3 * d, d};
    shapes[prefix + "mlp.c_fc.weight"] = {4 * d, d};
  };
  block("visual.transformer.resblocks.0.", 128), block("visual.transformer.resblocks.1.", 128);
  block("transformer.resblocks.0.", 64);
  return shapes;
}

class ClipFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("cliplab_clip_state_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "model.safetensors";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Every element is its index in the tensor, so that moved parts are known again.
  void write(const Shapes& shapes, const std::map<std::string, std::string>& metadata = {}) {
    std::list<std::vector<float>> values;
    std::map<std::string, TensorBytes> tensors;
    for (const auto& [name, shape] : shapes) {
      std::int64_t count = 1;
      for (const std::int64_t side : shape) count *= side;
      auto& data = values.emplace_back(count);
      for (std::int64_t i = 0; i < count; ++i) data[i] = static_cast<float>(i);
      tensors[name] = {"F32", shape, reinterpret_cast<const char*>(data.data()), data.size() * 4};
    }
    write_safetensors(file_, tensors, metadata);
  }
  std::string error(const CheckpointSpec& spec = {}) {
    try {
      read_clip(file_, spec);
    } catch (const InputError& e) {
      return e.what();
    }
    return "no error";
  }
  static float value(const TensorBytes& tensor, std::size_t index) {
    float result;
    std::memcpy(&result, tensor.data + 4 * index, 4);
    return result;
  }

  fs::path folder_, file_;
};

TEST_F(ClipFile, SizesComeFromTheTensors) {
  write(vit_shapes());
  const ClipState state = read_clip(file_, spec_like("openai"));
  const Architecture& a = state.architecture;
  EXPECT_EQ(a.family, "vit");
  EXPECT_EQ(a.vision_width, 128);
  EXPECT_EQ(a.vision_layers[0], 2);
  EXPECT_EQ(a.patch, 8);
  EXPECT_EQ(a.resolution, 32);
  EXPECT_EQ(a.embed_dim, 16);
  EXPECT_EQ(a.text_width, 64);
  EXPECT_EQ(a.text_layers, 1);
  EXPECT_EQ(a.vision_heads(), 2);
  EXPECT_TRUE(a.quick_gelu);
  EXPECT_EQ(a.name, "ViT 128x2/8@32");
  EXPECT_EQ(state.naming, "openai");
}

TEST_F(ClipFile, ResNetSizesComeFromTheTensors) {
  Shapes shapes = vit_shapes();
  std::erase_if(shapes, [](const auto& item) { return item.first.starts_with("visual."); });
  shapes["visual.layer1.0.conv1.weight"] = {64, 64, 1, 1};
  for (const char* block : {"1.1", "1.2", "2.0", "3.0", "4.0"})
    shapes["visual.layer" + std::string(block) + ".conv1.weight"] = {1};
  shapes["visual.attnpool.positional_embedding"] = {50, 2048};
  write(shapes);
  const Architecture a = read_clip(file_, spec_like("openai")).architecture;
  EXPECT_EQ(a.family, "resnet");
  EXPECT_EQ(a.vision_layers, (std::array<int, 4>{3, 1, 1, 1}));
  EXPECT_EQ(a.resolution, 224);
  EXPECT_EQ(a.vision_heads(), 32);
}

TEST_F(ClipFile, WrappersAndCustomTextNamesAreTakenOff) {
  for (const std::string prefix : {"module.", "_orig_mod.", "module._orig_mod."}) {
    Shapes wrapped;
    for (const auto& [name, shape] : vit_shapes()) {
      const bool text = !name.starts_with("visual.") && name != "logit_scale";
      wrapped[prefix + (text ? "text." : "") + name] = shape;
    }
    wrapped[prefix + "text.attn_mask"] = {77, 77};
    write(wrapped);
    const ClipState state = read_clip(file_, spec_like("open_clip"));
    EXPECT_TRUE(state.tensors.contains("transformer.resblocks.0.attn.in_proj_weight")) << prefix;
    EXPECT_EQ(state.naming, "open_clip, custom text");
    EXPECT_EQ(state.ignored, (std::vector<std::string>{"attn_mask"}));
    EXPECT_FALSE(state.architecture.quick_gelu);
  }
}

TEST_F(ClipFile, HuggingFaceNamesAreStackedAndTransposed) {
  Shapes shapes{{"logit_scale", {}},
                {"text_projection.weight", {2, 64}},
                {"visual_projection.weight", {2, 128}},
                {"text_model.embeddings.token_embedding.weight", {32, 64}},
                {"text_model.embeddings.position_embedding.weight", {77, 64}},
                {"text_model.embeddings.position_ids", {1, 77}},
                {"vision_model.embeddings.patch_embedding.weight", {128, 3, 8, 8}},
                {"vision_model.embeddings.position_embedding.weight", {17, 128}},
                {"vision_model.pre_layrnorm.weight", {128}}};
  for (const auto& [tower, d] : {std::pair<std::string, std::int64_t>{"text_model.encoder.layers.0.", 64},
                                 {"vision_model.encoder.layers.0.", 128}}) {
    for (const char* which : {"q", "k", "v"}) shapes[tower + "self_attn." + which + "_proj.weight"] = {d, d};
    shapes[tower + "mlp.fc1.weight"] = {4 * d, d};
  }
  write(shapes);
  write_file_atomically(folder_ / "config.json",
                        R"({"model_type": "clip", "text_config": {"hidden_size": 64, "num_attention_heads": 2},
    "vision_config": {"hidden_size": 128, "num_attention_heads": 4, "hidden_act": "quick_gelu"}})");
  EXPECT_THAT(error(), HasSubstr("pixel statistics")) << "without preprocessor_config.json";
  write_file_atomically(
      folder_ / "preprocessor_config.json",
      R"({"image_mean": [0.5, 0.25, 0.125], "image_std": [1, 1, 0.5], "resample": 2, "size": {"shortest_edge": 32}})");
  const ClipState state = read_clip(file_);
  EXPECT_EQ(state.naming, "Hugging Face");
  EXPECT_EQ(state.architecture.vision_heads(), 4);
  EXPECT_EQ(state.architecture.text_heads(), 2);
  EXPECT_EQ((*state.spec.mean)[2], 0.125f);
  EXPECT_EQ(*state.spec.interpolation, "bilinear");
  const TensorBytes& stacked = state.tensors.at("transformer.resblocks.0.attn.in_proj_weight");
  EXPECT_EQ(stacked.shape, (std::vector<std::int64_t>{192, 64}));
  EXPECT_EQ(value(stacked, 64 * 64 + 5), 5) << "k behind q";
  const TensorBytes& projection = state.tensors.at("visual.proj");
  EXPECT_EQ(projection.shape, (std::vector<std::int64_t>{128, 2}));
  EXPECT_EQ(value(projection, 1), 128) << "row 0, column 1 was row 1, column 0";
  EXPECT_EQ(state.ignored.size(), 1u);
}

TEST_F(ClipFile, AGuessIsRefusedWithTheFlagsThatSettleIt) {
  write(vit_shapes());
  EXPECT_THAT(error(), AllOf(HasSubstr("activation (--model.activation)"), HasSubstr("head width"),
                             HasSubstr("--model.like openai")));
  CheckpointSpec spec;
  spec.quick_gelu = true, spec.vision_head_width = spec.text_head_width = 32;
  EXPECT_THAT(error(spec), AllOf(HasSubstr("pixel statistics"), HasSubstr("resize rule")));
  spec.vision_head_width = 48;
  spec.fill_from(spec_like("openai"));
  EXPECT_THAT(error(spec), HasSubstr("divisors of the towers' widths 128 and 64"));
}

TEST_F(ClipFile, OpenClipsConfigurationIsTaken) {
  write(vit_shapes());
  write_file_atomically(folder_ / "open_clip_config.json",
                        R"({"model_cfg": {"embed_dim": 16, "quick_gelu": true, "vision_cfg": {"head_width": 32},
    "text_cfg": {"width": 64, "heads": 1}}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "resize_mode": "squash"}})");
  const ClipState state = read_clip(file_);
  EXPECT_TRUE(state.architecture.quick_gelu);
  EXPECT_EQ(state.architecture.vision_heads(), 4);
  EXPECT_EQ(state.architecture.text_heads(), 1);
  EXPECT_EQ(*state.spec.resize_mode, "squash");
  CheckpointSpec flags;
  flags.quick_gelu = false;
  EXPECT_FALSE(read_clip(file_, flags).architecture.quick_gelu) << "a flag counts more";
  for (const auto& [bad, message] : std::map<std::string, std::string>{
           {R"({"model_cfg": {"text_cfg": {"no_causal_mask": true}}})", "no_causal_mask = true"},
           {R"({"model_cfg": {"vision_cfg": {"timm_model_name": "vit"}}})", "timm_model_name"},
           {R"({"model_cfg": {"quick_gelu": 1}})", "quick_gelu = 1"},
           {R"({"model_cfg": {}, "preprocess_cfg": {"mean": [0.5]}})", "three numbers"},
           {R"({"model_cfg": {}, "preprocess_cfg": {"interpolation": "nearest"}})", "bicubic, bilinear"},
           {R"([1, 2])", "no JSON object"},
           {R"({"model_cfg": )", "no JSON object"}}) {
    write_file_atomically(folder_ / "open_clip_config.json", bad);
    EXPECT_THAT(error(), AllOf(HasSubstr("open_clip_config.json"), HasSubstr(message))) << bad;
  }
}

TEST_F(ClipFile, WhatIsNoClipModelSaysWhatItIs) {
  write({{"fc.weight", {10, 10}}});
  EXPECT_THAT(error(), AllOf(HasSubstr("tensors of no known family, expected resnet, "), HasSubstr("fc.weight")));
  Shapes shapes = vit_shapes();
  shapes.erase("text_projection");
  write(shapes);
  EXPECT_THAT(error(), AllOf(HasSubstr("no tensor 'text_projection'"), HasSubstr("its 14 tensors begin with ")));
  shapes = vit_shapes();
  shapes["visual.positional_embedding"] = {18, 128};
  write(shapes);
  EXPECT_THAT(error(), HasSubstr("with 18 positions, expected 1 + a square number"));
  shapes = vit_shapes();
  shapes.erase("visual.transformer.resblocks.0.attn.in_proj_weight"),
      shapes.erase("visual.transformer.resblocks.0.mlp.c_fc.weight");
  write(shapes);
  EXPECT_THAT(error(), HasSubstr("none numbered 0"));
  shapes = vit_shapes();
  shapes["visual.conv1.weight"] = {128, 3, 8};
  write(shapes);
  EXPECT_THAT(error(), HasSubstr("'visual.conv1.weight' of shape [128, 3, 8]"));
}

TEST(ReleasedModel, KnowsTheNineByTheirHash) {
  EXPECT_EQ(released_model("40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"), "ViT-B/32");
  EXPECT_EQ(released_model("0"), "");
}

}  // namespace
}  // namespace cliplab
