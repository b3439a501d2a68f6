// Keys of models. "auto" and empty values leave a fact to the file.
#include "lab/model_options.hpp"

namespace cliplab {

void declare_model_options(Options& options) {
  options.add_text("model.precision", "fp32", "type of activations in evaluation", {"fp32", "bf16", "fp16"});
  options.add_text("model.device", "cpu", "where models compute", {"cpu", "cuda"});
  options.add_text(
      "model.like", "auto",
      "what the file does not state is as in: openai (QuickGELU) or open_clip (exact GELU), both with heads "
      "64 wide, OpenAI's pixel statistics, short side by bicubic; an error where the file states otherwise. The other "
      "keys of a fact override the file, with a notice",
      {"auto", "openai", "open_clip"});
  options.add_text("model.activation", "auto", "of both towers' MLPs", {"auto", "quick_gelu", "gelu"});
  options.add_integer("model.head_width", 0, 0, 1024, "width of an attention head in both towers; 0: the file's");
  options.add_text("model.mean", "", "of pixels in [0, 1], three numbers; empty: the file's");
  options.add_text("model.std", "", "of pixels in [0, 1], three numbers; empty: the file's");
  options.add_text("model.resize", "auto", "which side becomes the input's, or both (squash)",
                   {"auto", "shortest", "squash", "longest"});
  options.add_text("model.interpolation", "auto", "of the resize", {"auto", "bicubic", "bilinear"});
  options.add_text(
      "model.order", "auto",
      "resize before the conversion to RGB (openai/CLIP), after it (torchvision's ImageFolder), or after the "
      "picture was put on white (transformers 5); auto: the file's, else resize_first",
      {"auto", "resize_first", "convert_first", "white_first"});
  options.add_text("model.entry", "",
                   "which part of a checkpoint is the model, by its keys, as ema or state_dict.student; empty: the one "
                   "that there is, weights before their averages");
  options.add_text("model.tokenizer", "open_clip", "whose words stand for start and end of text in a caption",
                   {"open_clip", "openai"});
  options.add_text("model.too_long", "cut", "a text beyond the context: cut, or an error as clip.tokenize has it",
                   {"cut", "fail"});
  options.add_text("model.pillow", "classic", "resize as Pillow before 13 or from 13 on: tall pictures differ",
                   {"classic", "13"});
}

ModelOptions model_options(const Options& options) {
  ModelOptions result;
  result.precision = options.text("model.precision"), result.device = options.text("model.device");
  CheckpointSpec& spec = result.spec;
  if (const std::string& word = options.text("model.activation"); word != "auto")
    spec.quick_gelu = word == "quick_gelu";
  if (const auto width = static_cast<int>(options.integer("model.head_width")); width > 0)
    spec.vision_head_width = spec.text_head_width = width;
  if (const std::string& text = options.text("model.mean"); !text.empty())
    spec.mean = parse_channels(text, "model.mean");
  if (const std::string& text = options.text("model.std"); !text.empty()) spec.std = parse_channels(text, "model.std");
  if (const std::string& word = options.text("model.resize"); word != "auto") spec.resize_mode = word;
  if (const std::string& word = options.text("model.interpolation"); word != "auto") spec.interpolation = word;
  if (const std::string& word = options.text("model.order"); word != "auto") {
    spec.convert_order = word;
    result.pixels.order = parse_convert_order(word);
  }
  if (spec.convert_order || spec.quick_gelu || spec.vision_head_width || spec.mean || spec.std || spec.resize_mode ||
      spec.interpolation)
    spec.origins = {"flags"};
  if (const std::string& word = options.text("model.like"); word != "auto") spec.like = word;
  spec.entry = options.text("model.entry");
  result.pixels.rule = options.text("model.pillow") == "classic" ? PillowRule::kClassic : PillowRule::k13;
  result.tokenizer = options.text("model.tokenizer") == "openai" ? TokenizerRules::kOpenAi : TokenizerRules::kOpenClip;
  result.too_long = options.text("model.too_long") == "fail" ? TooLong::kFail : TooLong::kCut;
  return result;
}

}  // namespace cliplab
