// Sizes of the architecture table and in the metadata of files.
#include "model/architecture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace cliplab {
namespace {

TEST(Architecture, MetadataRoundTripsEverySize) {
  for (Architecture a : architecture_table()) {
    a.settings = {{"pool", "map"}};
    const Architecture b = from_metadata(to_metadata(a), "test");
    EXPECT_EQ(to_metadata(a), to_metadata(b)) << a.name;
    EXPECT_EQ(b.settings, a.settings);
  }
  EXPECT_GE(architecture_table().size(), 19u);
}

TEST(Architecture, RefusesMissingAndAbsurdMetadata) {
  auto metadata = to_metadata(find_architecture("vit-s"));
  const auto message = [&] {
    try {
      from_metadata(metadata, "file.safetensors");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  metadata["embed_dim"] = "-1";
  EXPECT_THAT(message(), ::testing::HasSubstr("file.safetensors: metadata embed_dim = '-1'"));
  metadata["embed_dim"] = "999999999999999999999";
  EXPECT_THAT(message(), ::testing::HasSubstr("embed_dim"));
  metadata["embed_dim"] = "128";
  metadata["head_width"] = "60";
  EXPECT_THAT(message(), ::testing::HasSubstr("divisors of the towers' widths"));
  metadata.erase("head_width");
  EXPECT_THAT(message(), ::testing::HasSubstr("no 'head_width'"));
  metadata["family"] = "mlp";
  EXPECT_THAT(message(), ::testing::HasSubstr("file.safetensors: metadata: family 'mlp', expected resnet,"));
}

TEST(Architecture, UnknownNameListsTheKnownOnes) {
  EXPECT_THROW(
      {
        try {
          find_architecture("ViT-B/31");
        } catch (const InputError& error) {
          EXPECT_THAT(error.what(), ::testing::HasSubstr("ViT-B/32"));
          throw;
        }
      },
      InputError);
}

}  // namespace
}  // namespace cliplab
