// A checkpoint as a model: naming conventions, sizes from shapes, specifications, and refusals.
#include "model/files/clip_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <list>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "fuzz_inputs.hpp"
#include "model/files/clip_entries.hpp"

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

TEST_F(ClipFile, StatedFactsWinOverLikeAndFlagsOverBoth) {
  write(vit_shapes());
  write_file_atomically(folder_ / "open_clip_config.json",
                        R"({"model_cfg": {"vision_cfg": {"head_width": 64}, "text_cfg": {"width": 64, "heads": 1}}})");
  CheckpointSpec given;
  given.like = "openai";
  EXPECT_THAT(error(given), AllOf(HasSubstr("--model.like openai contradicts open_clip_config.json"),
                                  HasSubstr("activation (gelu, here quick_gelu)"), HasSubstr("which overrides")));
  given.quick_gelu = true;
  EXPECT_TRUE(read_clip(file_, given).architecture.quick_gelu) << "its own flag settles it";
  given = {};
  given.like = "open_clip";
  EXPECT_EQ(error(given), "no error") << "it says the same";
  fs::remove(folder_ / "open_clip_config.json");
  EXPECT_FALSE(read_clip(file_, given).architecture.quick_gelu) << "it fills what nothing states";
}

TEST_F(ClipFile, AConfigurationOfOtherSizesIsRefused) {
  write(vit_shapes());
  for (const auto& [size, message] : std::map<std::string, std::string>{
           {R"("vision_cfg": {"layers": 12})", "layers = 12, expected the tensors' 2"},
           {R"("vision_cfg": {"image_size": 64})", "image_size = 64, expected the tensors' 32"},
           {R"("vision_cfg": {"width": 128, "mlp_ratio": 2})", "mlp_ratio = 256, expected the tensors' 512"},
           {R"("text_cfg": {"context_length": 64})", "context_length = 64, expected the tensors' 77"},
           {R"("embed_dim": 512)", "embed_dim = 512, expected the tensors' 16"}}) {
    write_file_atomically(folder_ / "open_clip_config.json", "{\"model_cfg\": {" + size + "}}");
    EXPECT_THAT(error(), AllOf(HasSubstr("open_clip_config.json"), HasSubstr(message)));
  }
}

TEST_F(ClipFile, WordsBehindClipsAreCutOff) {
  Shapes shapes = vit_shapes();
  shapes["token_embedding.weight"] = {49410, 1}, shapes["positional_embedding"] = {77, 1};
  shapes["text_projection"] = {1, 16}, shapes["transformer.resblocks.0.mlp.c_fc.weight"] = {4, 1};
  CheckpointSpec spec = spec_like("openai");
  spec.text_head_width = 1;
  write(shapes);
  const ClipState state = read_clip(file_, spec);
  EXPECT_EQ(state.architecture.vocab_size, 49408);
  EXPECT_EQ(state.tensors.at("token_embedding.weight").shape, (std::vector<std::int64_t>{49408, 1}));
  EXPECT_EQ(state.tensors.at("token_embedding.weight").bytes, 49408u * 4);
  write_file_atomically(folder_ / "vocab.json", R"({"!": 0, "!</w>": 256, "<|startoftext|>": 1, "<|endoftext|>": 2})");
  EXPECT_THAT(error(spec), HasSubstr("other words"));
  fs::remove(folder_ / "vocab.json");
  shapes["token_embedding.weight"] = {250100, 1};
  write(shapes);
  EXPECT_THAT(error(spec), AllOf(HasSubstr("a vocabulary of 250100"), HasSubstr("vocab.json")));
}

TEST(Wrappers, AreTakenOffInAnyOrder) {
  EXPECT_EQ(without_wrappers("module._orig_mod.visual.proj"), "visual.proj");
  EXPECT_EQ(without_wrappers("visual._orig_mod.module.proj"), "visual.proj");
  EXPECT_EQ(without_wrappers("model.visual.proj"), "model.visual.proj");
  EXPECT_EQ(without_wrappers("model.visual.proj", true), "visual.proj");
  EXPECT_EQ(without_wrappers("vision_model.modules.x"), "vision_model.modules.x");
}

TEST(ClipFinder, UsualWordsCountBeforeOthersAndAveragesLast) {
  const std::vector<std::string> names{"visual.proj", "token_embedding.weight"};
  const auto chosen = [&](std::vector<std::string> paths, const std::string& wanted = {}) {
    std::vector<CheckpointEntry> entries{{"optimizer", {"0.exp_avg"}}};
    for (const std::string& path : paths) entries.push_back({path, names});
    try {
      return entries[ClipFinder(wanted, "x.pt").choose(entries)].path;
    } catch (const InputError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(chosen({"ema", "state_dict"}), "state_dict");
  EXPECT_EQ(chosen({"ema", "student"}), "student");
  EXPECT_EQ(chosen({"ema"}), "ema");
  EXPECT_EQ(chosen({"ema", "state_dict"}, "ema"), "ema");
  EXPECT_THAT(chosen({"a", "b"}), HasSubstr("several models: 'a', 'b'"));
  EXPECT_THAT(chosen({"state_dict", "model"}), HasSubstr("--model.entry"));
  EXPECT_THAT(chosen({"ema"}, "teacher"), HasSubstr("no model at 'teacher', expected 'ema'"));
}

/// Each configuration of a release, changed at random, is taken or refused in one line.
TEST_F(ClipFile, MutatedConfigurationsAreReadOrRefused) {
  write(vit_shapes());
  const std::vector<std::pair<std::string, std::string>> wholes{
      {"open_clip_config.json",
       R"({"model_cfg": {"embed_dim": 16, "quick_gelu": true, "vision_cfg": {"layers": 2, "head_width": 64, "image_size": [32, 32],
      "norm_kwargs": {"eps": 1e-6}, "act_kwargs": {}}, "text_cfg": {"width": 64, "heads": 1, "tokenizer_kwargs": {"clean": "lower"}}},
      "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": 0.5, "resize_mode": "longest", "fill_color": 7}})"},
      {"config.json",
       R"({"model_type": "clip", "text_config": {"hidden_size": 64, "num_attention_heads": 1, "layer_norm_eps": 1e-5, "eos_token_id": 2},
      "vision_config": {"hidden_size": 128, "hidden_act": "gelu", "image_size": 32, "pruned_heads": {}}, "projection_dim": 16})"},
      {"processor_config.json",
       R"({"image_processor": {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}, "resample": 3, "do_pad": null,
      "rescale_factor": 0.00392156862745098, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}})"},
      {"tokenizer.json",
       R"({"model": {"vocab": {"!": 0, "!</w>": 256, "<|startoftext|>": 49406, "<|endoftext|>": 49407}}})"}};
  const std::vector<std::string> pieces{"null", "-1",   "1e999", "{}",  "[",       "\"",
                                        ",",    "true", "[[]]",  "0.5", "\\u0000", "\xff"};
  Rng rng(23);
  int taken = 0;
  const int inputs = fuzz_inputs(2000);
  for (int i = 0; i < inputs; ++i) {
    fs::remove(folder_ / "open_clip_config.json");
    const std::size_t first = rng.below(2);  // open_clip's, or the three of transformers
    for (std::size_t k = first; k < (first == 0 ? 1 : wholes.size()); ++k) {
      std::string text = wholes[k].second;
      for (std::uint64_t edits = rng.below(4); edits > 0; --edits) {
        const std::size_t at = rng.below(text.size());
        if (rng.below(3) == 0)
          text[at] = static_cast<char>(rng.next());
        else if (rng.below(2) == 0)
          text.replace(at, rng.below(12), pieces[rng.below(pieces.size())]);
        else
          text.replace(at, 1, text.substr(rng.below(text.size()), 1 + rng.below(30)));
      }
      std::ofstream(folder_ / wholes[k].first, std::ios::binary | std::ios::trunc) << text;
    }
    const std::string message = error();
    taken += message == "no error";
    ASSERT_TRUE(message == "no error" || message.find(folder_.string()) != std::string::npos) << message;
    ASSERT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_GT(taken, inputs / 20);
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
