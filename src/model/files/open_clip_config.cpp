// open_clip_config.json. Which keys there are, what they default to and what they do: open_clip 3.3 model.py
// (CLIPVisionCfg, CLIPTextCfg, CLIP, CustomTextCLIP), transformer.py, transform.py (PreprocessCfg), factory.py.
#include <fmt/format.h>

#include "base/error.hpp"
#include "model/files/checkpoint_spec.hpp"
#include "model/files/json_config.hpp"
#include "model/files/stated_sizes.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using Config = JsonConfig::Object;

/// Initial values and outputs of another form than features.
constexpr std::string_view kModelKeys =
    "embed_dim vision_cfg text_cfg quick_gelu custom_text init_logit_scale init_logit_bias nonscalar_logit_scale "
    "output_dict";
/// Of both towers. block_type and what follows are refused unless off.
constexpr std::string_view kTowerKeys =
    "layers width mlp_ratio ls_init_value act_kwargs norm_kwargs pool_type final_ln_after_pool output_tokens "
    "block_type qk_norm scaled_cosine_attn scale_heads scale_attn_inner scale_attn scale_fc";
constexpr std::string_view kVisionKeys =
    "head_width patch_size image_size no_ln_pre attentional_pool input_patchnorm global_average_pool timm_model_name";
/// Dropout acts in training alone; positions are stored as weights, however they were made; the rest belongs to
/// towers that are refused when they are asked for.
constexpr std::string_view kVisionWithoutEffect =
    "patch_dropout pos_embed_type attn_pooler_queries attn_pooler_heads timm_model_pretrained timm_pool timm_proj "
    "timm_proj_bias timm_drop timm_drop_path";
constexpr std::string_view kTextKeys =
    "context_length vocab_size heads tokenizer_kwargs tokenizer_mode hf_tokenizer_name hf_model_name embed_cls "
    "no_causal_mask proj_bias proj_type eos_id";
/// Padding comes after the end of text, where the causal mask hides it.
constexpr std::string_view kTextWithoutEffect = "pad_id hf_model_pretrained hf_proj_type hf_pooler_type";
/// `size` is replaced by the model's own (factory.py, the end of create_model).
constexpr std::string_view kPixelKeys = "size mode mean std interpolation resize_mode fill_color";
/// Of the file itself; open_clip reads the two parts alone.
constexpr std::string_view kFileKeys =
    "model_cfg preprocess_cfg name description license tags version library_name source url";

/// norm_kwargs: {"eps": ...}
std::optional<double> norm_eps(const Config& tower) {
  const Config norm = tower.inner("norm_kwargs");
  norm.refuse_others({"eps"});
  return norm.real("eps", 1e-5, 0, 1);
}

/// What both towers can be asked for.
void read_tower(CheckpointSpec& spec, const Config& tower, int default_width, bool quick_gelu, const char* hidden) {
  tower.refuse_any(
      {"output_tokens", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"});
  tower.refuse_unless("block_type", "default");
  const Config act = tower.inner("act_kwargs");
  act.refuse_others({"approximate"});
  act.refuse_unless("approximate", "none");
  if (quick_gelu && tower.is_object("act_kwargs") && !act.object().empty())
    tower.refuse("act_kwargs", "none with quick_gelu");
  tower.real("ls_init_value", 0, -1e6, 1e6);  // initial values of a scale whose weights are in the file
  tower.flag("final_ln_after_pool", false);   // LayerNorm is per token: the same before or after one is picked
  if (tower.has("mlp_ratio"))
    state_size(spec, tower, "mlp_ratio", hidden,
               static_cast<int>(tower.integer("width", default_width, 1, 8192) * tower.real("mlp_ratio", 4, 0, 64)));
}

void read_vit(CheckpointSpec& spec, const Config& vision, bool quick_gelu) {
  vision.refuse_any({"timm_model_name", "attentional_pool", "no_ln_pre", "input_patchnorm", "global_average_pool"});
  vision.refuse_unless("pool_type", "tok");
  vision.word("pos_embed_type", "learnable", {"learnable", "sin_cos_2d"});
  read_tower(spec, vision, 768, quick_gelu, "vision_hidden");
  spec.vision_norm_eps = norm_eps(vision);
  const int width = vision.integer("width", 768, 1, 8192), head = vision.integer("head_width", 64, 1, 1024);
  const int heads = width / head;  // open_clip rounds it down
  spec.vision_head_width = vision.has("width") && heads > 0 && width % heads == 0 ? width / heads : head;
  state_integer(spec, vision, "width", "vision_width"), state_integer(spec, vision, "layers", "vision_layers_0");
  state_side(spec, vision, "patch_size", "patch");
}

/// A ResNet is made of layers, width, head_width and image_size; other keys of its part are not read.
void read_resnet(CheckpointSpec& spec, const Config& vision) {
  spec.vision_head_width = vision.integer("head_width", 64, 1, 1024);
  vision.refuse_any({"timm_model_name"});
  state_integer(spec, vision, "width", "vision_width");
  const auto& layers = vision.object()["layers"];
  if (layers.size() != 4) vision.refuse("layers", "four numbers");
  for (std::size_t i = 0; i < 4; ++i) {
    if (!layers[i].is_number_integer() || layers[i] < 1 || layers[i] > 256)
      vision.refuse("layers", "four numbers of 1 to 256");
    state_size(spec, vision, "layers", "vision_layers_" + std::to_string(i), layers[i]);
  }
}

void read_text(CheckpointSpec& spec, const Config& text, bool quick_gelu) {
  text.refuse_any({"hf_model_name", "hf_tokenizer_name", "tokenizer_mode", "no_causal_mask", "embed_cls", "proj_bias"});
  if (text.word("pool_type", "argmax", {"argmax", "eos"}) == "eos" && text.integer("eos_id", 2, 0, 1 << 20) != 49407)
    text.refuse("pool_type", "argmax, or eos with the tokenizer's eos_id, 49407");
  text.refuse_unless("proj_type", "linear");
  read_tower(spec, text, 512, quick_gelu, "text_hidden");
  spec.text_norm_eps = norm_eps(text);
  const int width = text.integer("width", 512, 1, 8192), heads = text.integer("heads", 8, 1, 1024);
  if (width % heads != 0) text.refuse("heads", fmt::format("a divisor of the width {}", width));
  spec.text_head_width = width / heads;
  const Config tokenizer = text.inner("tokenizer_kwargs");
  tokenizer.refuse_others({"clean reduction_mask context_length"});
  tokenizer.refuse_any({"reduction_mask"});
  if (tokenizer.has("clean"))
    spec.text_clean = tokenizer.word("clean", "lower", {"lower", "whitespace", "canonicalize"});
  state_integer(spec, tokenizer, "context_length", "context_length");
  state_integer(spec, text, "width", "text_width"), state_integer(spec, text, "layers", "text_layers");
  state_integer(spec, text, "context_length", "context_length");
  state_integer(spec, text, "vocab_size", "vocab_size");
}

void read_pixels(CheckpointSpec& spec, const Config& pixels) {
  pixels.refuse_others({kPixelKeys});
  pixels.refuse_unless("mode", "RGB");
  spec.mean = pixels.has("mean") ? pixels.channels("mean") : Normalization{}.mean;
  spec.std = pixels.has("std") ? pixels.channels("std") : Normalization{}.std;
  spec.resize_mode = pixels.word("resize_mode", "shortest", {"shortest", "longest", "squash"});
  const std::string rule = pixels.word("interpolation", "bicubic", {"bicubic", "bilinear", "random"});
  spec.interpolation = rule == "bilinear" ? rule : "bicubic";  // "random" is of training
  spec.fill_color = pixels.integer("fill_color", 0, 0, 255);
}

}  // namespace

CheckpointSpec spec_of_open_clip(const fs::path& file) {
  const JsonConfig document(file);
  const Config top = document.top();
  const bool is_model = !top.has("model_cfg") && top.has("vision_cfg") && top.has("text_cfg");  // of model_configs/
  if (!is_model && !top.has("model_cfg")) fail(file.string(), "no model_cfg", "open_clip's configuration");
  if (!is_model) top.refuse_others({kFileKeys});
  const Config model = is_model ? top : top.inner("model_cfg");
  const Config vision = model.inner("vision_cfg"), text = model.inner("text_cfg");
  model.refuse_any({"multimodal_cfg", "custom_text_tower"});
  CheckpointSpec spec;
  spec.origins = {file.filename().string()};
  const bool quick_gelu = model.flag("quick_gelu", false);
  spec.quick_gelu = quick_gelu;
  if (vision.is_array("layers"))
    read_resnet(spec, vision);
  else
    read_vit(spec, vision, quick_gelu);
  read_text(spec, text, quick_gelu);
  read_pixels(spec, top.inner("preprocess_cfg"));  // of model_configs/ there is none
  state_integer(spec, model, "embed_dim", "embed_dim");
  state_side(spec, vision, "image_size", "resolution");
  model.refuse_others({kModelKeys, "multimodal_cfg custom_text_tower"});
  vision.refuse_others({kTowerKeys, kVisionKeys, kVisionWithoutEffect});
  text.refuse_others({kTowerKeys, kTextKeys, kTextWithoutEffect});
  return spec;
}

}  // namespace cliplab
