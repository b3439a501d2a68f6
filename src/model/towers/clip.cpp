// The two towers together (openai/CLIP model.py `CLIP`), with OpenAI's initial weights; and what takes the place of the
// text tower under the other objectives of Figure 2. DEVIATION(2.3): words are the tokenizer's pieces; the language
// model reads the pooled picture in the place of the start of text (VirTex attends to a grid), its output layer is its
// embedding table.
#include <algorithm>
#include <cmath>
#include <set>

#include "model/text/tokenizer.hpp"
#include "model/towers/modules.hpp"

namespace cliplab {

using torch::Tensor;

ClipImpl::ClipImpl(const Architecture& architecture) : architecture_(architecture) {
  const Architecture& a = architecture_;
  visual_ = register_module("visual", a.family == "vit" ? make_vision_transformer(a) : make_modified_resnet(a));
  if (a.objective == "bow_prediction") {
    make_word_classifier();
    return;
  }
  if (a.has_text_transformer())
    transformer_ = register_module(
        "transformer", Transformer(a.text_width, a.text_hidden(), a.text_layers, a.text_heads(), a.quick_gelu));
  const std::int64_t d = a.text_width;
  auto embedding = register_module("token_embedding", std::make_shared<torch::nn::Module>());
  token_embedding_ = embedding->register_parameter("weight", normal_values({a.vocab_size, d}, 0.02));
  if (a.has_text_transformer())
    positional_embedding_ = register_parameter("positional_embedding", normal_values({a.context_length, d}, 0.01));
  auto ln_final = register_module("ln_final", std::make_shared<torch::nn::Module>());
  ln_final_weight_ = ln_final->register_parameter("weight", torch::ones({d}));
  ln_final_bias_ = ln_final->register_parameter("bias", torch::zeros({d}));
  if (a.contrasts()) {
    text_projection_ =
        register_parameter("text_projection", normal_values({d, a.embed_dim}, 1.0 / std::sqrt(double(d))));
    logit_scale = register_parameter("logit_scale", torch::tensor(std::log(1.0 / 0.07), torch::kFloat32));
  } else {
    image_projection_ =
        register_parameter("image_projection", normal_values({d, a.embed_dim}, 1.0 / std::sqrt(double(a.embed_dim))));
  }

  if (WithoutInitialValues::active() || !a.has_text_transformer()) return;
  // initialize_parameters: the text tower's blocks; the ViT's keep PyTorch's defaults.
  torch::NoGradGuard no_grad;
  const double attention = 1.0 / std::sqrt(double(d)), projection = attention / std::sqrt(2.0 * a.text_layers);
  for (auto& item : transformer_->named_parameters()) {
    const std::string& name = item.key();
    const auto ends = [&](const char* suffix) { return name.ends_with(suffix); };
    if (ends("attn.in_proj_weight")) item.value().normal_(0, attention);
    if (ends("attn.out_proj.weight") || ends("mlp.c_proj.weight")) item.value().normal_(0, projection);
    if (ends("mlp.c_fc.weight")) item.value().normal_(0, 1.0 / std::sqrt(2.0 * d));
  }
}

void ClipImpl::make_word_classifier() {
  const Architecture& a = architecture_;
  auto words = register_module("words", std::make_shared<torch::nn::Module>());
  words_weight_ = words->register_parameter(
      "weight", normal_values({a.vocab_size, a.embed_dim}, 1.0 / std::sqrt(double(a.embed_dim))));
  words_bias_ = words->register_parameter("bias", torch::zeros({a.vocab_size}));
}

Tensor ClipImpl::image_trunk(Tensor pixels) { return visual_->trunk(pixels.to(compute_)).to(feature_type()); }

Tensor ClipImpl::encode_image(Tensor pixels) {
  return visual_->project(visual_->trunk(pixels.to(compute_))).to(feature_type());
}

/// The mean of the words' embeddings, in no order: positions between the start and the end of text.
Tensor ClipImpl::bag_of_words(const Tensor& tokens) {
  const Tensor place = torch::arange(tokens.size(1), tokens.device()), end = tokens.argmax(1, true);  // [T], [B,1]
  const Tensor is_word = (place > 0).logical_and(place < end).to(token_embedding_.scalar_type());     // [B,T]
  const Tensor sum = (at::embedding(token_embedding_, tokens) * is_word.unsqueeze(2)).sum(1);  // [B,T,d] -> [B,d]
  return sum / is_word.sum(1, true).clamp_min(1);
}

Tensor ClipImpl::encode_text(const std::vector<Tensor>& groups) {
  TORCH_INTERNAL_ASSERT(architecture_.contrasts());
  if (!architecture_.has_text_transformer()) {
    std::vector<Tensor> means;
    for (const Tensor& tokens : groups) means.push_back(bag_of_words(tokens));
    const Tensor x = layer_norm(torch::cat(means), ln_final_weight_, ln_final_bias_).to(compute_);
    return apply_linear(x, text_projection_.t()).to(feature_type());
  }
  std::vector<TokenGroup> sizes;
  std::vector<Tensor> ids, places, ends;
  std::int64_t rows = 0;
  for (const Tensor& tokens : groups) {
    const auto B = tokens.size(0), T = tokens.size(1);
    sizes.push_back({B, T});
    ids.push_back(tokens.reshape(-1));
    places.push_back(positional_embedding_.narrow(0, 0, T).repeat({B, 1}));  // [T,d] -> [B*T,d]
    ends.push_back(torch::arange(B, tokens.options())
                       .mul_(T)
                       .add_(tokens.argmax(1))
                       .add_(rows));  // the first largest id is the end of text
    rows += B * T;
  }
  // One look-up for all: each costs a gradient as large as the table.
  Tensor x = at::embedding(token_embedding_, torch::cat(ids)) + torch::cat(places);  // [N] -> [N,d]
  x = transformer_->forward(x.to(compute_).unsqueeze(0), /*causal=*/true, /*first_only=*/false, sizes).squeeze(0);
  x = x.index({torch::cat(ends)});  // [N,d] -> [B,d]; LayerNorm is per row, so after it or before is equal
  x = layer_norm(x, ln_final_weight_, ln_final_bias_);
  return apply_linear(x, text_projection_.t()).to(feature_type());
}

Tensor ClipImpl::word_log_probabilities(Tensor features) {
  return at::log_softmax(apply_linear(features.to(compute_), words_weight_, words_bias_).to(feature_type()), 1);
}

Tensor ClipImpl::caption_log_likelihood(Tensor features, Tensor tokens) {
  const auto B = tokens.size(0),
             n = tokens.size(1) - 1;  // places that predict: the picture's, then each token's but the end's
  const Tensor image = apply_linear(features.to(compute_), image_projection_).unsqueeze(1);  // [B,E] -> [B,1,d]
  const Tensor said = at::embedding(token_embedding_, tokens.narrow(1, 1, n - 1)).to(compute_);
  Tensor x = torch::cat({image, said}, 1) + positional_embedding_.narrow(0, 0, n).to(compute_);  // [B,n,d]
  x = transformer_(x, /*causal=*/true);
  const Tensor place =
      torch::arange(n, tokens.device()).lt(tokens.argmax(1, true)).nonzero();  // [M,2]: no padding is projected
  const Tensor row = place.select(1, 0), column = place.select(1, 1);
  x = layer_norm(x.index({row, column}), ln_final_weight_, ln_final_bias_);                        // [M,d]
  const Tensor logs = log_probabilities_of(x, token_embedding_, tokens.index({row, column + 1}));  // [M]
  return torch::zeros({B}, logs.options().requires_grad(false)).index_add(0, row, logs);
}

Tensor padded_tokens(std::span<const std::vector<std::int32_t>> captions) {
  std::size_t longest = 0;
  for (const auto& caption : captions) longest = std::max(longest, caption.size());
  Tensor ids = torch::zeros({std::ssize(captions), static_cast<std::int64_t>(longest)}, torch::kInt64);
  auto rows = ids.accessor<std::int64_t, 2>();
  for (std::size_t i = 0; i < captions.size(); ++i)
    for (std::size_t t = 0; t < captions[i].size(); ++t) rows[i][t] = captions[i][t];
  return ids;
}

std::vector<std::int64_t> distinct_words(std::span<const std::int32_t> caption) {
  std::set<std::int64_t> words(caption.begin(), caption.end());
  for (const int mark : {Tokenizer::kStartOfText, Tokenizer::kEndOfText}) words.erase(mark);
  return {words.begin(), words.end()};
}

}  // namespace cliplab
