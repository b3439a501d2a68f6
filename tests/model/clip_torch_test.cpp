// The towers: initial weights, causal cut, file round trip, precision, and what a wrong file is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "model/encoder.hpp"
#include "model/files/weights.hpp"
#include "model/towers/modules.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

class Towers : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("cliplab_towers_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    torch::manual_seed(5);
    model_ = Clip(find_architecture(GetParam()));
    model_->eval();
  }
  void TearDown() override { fs::remove_all(folder_); }
  Clip model_{nullptr};
  fs::path folder_;
};

TEST_P(Towers, ParameterCountIsTheClosedFormula) {
  for (const std::string& objective : objective_names()) {
    Architecture architecture = model_->architecture();
    architecture.objective = objective;
    std::int64_t count = 0;
    for (const Tensor& p : Clip(architecture)->parameters()) count += p.numel();
    EXPECT_EQ(count, parameter_count(architecture)) << objective;
  }
}

TEST_P(Towers, TextIsCutToTheLongestCaptionWithoutChange) {
  const torch::NoGradGuard no_grad;
  Tensor padded = torch::zeros({2, 32}, torch::kInt64);
  const std::vector<std::vector<std::int64_t>> ids{{49406, 320, 1125, 49407}, {49406, 3287, 267, 539, 2368, 49407}};
  for (int i = 0; i < 2; ++i)
    for (std::size_t t = 0; t < ids[i].size(); ++t) padded[i][t] = ids[i][t];
  const Tensor whole = model_->encode_text(padded), cut = model_->encode_text(padded.narrow(1, 0, 6));
  // Sums of up to 128 products of size 1 in another blocking: sqrt(128) * 2^-24 * a few layers.
  EXPECT_LT((whole - cut).abs().max().item<double>(), 1e-5 * whole.abs().max().item<double>());
  EXPECT_GT((whole - model_->encode_text(padded.narrow(1, 0, 4))).abs().max().item<double>(), 1e-3);  // the cut matters
}

TEST_P(Towers, GroupsOfCaptionsAreEncodedAsEachAlone) {
  torch::manual_seed(3);
  std::vector<Tensor> groups{torch::randint(1, 400, {3, 5}), torch::randint(1, 400, {2, 9}),
                             torch::randint(1, 400, {1, 3})};
  for (Tensor& tokens : groups) tokens.select(1, tokens.size(1) - 1).fill_(49407);
  std::vector<Tensor> alone;
  for (const Tensor& tokens : groups) alone.push_back(model_->encode_text(tokens));
  const Tensor apart = torch::cat(alone), together = model_->encode_text(groups);
  ASSERT_EQ(together.size(0), 6);
  // Sums of up to 512 products in another blocking: sqrt(512) * 2^-24 * a few layers.
  EXPECT_LT((together - apart).abs().max().item<double>(), 1e-5 * apart.abs().max().item<double>());
  EXPECT_GT((together - apart.flip(0)).abs().max().item<double>(), 1e-3) << "another order must be seen";

  const Tensor weights = torch::randn_like(apart), table = model_->named_parameters()["token_embedding.weight"];
  const Tensor expected = torch::autograd::grad({(apart * weights).sum()}, {table})[0];
  const Tensor found = torch::autograd::grad({(together * weights).sum()}, {table})[0];
  EXPECT_LT((found - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>());
}

// In float32 attention runs in our own kernels (heads 32 and 64 wide), in float64 and for other widths in LibTorch's.
TEST(Transformer, GradientsOfGroupsAndOfOneAreThoseInFloat64) {
  for (const std::int64_t heads : {8, 4, 2})  // 16, 32 and 64 wide
    for (const bool causal : {false, true})
      for (const bool grouped : {false, true}) {
        torch::manual_seed(5);
        Transformer model(128, 256, 2, static_cast<int>(heads), true);
        const Tensor x = grouped ? torch::randn({1, 3 * 7 + 2 * 19, 128}) : torch::randn({3, 19, 128});
        const std::vector<TokenGroup> groups =
            grouped ? std::vector<TokenGroup>{{3, 7}, {2, 19}} : std::vector<TokenGroup>{};
        const Tensor up = torch::randn_like(x);
        const auto gradients = [&](torch::ScalarType type) {
          model->to(type);
          std::vector<Tensor> inputs = model->parameters();
          inputs.push_back(x.to(type).requires_grad_());
          std::vector<Tensor> found =
              torch::autograd::grad({model(inputs.back(), causal, false, groups)}, inputs, {up.to(type)});
          for (Tensor& g : found) g = g.to(torch::kFloat64);
          return found;
        };
        const std::vector<Tensor> found = gradients(torch::kFloat32), expected = gradients(torch::kFloat64);
        for (std::size_t i = 0; i < found.size(); ++i) {
          // Some 20 operations with sums of up to 256 products: 20 sqrt(256) 2^-24 of the largest value.
          const double largest = expected[i].abs().max().item<double>();
          ASSERT_LT((found[i] - expected[i]).abs().max().item<double>(), 320 * 0x1p-24 * largest)
              << heads << " heads, causal " << causal << ", grouped " << grouped << ", gradient " << i;
          ASSERT_GT(largest, 0);
        }
      }
}

TEST(QuickGelu, GradientIsThatOfTheFormula) {
  torch::manual_seed(4);
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat64}) {
    const Tensor x = (3 * torch::randn({7, 301})).to(type).requires_grad_(), dy = torch::randn({7, 301}).to(type);
    const Tensor exact = x.detach().to(torch::kFloat64).requires_grad_();
    const Tensor expected =
        torch::autograd::grad({exact * at::sigmoid(1.702 * exact)}, {exact}, {dy.to(torch::kFloat64)})[0];
    const Tensor found = torch::autograd::grad({quick_gelu(x)}, {x}, {dy})[0].to(torch::kFloat64);
    // The slope's two terms, up to 2 together, are each within some ulp; bfloat16 rounds the result once.
    const bool rounded = type == torch::kBFloat16;
    const double ulp = type == torch::kFloat32 ? 16 * 0x1p-24 : rounded ? 0x1p-8 : 16 * 0x1p-53;
    const Tensor bound =
        ulp * (expected.abs() + (rounded ? 0.0 : 2.0) * dy.abs().to(torch::kFloat64)) + (rounded ? 1e-6 : 0.0);
    EXPECT_LT(((found - expected).abs() - bound).max().item<double>(), 0);
    EXPECT_GT((found - 1.02 * expected).abs().max().item<double>(), 0.01) << "2 % off must be seen";
  }
}

TEST(TransformerBlocks, FirstTokenAloneIsTheFirstTokenOfAll) {
  torch::manual_seed(6);
  Transformer blocks(128, 512, 3, 2, true);
  const Tensor x = torch::randn({4, 50, 128});
  for (const bool training : {false, true}) {
    const torch::AutoGradMode mode(training);
    const Tensor all = blocks(x.clone(), false), first = blocks(x.clone(), false, true);
    ASSERT_EQ(first.sizes(), (std::vector<std::int64_t>{4, 1, 128}));
    // Sums of up to 512 products in another blocking: sqrt(512) * 2^-24 * a few layers.
    const double bound = 1e-5 * all.abs().max().item<double>();
    EXPECT_LT((first - all.narrow(1, 0, 1)).abs().max().item<double>(), bound);
    EXPECT_GT((first - all.narrow(1, 1, 1)).abs().max().item<double>(), 1000 * bound) << "another token must be seen";
  }
}

TEST_P(Towers, Bf16KeepsTheDirection) {
  const torch::NoGradGuard no_grad;
  const int side = model_->architecture().resolution;
  const Tensor pixels = torch::randn({8, 3, side, side});
  const Tensor exact = model_->encode_image(pixels);
  model_->set_compute_type(torch::kBFloat16);
  const Tensor rough = model_->encode_image(pixels);
  EXPECT_GT(at::cosine_similarity(exact, rough).min().item<double>(), 0.999);
}

TEST_P(Towers, FileRoundTripGivesTheSameFeaturesAndIdentity) {
  save_model(folder_ / "model.safetensors", model_);
  const auto a = open_clip_model(folder_ / "model.safetensors");
  Rng rng(1);
  std::vector<Image> images;
  for (int i = 0; i < 3; ++i) {
    images.push_back(Image::make(40 + i, 50, 3));
    for (auto& v : images.back().pixels) v = static_cast<std::uint8_t>(rng.next());
  }
  const Matrix joint = a->image().encode(images, Space::kJoint), trunk = a->image().encode(images, Space::kTrunk);
  EXPECT_EQ(joint.cols(), model_->architecture().embed_dim);
  EXPECT_EQ(trunk.cols(), model_->architecture().trunk_dim());
  EXPECT_TRUE(joint.allFinite());
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(joint.row(i).norm(), 1, 1e-5);
  const auto b = open_clip_model(folder_ / "model.safetensors");
  EXPECT_EQ(a->info().weights_id, b->info().weights_id);
  EXPECT_EQ(joint, b->image().encode(images, Space::kJoint));
}

TEST_P(Towers, EveryWrongTensorIsListed) {
  std::map<std::string, Tensor> kept;
  std::map<std::string, TensorBytes> tensors;
  for (const auto& [name, value] : named_state(*model_))
    kept[name] = value.detach().contiguous(), tensors[name] = bytes_of(kept[name]);
  tensors.erase("ln_final.bias");
  tensors["extra.weight"] = tensors["ln_final.weight"];
  tensors["text_projection"].shape = {tensors["text_projection"].shape[0] * tensors["text_projection"].shape[1]};
  kept["positional_embedding"].fill_(std::nan(""));
  write_safetensors(folder_ / "bad.safetensors", tensors, to_metadata(model_->architecture()));
  try {
    open_clip_model(folder_ / "bad.safetensors");
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("missing ln_final.bias"),
                                               ::testing::HasSubstr("unmatched extra.weight"),
                                               ::testing::HasSubstr("text_projection is ["),
                                               ::testing::HasSubstr("positional_embedding has NaN")));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Towers, ::testing::Values("vit-test", "rn-test"));

TEST(InitialWeights, HaveOpenAIsMoments) {
  torch::manual_seed(0);
  Clip model(find_architecture("vit-s"));
  const auto state = named_state(*model);
  const auto spread = [&](const std::string& name) { return state.at(name).std().item<double>(); };
  const double d = 128;
  EXPECT_NEAR(spread("token_embedding.weight"), 0.02, 0.0002);
  EXPECT_NEAR(spread("positional_embedding"), 0.01, 0.0005);
  EXPECT_NEAR(spread("transformer.resblocks.0.attn.in_proj_weight"), 1 / std::sqrt(d), 0.03 / std::sqrt(d));
  EXPECT_NEAR(spread("transformer.resblocks.0.mlp.c_proj.weight"), 1 / std::sqrt(d) / std::sqrt(6), 0.002);
  EXPECT_NEAR(spread("transformer.resblocks.0.mlp.c_fc.weight"), 1 / std::sqrt(2 * d), 0.002);
  EXPECT_NEAR(spread("visual.transformer.resblocks.0.mlp.c_fc.weight"), 1 / std::sqrt(3 * d),
              0.002);  // PyTorch's default
  EXPECT_NEAR(state.at("logit_scale").item<double>(), std::log(1 / 0.07), 1e-6);
  torch::manual_seed(0);
  const auto rn = named_state(*Clip(find_architecture("rn-test")));
  EXPECT_EQ(rn.at("visual.layer1.0.bn3.weight").abs().max().item<double>(), 0);  // identity residual at the start
  EXPECT_EQ(rn.at("visual.bn3.weight").min().item<double>(), 1);                 // the stem's is not zeroed
}

}  // namespace
}  // namespace cliplab
