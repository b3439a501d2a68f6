// Costs of families and objectives against open_clip's published profile and the towers themselves. Linked with the
// training objectives, which own the costs of the text side.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "model/architecture.hpp"

namespace cliplab {
namespace {

// open_clip docs/model_profile.csv: parameters in millions, image GFLOP as 2 x multiply-adds.
struct Published {
  const char* name;
  double parameters, image_gflop;
};
class PublishedCost : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedCost, ParametersAreThePublishedOnesAndComputeIsWithinSixPercent) {
  const Architecture& a = find_architecture(GetParam().name);
  EXPECT_NEAR(parameter_count(a) / 1e6, GetParam().parameters, 0.1);  // printed with one digit
  // The profile also counts batch normalisation, and all tokens' queries in the attention pool, which the model does
  // not compute: 0.4 of RN50's 12.2 GFLOP together with the rest 5 %; a ViT is within 2 %.
  EXPECT_NEAR(2 * image_gflops(a), GetParam().image_gflop, 0.06 * GetParam().image_gflop);
}

INSTANTIATE_TEST_SUITE_P(Paper, PublishedCost,
                         ::testing::Values(Published{"RN50", 102.0, 12.2}, Published{"RN101", 119.7, 19.5},
                                           Published{"RN50x4", 178.3, 42.6}, Published{"RN50x16", 291.0, 149.4},
                                           Published{"RN50x64", 623.3, 529.1}, Published{"ViT-B/32", 151.3, 8.8},
                                           Published{"ViT-B/16", 149.6, 35.1}, Published{"ViT-L/14", 427.6, 162.0},
                                           Published{"ViT-L/14@336", 427.9, 381.9}));

TEST(Objectives, AreInTheMetadataOfFiles) {
  EXPECT_EQ(objective_names(),
            (std::vector<std::string>{"bow_contrastive", "bow_prediction", "captioning", "contrastive"}));
  Architecture a = find_architecture("vit-test");
  for (const std::string& objective : objective_names()) {
    a.objective = objective;
    const Architecture b = from_metadata(to_metadata(a), "test");
    EXPECT_EQ(b.objective, objective);
    EXPECT_EQ(b.contrasts(), objective.ends_with("contrastive")) << objective;
  }
  auto metadata = to_metadata(a);
  metadata["objective"] = "masking";
  try {
    from_metadata(metadata, "file.safetensors");
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("metadata objective: 'masking', expected one of bow_contrastive"));
  }
}

}  // namespace
}  // namespace cliplab
