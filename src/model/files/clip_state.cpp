// From names and shapes to a model. The tensors are not looked into here; that each has the shape which the others
// imply is checked where they are loaded (model/weights.cpp), so that every wrong one is listed at once.
#include "model/files/clip_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/files/checkpoint.hpp"

namespace cliplab {
namespace {

using Tensors = std::map<std::string, TensorBytes>;
namespace fs = std::filesystem;

/// Entries that are no weights: constants of the graph, masks and position counters.
bool is_no_weight(const std::string& name) {
  for (const char* end : {"input_resolution", "context_length", "vocab_size", "attn_mask", "position_ids"})
    if (name == end || name.ends_with(std::string(".") + end)) return true;
  return false;
}

// --- names ---------------------------------------------------------------------------------------------------------

bool any_starts_with(const Tensors& tensors, const std::string& prefix) {
  const auto next = tensors.lower_bound(prefix);
  return next != tensors.end() && next->first.starts_with(prefix);
}

/// `module.` of DistributedDataParallel and `_orig_mod.` of torch.compile, when every name has it.
void strip_wrappers(Tensors& tensors) {
  for (const std::string prefix : {"module.", "_orig_mod.", "module."}) {
    if (tensors.empty() ||
        !std::ranges::all_of(tensors, [&](const auto& item) { return item.first.starts_with(prefix); }))
      continue;
    Tensors stripped;
    for (auto& [name, tensor] : tensors) stripped[name.substr(prefix.size())] = tensor;
    tensors = std::move(stripped);
  }
}

/// Hugging Face's names, layer by layer. q, k and v become one tensor, projections are transposed.
class HuggingFace {
 public:
  HuggingFace(const Tensors& tensors, std::string where) : in_(tensors), where_(std::move(where)) {}

  Tensors convert(std::vector<std::shared_ptr<const void>>& storage) {
    for (const auto& [name, tensor] : in_) convert(name, tensor);
    storage.insert(storage.end(), buffers_.begin(), buffers_.end());
    return std::move(out_);
  }

 private:
  void convert(const std::string& name, const TensorBytes& tensor) {
    static const std::map<std::string, std::string> names{
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
    if (const auto found = names.find(name); found != names.end()) return put(found->second, tensor);
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
    static const std::vector<std::pair<std::string, std::string>> parts{{"layer_norm1.", "ln_1."},
                                                                        {"layer_norm2.", "ln_2."},
                                                                        {"self_attn.out_proj.", "attn.out_proj."},
                                                                        {"mlp.fc1.", "mlp.c_fc."},
                                                                        {"mlp.fc2.", "mlp.c_proj."}};
    const std::size_t dot = rest.find('.') + 1;
    const std::string layer = rest.substr(0, dot), part = rest.substr(dot);
    for (const auto& [from, to] : parts)
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

  const Tensors& in_;
  std::string where_;
  Tensors out_;
  std::vector<std::shared_ptr<const void>> buffers_;
};

/// Everything under OpenAI's names.
void rename(ClipState& state, const std::string& where) {
  Tensors& tensors = state.tensors;
  strip_wrappers(tensors);
  if (any_starts_with(tensors, "text_model.") || any_starts_with(tensors, "vision_model.")) {
    state.naming = "Hugging Face";
    tensors = HuggingFace(tensors, where).convert(state.storage);
  } else if (any_starts_with(tensors, "text.")) {
    state.naming = "open_clip, custom text";
    Tensors renamed;
    for (const auto& [name, tensor] : tensors)
      if (!renamed.emplace(name.starts_with("text.") ? name.substr(5) : name, tensor).second)
        fail(where, "tensor '" + name + "' twice", "each once");
    tensors = std::move(renamed);
  } else {
    state.naming = "openai";
  }
  std::erase_if(tensors, [&](const auto& item) {
    if (!is_no_weight(item.first)) return false;
    state.ignored.push_back(item.first);
    return true;
  });
}

// --- sizes ---------------------------------------------------------------------------------------------------------

/// Sizes that tensors imply (openai/CLIP `build_model`).
class Sizes {
 public:
  Sizes(const Tensors& tensors, const std::string& where) : tensors_(tensors), where_(where) {}

  Architecture architecture() const {
    Architecture a;
    a.embed_dim = at("text_projection", 2, 1), a.context_length = at("positional_embedding", 2, 0);
    a.vocab_size = at("token_embedding.weight", 2, 0), a.text_width = at("token_embedding.weight", 2, 1);
    a.text_layers = count("transformer.resblocks.");
    if (a.text_layers > 0)
      a.text_mlp = unless_four_times(at("transformer.resblocks.0.mlp.c_fc.weight", 2, 0), a.text_width);
    if (tensors_.contains("visual.proj")) {
      a.family = "vit";
      a.vision_width = at("visual.conv1.weight", 4, 0), a.patch = at("visual.conv1.weight", 4, 3);
      a.vision_layers[0] = count("visual.transformer.resblocks.");
      a.resolution = a.patch * grid("visual.positional_embedding");
      if (a.vision_layers[0] > 0)
        a.vision_mlp = unless_four_times(at("visual.transformer.resblocks.0.mlp.c_fc.weight", 2, 0), a.vision_width);
    } else if (tensors_.contains("visual.layer1.0.conv1.weight")) {
      a.family = "resnet";
      a.vision_width = at("visual.layer1.0.conv1.weight", 4, 0);
      for (int stage = 0; stage < 4; ++stage)
        a.vision_layers[stage] = count("visual.layer" + std::to_string(stage + 1) + ".");
      a.resolution = 32 * grid("visual.attnpool.positional_embedding");
    } else {
      fail(where_, "neither 'visual.proj' nor 'visual.layer1.0.conv1.weight'",
           "a CLIP model with a ViT or a ModifiedResNet",
           "its " + std::to_string(tensors_.size()) + " tensors begin with " + some_names());
    }
    if (a.vision_layers[0] == 0 || a.text_layers == 0) fail(where_, "a tower without blocks", "at least one");
    return a;
  }

 private:
  std::string some_names() const {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_)
      if (names.size() < 5) names.push_back(name.substr(0, 60));
    return joined(names);
  }

  int at(const std::string& name, std::size_t rank, std::size_t dimension) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      fail(where_, "no tensor '" + name + "'", "a CLIP model",
           "its " + std::to_string(tensors_.size()) + " tensors begin with " + some_names());
    const auto& shape = found->second.shape;
    if (shape.size() != rank || shape[dimension] < 1 || shape[dimension] > 1 << 20)
      fail(where_, fmt::format("tensor '{}' of shape [{}]", name, fmt::join(shape, ", ")),
           fmt::format("{} dimensions of 1 to {}", rank, 1 << 20));
    return static_cast<int>(shape[dimension]);
  }

  /// Distinct numbers behind a prefix; they must be 0, 1, 2, ...
  int count(const std::string& prefix) const {
    std::set<std::string> numbers;
    for (auto item = tensors_.lower_bound(prefix); item != tensors_.end() && item->first.starts_with(prefix); ++item)
      numbers.insert(item->first.substr(prefix.size(), item->first.find('.', prefix.size()) - prefix.size()));
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (!numbers.contains(std::to_string(i)) || numbers.size() > 256)
        fail(where_, fmt::format("{} blocks under '{}', none numbered {}", numbers.size(), prefix, i),
             "blocks 0, 1, 2, ..., at most 256");
    return static_cast<int>(numbers.size());
  }

  int grid(const std::string& name) const {
    const int tokens = at(name, 2, 0) - 1, side = static_cast<int>(std::lround(std::sqrt(tokens)));
    if (side * side != tokens || side == 0 || side > 256)
      fail(where_, fmt::format("'{}' with {} positions", name, tokens + 1), "1 + a square number");
    return side;
  }

  static int unless_four_times(int hidden, int width) { return hidden == 4 * width ? 0 : hidden; }

  const Tensors& tensors_;
  const std::string& where_;
};

}  // namespace

ClipState read_clip(const fs::path& file, const ModelFacts& given) {
  const std::string where = file.string();
  Checkpoint checkpoint = read_checkpoint(file);
  ClipState state;
  state.tensors = std::move(checkpoint.tensors), state.format = checkpoint.format;
  state.storage.push_back(checkpoint.storage);
  state.facts = given;
  if (checkpoint.metadata.contains("family")) {  // written by cliplab
    state.naming = "openai";
    state.architecture = from_metadata(checkpoint.metadata, where);
    if (const auto seen = checkpoint.metadata.find("pairs_seen"); seen != checkpoint.metadata.end())
      state.pairs_seen = std::strtoll(seen->second.c_str(), nullptr, 10);
    ModelFacts own = facts_from_metadata(checkpoint.metadata, where);
    own.quick_gelu = state.architecture.quick_gelu;
    own.vision_head_width = state.architecture.head_width, own.text_head_width = state.architecture.text_head_width;
    own.fill_from(
        facts_like("openai"));  // files from before the metadata had pixel facts: they were trained with these
    state.facts.fill_from(own);
  } else {
    rename(state, where);
    state.architecture = Sizes(state.tensors, where).architecture();
    state.facts.fill_from(facts_beside(file));
    // openai/CLIP's archives: their code has QuickGELU's constant, the rest is that of its `build_model` and
    // `_transform`.
    if (checkpoint.mentions_quick_gelu) {
      ModelFacts archive = facts_like("openai");
      archive.origins = {"TorchScript archive of openai/CLIP"};
      state.facts.fill_from(archive);
    }
    if (const auto unknown = state.facts.unknown(); !unknown.empty())
      fail(where, joined(unknown) + " that no configuration beside it states", "facts that the weights do not tell",
           "--model.like openai (QuickGELU) or --model.like open_clip (exact GELU) states them all");
  }
  Architecture& a = state.architecture;
  a.quick_gelu = *state.facts.quick_gelu;
  a.head_width = *state.facts.vision_head_width, a.text_head_width = *state.facts.text_head_width;
  check_architecture(a, where);
  if (a.name.empty()) a.name = name_of_sizes(a);
  return state;
}

std::string released_model(const std::string& sha256) {
  static const std::map<std::string, std::string> models{
      {"afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762", "RN50"},
      {"8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599", "RN101"},
      {"7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd", "RN50x4"},
      {"52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa", "RN50x16"},
      {"be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c", "RN50x64"},
      {"40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", "ViT-B/32"},
      {"5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", "ViT-B/16"},
      {"b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", "ViT-L/14"},
      {"3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02", "ViT-L/14@336px"}};
  const auto found = models.find(sha256);
  return found == models.end() ? std::string() : found->second;
}

}  // namespace cliplab
