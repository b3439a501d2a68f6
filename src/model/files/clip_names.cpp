// Names of tensors in released CLIP files. Only names and shapes are read here; that each tensor has the shape which
// the others imply is checked where they are loaded (files/weights.cpp), so that every wrong one is listed at once.
#include "model/files/clip_names.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

/// True for constants of the graph, masks and position counters.
bool is_non_weight_entry(const std::string& name) {
  for (const char* end : {"input_resolution", "context_length", "vocab_size", "attn_mask", "position_ids"})
    if (name == end || name.ends_with(std::string(".") + end)) return true;
  return false;
}

bool any_starts_with(const StateDict& tensors, const std::string& prefix) {
  const auto next = tensors.lower_bound(prefix);
  return next != tensors.end() && next->first.starts_with(prefix);
}

/// Hugging Face's names, layer by layer. q, k and v become one tensor, projections are transposed.
class HuggingFace {
 public:
  HuggingFace(const StateDict& tensors, std::string where) : in_(tensors), where_(std::move(where)) {}

  StateDict convert(std::vector<std::shared_ptr<const void>>& storage) {
    for (const auto& [name, tensor] : in_) convert(name, tensor);
    storage.insert(storage.end(), buffers_.begin(), buffers_.end());
    return std::move(out_);
  }

 private:
  void convert(const std::string& name, const TensorBytes& tensor) {
    static const std::map<std::string, std::string> kNames{
        {"logit_scale", "logit_scale"},
        {"text_model.embeddings.token_embedding.weight", "token_embedding.weight"},
        {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
        {"text_model.final_layer_norm.weight", "ln_final.weight"},
        {"text_model.final_layer_norm.bias", "ln_final.bias"},
        {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
        {"vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight"},
        {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
        {"vision_model.pre_layrnorm.weight", "visual.ln_pre.weight"},  // spelt so
        {"vision_model.pre_layrnorm.bias", "visual.ln_pre.bias"},
        {"vision_model.post_layernorm.weight", "visual.ln_post.weight"},
        {"vision_model.post_layernorm.bias", "visual.ln_post.bias"}};
    if (const auto found = kNames.find(name); found != kNames.end()) return put(found->second, tensor);
    if (name == "text_projection.weight") return put("text_projection", transposed(name, tensor));
    if (name == "visual_projection.weight") return put("visual.proj", transposed(name, tensor));
    for (const auto& [theirs, ours] :
         {std::pair<std::string, std::string>{"text_model.encoder.layers.", "transformer.resblocks."},
          {"vision_model.encoder.layers.", "visual.transformer.resblocks."}})
      if (name.starts_with(theirs)) return convert_layer(name, name.substr(theirs.size()), theirs, ours, tensor);
    put(name, tensor);  // listed as unmatched when the model is loaded
  }

  void convert_layer(const std::string& name, const std::string& rest, const std::string& theirs,
                     const std::string& ours, const TensorBytes& tensor) {
    static const std::vector<std::pair<std::string, std::string>> kParts{{"layer_norm1.", "ln_1."},
                                                                         {"layer_norm2.", "ln_2."},
                                                                         {"self_attn.out_proj.", "attn.out_proj."},
                                                                         {"mlp.fc1.", "mlp.c_fc."},
                                                                         {"mlp.fc2.", "mlp.c_proj."}};
    const std::size_t dot = rest.find('.') + 1;
    const std::string layer = rest.substr(0, dot), part = rest.substr(dot);
    for (const auto& [from, to] : kParts)
      if (part.starts_with(from)) return put(ours + layer + to + part.substr(from.size()), tensor);
    if (part == "self_attn.q_proj.weight" || part == "self_attn.q_proj.bias") {
      const std::string kind = part.substr(part.rfind('.') + 1);
      std::vector<TensorBytes> qkv;
      for (const char* which : {"q", "k", "v"}) {
        const auto found = in_.find(theirs + layer + "self_attn." + which + "_proj." + kind);
        if (found == in_.end()) return;  // the stacked tensor is missing then
        qkv.push_back(found->second);
      }
      return put(ours + layer + "attn.in_proj_" + kind, stacked(name, qkv));
    }
    for (const char* which : {"self_attn.k_proj.", "self_attn.v_proj."})
      if (part.starts_with(which)) return;  // taken with q
    put(name, tensor);
  }

  void put(const std::string& name, const TensorBytes& tensor) {
    if (!out_.emplace(name, tensor).second) fail(where_, "tensor '" + name + "' twice", "each once");
  }

  char* buffer(std::size_t bytes) {
    const auto data = std::make_shared<std::string>(bytes, '\0');
    buffers_.push_back(data);
    return data->data();
  }

  TensorBytes stacked(const std::string& name, const std::vector<TensorBytes>& parts) {
    TensorBytes result = parts[0];
    if (result.shape.empty()) fail(where_, "tensor '" + name + "' without a dimension", "a matrix or a vector");
    result.bytes = 0, result.shape[0] = 0;
    for (const TensorBytes& part : parts) {
      if (part.dtype != parts[0].dtype || part.shape != parts[0].shape)
        fail(where_, "'" + name + "' unlike its k and v", "three of one shape");
      result.bytes += part.bytes, result.shape[0] += part.shape[0];
    }
    char* out = buffer(result.bytes);
    result.data = out;
    for (const TensorBytes& part : parts) {
      if (part.bytes > 0) std::memcpy(out, part.data, part.bytes);
      out += part.bytes;
    }
    return result;
  }

  TensorBytes transposed(const std::string& name, const TensorBytes& tensor) {
    if (tensor.shape.size() != 2)
      fail(where_, fmt::format("tensor '{}' of {} dimensions", name, tensor.shape.size()), "a matrix");
    const auto rows = static_cast<std::size_t>(tensor.shape[0]), columns = static_cast<std::size_t>(tensor.shape[1]);
    const std::size_t element = dtype_size(tensor.dtype);
    char* out = buffer(tensor.bytes);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c)
        std::memcpy(out + (c * rows + r) * element, tensor.data + (r * columns + c) * element, element);
    return {tensor.dtype, {tensor.shape[1], tensor.shape[0]}, out, tensor.bytes};
  }

  const StateDict& in_;
  std::string where_;
  StateDict out_;
  std::vector<std::shared_ptr<const void>> buffers_;
};

}  // namespace

void use_openai_names(ClipState& state, const std::string& where) {
  StateDict& tensors = state.tensors;
  if (any_starts_with(tensors, "text_model.") || any_starts_with(tensors, "vision_model.")) {
    state.naming = kHuggingFaceNames;
    tensors = HuggingFace(tensors, where).convert(state.storage);
  } else if (any_starts_with(tensors, "text.")) {
    state.naming = "open_clip, custom text";
    StateDict renamed;
    for (const auto& [name, tensor] : tensors)
      if (!renamed.emplace(name.starts_with("text.") ? name.substr(5) : name, tensor).second)
        fail(where, "tensor '" + name + "' twice", "each once");
    tensors = std::move(renamed);
  } else {
    state.naming = "openai";
  }
  std::erase_if(tensors, [&](const auto& item) {
    // A bias that is added to every logit (sigmoid loss) changes no feature and no order of scores.
    if (!is_non_weight_entry(item.first) && item.first != "logit_bias") return false;
    state.ignored.push_back(item.first);
    return true;
  });
  if (const auto scale = tensors.find("logit_scale");
      scale != tensors.end() && scale->second.shape.size() == 1 && scale->second.shape[0] == 1)
    scale->second.shape.clear();  // open_clip's nonscalar_logit_scale
}

Architecture clip_text_sizes(const TensorSizes& tensors) {
  Architecture a;
  a.embed_dim = tensors.at("text_projection", 2, 1), a.context_length = tensors.at("positional_embedding", 2, 0);
  a.vocab_size = tensors.at("token_embedding.weight", 2, 0), a.text_width = tensors.at("token_embedding.weight", 2, 1);
  a.text_layers = tensors.count("transformer.resblocks.");
  if (a.text_layers > 0)
    a.text_mlp = hidden_width(tensors.at("transformer.resblocks.0.mlp.c_fc.weight", 2, 0), a.text_width);
  return a;
}

Architecture for_small_runs(Architecture a) {
  a.context_length = 32, a.head_width = a.text_head_width = 32, a.quick_gelu = false;
  return a;
}

void check_has_blocks(const Architecture& a, const std::string& where) {
  if (a.vision_layers[0] == 0 || a.text_layers == 0) fail(where, "a tower without blocks", "at least one");
}

int TensorSizes::at(const std::string& name, std::size_t rank, std::size_t dimension) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(where_, "no tensor '" + name + "'", "a CLIP model", first_names(tensors_));
  const auto& shape = found->second.shape;
  if (shape.size() != rank || shape[dimension] < 1 || shape[dimension] > 1 << 20)
    fail(where_, fmt::format("tensor '{}' of shape [{}]", name, fmt::join(shape, ", ")),
         fmt::format("{} dimensions of 1 to {}", rank, 1 << 20));
  return static_cast<int>(shape[dimension]);
}

int TensorSizes::count(const std::string& prefix) const {
  std::set<std::string> numbers;
  for (auto item = tensors_.lower_bound(prefix); item != tensors_.end() && item->first.starts_with(prefix); ++item)
    numbers.insert(item->first.substr(prefix.size(), item->first.find('.', prefix.size()) - prefix.size()));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (!numbers.contains(std::to_string(i)) || numbers.size() > 256)
      fail(where_, fmt::format("{} blocks under '{}', none numbered {}", numbers.size(), prefix, i),
           "blocks 0, 1, 2, ..., at most 256");
  return static_cast<int>(numbers.size());
}

int TensorSizes::grid_behind_class(const std::string& name) const {
  const int tokens = at(name, 2, 0) - 1, side = static_cast<int>(std::lround(std::sqrt(tokens)));
  if (side * side != tokens || side == 0 || side > 256)
    fail(where_, fmt::format("'{}' with {} positions", name, tokens + 1), "1 + a square number");
  return side;
}

std::string first_names(const StateDict& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors)
    if (names.size() < 5) names.push_back(name.substr(0, 60));
  return fmt::format("its {} tensors begin with {}", tensors.size(), joined(names));
}

}  // namespace cliplab
