// TensorBoard's event files: checksums and bytes. That they hold a training's curve, once:
// tests/e2e/test_event_files.py.
#include "store/event_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

// RFC 3720, appendix B.4.
TEST(EventFile, ChecksumsAreThoseOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

class EventFolder : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    return found;
  }
  fs::path folder_ = fs::temp_directory_path() / ("cliplab_events_" + std::to_string(::getpid()));
};

TEST_F(EventFolder, AScalarIsTheMessageByHand) {
  EventFile(folder_, {"loss", "val"}).add(2.0, 300, std::vector<double>{0.5, std::nan("")});
  const std::string bytes = read_file(files().at(0));
  // wall_time = 2.0, step = 300, summary {value {tag "loss" simple_value 0.5}}; nothing of the curve that is not a
  // number.
  const std::string event("\x09\0\0\0\0\0\0\0\x40\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f", 27);
  ASSERT_GT(bytes.size(), event.size() + 16);
  EXPECT_EQ(bytes.substr(bytes.size() - event.size() - 4, event.size()), event);
  EXPECT_THAT(bytes, ::testing::HasSubstr("brain.Event:2"));
}

TEST_F(EventFolder, ANewFileTakesTheOldOnesPlace) {
  std::ofstream(folder_ / "events.out.tfevents.1.cliplab") << "old";
  std::ofstream(folder_ / "model.safetensors") << "kept";
  const EventFile events(folder_, {"loss"});
  EXPECT_EQ(files().size(), 2u);
  EXPECT_FALSE(fs::exists(folder_ / "events.out.tfevents.1.cliplab"));
}

TEST_F(EventFolder, AFolderThatGoesIsAnErrorWithTheFilesName) {
  EventFile events(folder_, {"loss"});
  fs::remove_all(folder_);
  EXPECT_THROW(events.add(1, 1, std::vector<double>{1}), InputError);
}

}  // namespace
}  // namespace cliplab
