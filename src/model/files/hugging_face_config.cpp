// config.json, processor_config.json and preprocessor_config.json of transformers. Which keys there are, what they
// default to and what they do: transformers 5.23 configuration_clip.py, modeling_clip.py, image_processing_clip.py,
// image_processing_backends.py; the keys of every configuration are those that versions 4 write.
#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "model/files/checkpoint_spec.hpp"
#include "model/files/json_config.hpp"
#include "model/files/stated_sizes.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using HfConfig = JsonConfig::Object;

constexpr std::string_view kTopKeys =
    "text_config vision_config text_config_dict vision_config_dict projection_dim logit_scale_init_value";
constexpr std::string_view kBothTowers =
    "hidden_size intermediate_size num_hidden_layers num_attention_heads hidden_act layer_norm_eps";
constexpr std::string_view kOfVision = "num_channels image_size patch_size";
constexpr std::string_view kOfText = "vocab_size max_position_embeddings bos_token_id eos_token_id pad_token_id";
/// `projection_dim` of a tower is of that tower alone; dropout and initial values act in training; padding comes after
/// the end of text, where the causal mask hides it.
constexpr std::string_view kWithoutEffect =
    "projection_dim attention_dropout dropout initializer_range initializer_factor bos_token_id pad_token_id "
    "eos_token_id sep_token_id";
/// Of PretrainedConfig: bookkeeping, types of storage, generation of text, outputs of another form than features, and
/// parts that CLIP's towers do not have.
constexpr std::string_view kOfEveryConfig =
    "_name_or_path _commit_hash _attn_implementation attn_implementation _attn_implementation_autoset "
    "_diffusers_version "
    "transformers_version architectures model_type torch_dtype dtype "
    "add_cross_attention bad_words_ids begin_suppress_tokens chunk_size_feed_forward cross_attention_hidden_size "
    "decoder_start_token_id diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size "
    "exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id id2label is_decoder "
    "is_encoder_decoder label2id length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams "
    "num_return_sequences output_attentions output_hidden_states output_scores prefix problem_type pruned_heads "
    "remove_invalid_values repetition_penalty return_dict return_dict_in_generate suppress_tokens "
    "task_specific_params temperature tf_legacy_loss tie_encoder_decoder tie_word_embeddings tokenizer_class top_k "
    "top_p torchscript typical_p use_bfloat16 use_cache";
/// A null for one of these means "no" or is an error; it does not mean the default.
constexpr std::string_view kProcessorSteps =
    "do_resize size resample do_center_crop crop_size do_rescale rescale_factor do_normalize image_mean image_std "
    "do_convert_rgb";
constexpr std::string_view kProcessorKeys =
    "do_pad default_to_square use_square_size image_processor_type feature_extractor_type";
/// Names, and the form in which transformers takes and gives pictures.
constexpr std::string_view kProcessorWithoutEffect =
    "processor_class _valid_processor_keys _processor_class data_format input_data_format device return_tensors "
    "disable_grouping image_seq_length";

/// The part of a tower. `<part>_dict`, which old files have, is complete with its defaults and counts more
/// (CLIPConfig.__post_init__).
HfConfig tower_of(const HfConfig& top, const std::string& part) {
  return top.is_object(part + "_dict") ? top.inner(part + "_dict") : top.inner(part);
}

/// -> the width of a head.
int read_hf_tower(CheckpointSpec& spec, const HfConfig& tower, const std::string& name, int default_width,
                  int default_heads) {
  tower.refuse_nulls({kBothTowers, kOfVision, "vocab_size max_position_embeddings eos_token_id"});
  const std::string activation = tower.word("hidden_act", "quick_gelu", {"quick_gelu", "gelu"});
  const bool quick = activation == "quick_gelu";
  if (spec.quick_gelu && *spec.quick_gelu != quick) tower.refuse("hidden_act", "one activation for both towers");
  spec.quick_gelu = quick;
  if (tower.has("pruned_heads") && !tower.object()["pruned_heads"].empty()) tower.refuse("pruned_heads", "none");
  const int width = tower.integer("hidden_size", default_width, 1, 8192),
            heads = tower.integer("num_attention_heads", default_heads, 1, 1024);
  if (width % heads != 0) tower.refuse("num_attention_heads", fmt::format("a divisor of the width {}", width));
  state_integer(spec, tower, "hidden_size", name + "_width"),
      state_integer(spec, tower, "intermediate_size", name + "_hidden");
  state_integer(spec, tower, "num_hidden_layers", name == "text" ? "text_layers" : "vision_layers_0");
  tower.refuse_others({kBothTowers, name == "text" ? kOfText : kOfVision, kWithoutEffect, kOfEveryConfig});
  return width / heads;
}

/// {"height": H, "width": H}, H, or [H, H] -> H; 0 for another form.
int square_of(const HfConfig& pixels, const char* key) {
  if (!pixels.is_object(key)) return pixels.side(key);
  const HfConfig size = pixels.inner(key);
  size.refuse_others({"height width"});
  const int height = size.integer("height", 0, 1, 4096);
  return height == size.integer("width", 0, 1, 4096) ? height : 0;
}

void read_sizes(CheckpointSpec& spec, const HfConfig& pixels) {
  pixels.refuse_unless("do_resize", true);
  pixels.refuse_unless("use_square_size", false), pixels.refuse_unless("default_to_square", false);
  const bool crops = pixels.flag("do_center_crop", true);
  const int crop = crops && pixels.has("crop_size") ? square_of(pixels, "crop_size") : 0;
  if (crops && pixels.has("crop_size")) {
    if (crop == 0) pixels.refuse("crop_size", "a square");
    state_size(spec, pixels, "crop_size", "resolution", crop);
  }
  int side = 224;  // CLIPImageProcessor's
  spec.resize_mode = "shortest";
  if (pixels.is_object("size") && pixels.inner("size").has("shortest_edge")) {
    const HfConfig size = pixels.inner("size");
    size.refuse_others({"shortest_edge"});
    side = size.integer("shortest_edge", 0, 1, 4096);
  } else if (pixels.is_integer("size")) {
    side = pixels.integer("size", 0, 1, 4096);
  } else if (pixels.has("size")) {
    side = square_of(pixels, "size");
    if (side == 0) pixels.refuse("size", "a shortest_edge, or the height and width of a square");
    spec.resize_mode = "squash";
  }
  if (!crops && spec.resize_mode == "shortest")
    pixels.refuse("do_center_crop", "true where the size is a shortest_edge: pictures must become squares");
  if (!crops) state_size(spec, pixels, "size", "resolution", side);
  if (side < crop) pixels.refuse(pixels.has("size") ? "size" : "crop_size", "a resize to no less than the crop");
  spec.resize_to = side, spec.crop_rule = "down";
}

void read_processor(CheckpointSpec& spec, const HfConfig& pixels) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"})
    pixels.word(key, "CLIPImageProcessor",
                {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"});
  pixels.refuse_nulls({kProcessorSteps});
  read_sizes(spec, pixels);
  pixels.refuse_any({"do_pad"});
  pixels.refuse_unless("do_rescale", true), pixels.refuse_unless("do_convert_rgb", true);
  if (std::abs(pixels.real("rescale_factor", 1.0 / 255, 0, 1) * 255 - 1) > 1e-6)  // some write 1/255 in float32
    pixels.refuse("rescale_factor", "1/255");
  const int resample = pixels.integer("resample", 3, 0, 5);  // PIL.Image.Resampling
  if (resample != 2 && resample != 3) pixels.refuse("resample", "2 (bilinear) or 3 (bicubic)");
  spec.interpolation = resample == 3 ? "bicubic" : "bilinear", spec.convert_order = "white_first";
  spec.mean = pixels.has("image_mean") ? pixels.channels("image_mean") : Normalization{}.mean;
  spec.std = pixels.has("image_std") ? pixels.channels("image_std") : Normalization{}.std;
  if (!pixels.flag("do_normalize", true)) spec.mean = {0, 0, 0}, spec.std = {1, 1, 1};
  pixels.refuse_others({kProcessorSteps, kProcessorKeys, kProcessorWithoutEffect});
}

}  // namespace

CheckpointSpec spec_of_hugging_face(const fs::path& file) {
  const JsonConfig document(file);
  const HfConfig top = document.top();
  top.refuse_unless("model_type", "clip");
  const HfConfig vision = tower_of(top, "vision_config"), text = tower_of(top, "text_config");
  vision.refuse_unless("model_type", "clip_vision_model"), text.refuse_unless("model_type", "clip_text_model");
  CheckpointSpec spec;
  spec.origins = {file.filename().string()};
  spec.vision_head_width = read_hf_tower(spec, vision, "vision", 768, 12);
  spec.text_head_width = read_hf_tower(spec, text, "text", 512, 8);
  spec.vision_norm_eps = vision.real("layer_norm_eps", 1e-5, 0, 1);
  spec.text_norm_eps = text.real("layer_norm_eps", 1e-5, 0, 1);
  vision.refuse_unless("num_channels", 3);
  // The end of text is looked up by this id; 2 stands for the largest id of a text (CLIPTextModel.forward).
  if (const int end = text.integer("eos_token_id", 49407, 0, 1 << 20); end != 2 && end != 49407)
    text.refuse("eos_token_id", "49407, CLIP's end of text, or 2");
  state_side(spec, vision, "image_size", "resolution"), state_side(spec, vision, "patch_size", "patch");
  state_integer(spec, text, "vocab_size", "vocab_size");
  state_integer(spec, text, "max_position_embeddings", "context_length");
  state_integer(spec, top, "projection_dim", "embed_dim");
  top.refuse_others({kTopKeys, kWithoutEffect, kOfEveryConfig});

  // What is nested in processor_config.json counts first (image_processing_base.py `get_image_processor_dict`).
  const fs::path nested = file.parent_path() / "processor_config.json",
                 plain = file.parent_path() / "preprocessor_config.json";
  if (fs::exists(nested)) {
    const JsonConfig processor(nested);
    processor.top().refuse_others({"image_processor tokenizer processor_class"});
    if (processor.top().has("image_processor")) {
      read_processor(spec, processor.top().inner("image_processor"));
      spec.origins.emplace_back("processor_config.json");
      return spec;
    }
  }
  if (!fs::exists(plain)) return spec;
  const JsonConfig processor(plain);
  read_processor(spec, processor.top());
  spec.origins.emplace_back("preprocessor_config.json");
  return spec;
}

}  // namespace cliplab
