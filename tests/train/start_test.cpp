// Training that starts from another model's weights.
#include "train/start.hpp"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <filesystem>

#include "base/error.hpp"
#include "model/files/weights.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using torch::Tensor;

class Start : public ::testing::Test {
 protected:
  Start() : file(fs::temp_directory_path() / ("cliplab-start-" + std::to_string(::getpid()) + ".safetensors")) {}
  ~Start() override { fs::remove(file); }

  static Architecture at_resolution(const std::string& name, int resolution) {
    Architecture architecture = find_architecture(name);
    architecture.resolution = resolution;
    return architecture;
  }
  /// A model whose positions are `1 + 2 x - 3 y` of their place in the grid, the class's 7.
  Clip written(const std::string& name, int grid, const std::string& positions) const {
    Clip model(find_architecture(name));
    Tensor values = named_state(*model).at(positions);
    const torch::NoGradGuard no_grad;
    values[0].fill_(7);
    for (int y = 0; y < grid; ++y)
      for (int x = 0; x < grid; ++x) values[1 + y * grid + x].fill_(1 + 2 * x - 3 * y);
    save_model(file, model);
    return model;
  }

  fs::path file;
};

TEST_F(Start, TheSameSizesAreCopied) {
  Clip from = written("vit-test", 4, "visual.positional_embedding"), to(find_architecture("vit-test"));
  start_from(file, to);
  for (const auto& [name, value] : named_state(*from))
    EXPECT_TRUE(torch::equal(value, named_state(*to).at(name))) << name;
}

TEST_F(Start, PositionsFollowTheResolution) {
  for (const auto& [name, positions] : {std::pair{"vit-test", "visual.positional_embedding"},
                                        std::pair{"rn-test", "visual.attnpool.positional_embedding"}}) {
    const Architecture small = find_architecture(name), large = at_resolution(name, 2 * small.resolution);
    const auto grid = static_cast<int>(std::lround(std::sqrt(named_state(*Clip(small)).at(positions).size(0) - 1.0)));
    Clip from = written(name, grid, positions), to(large);
    start_from(file, to);
    const Tensor got = named_state(*to).at(positions);
    ASSERT_EQ(got.size(0), 1 + 4 * grid * grid);
    EXPECT_TRUE((got[0] == 7).all().item<bool>());
    // Keys' cubic of a = -1/2 keeps straight lines where its four taps are inside: the middle of a grid of 4 or more.
    if (grid < 4) continue;
    for (int y = 3; y < 2 * grid - 3; ++y)
      for (int x = 3; x < 2 * grid - 3; ++x) {
        const double expected = 1 + 2 * ((x + 0.5) / 2 - 0.5) - 3 * ((y + 0.5) / 2 - 0.5);
        EXPECT_NEAR(got[1 + y * 2 * grid + x][0].item<double>(), expected, 16 * 6e-8 * 12)
            << x << " " << y;  // 16 taps of up to 12
      }
  }
}

TEST_F(Start, AnotherWidthIsRefusedByName) {
  written("vit-test", 4, "visual.positional_embedding");
  Clip other(find_architecture("vit-xs"));
  try {
    start_from(file, other);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr(file.string()));
    EXPECT_THAT(error.what(), HasSubstr("visual.conv1.weight"));
  }
}

}  // namespace
}  // namespace cliplab
