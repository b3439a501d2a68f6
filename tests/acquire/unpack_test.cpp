// Archives of data sets to disk: names, links and damage.
#include <gmock/gmock.h>

#include "acquire/fetch.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class UnpackTest : public TwinTest {
 protected:
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(out))
      if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(out).string());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path out = root / "out";
};

TEST_F(UnpackTest, FoldersInFrontAreDroppedAndContentsStay) {
  const auto file = write(
      "a.tar.gz",
      archive_of({{"./top/readme", "r"}, {"top/a/1", "one"}, {"top/b/2", std::string(200000, 'z')}, {"loose", "l"}},
                 true));
  unpack_archive(file, out, 1);
  EXPECT_THAT(files(), ElementsAre("a/1", "b/2", "readme"));  // loose lies outside of top/
  EXPECT_EQ(read_file(out / "a/1"), "one");
  EXPECT_EQ(read_file(out / "b/2"), std::string(200000, 'z'));
}

TEST_F(UnpackTest, NothingIsWrittenOutsideNorThroughLinks) {
  for (const std::string name : {"../up", "a/../../up", "/tmp/cliplab_unpack_up"}) {
    const auto file = write("bad.tar", archive_of({{name, "x"}}, false));
    EXPECT_THAT(input_error([&] { unpack_archive(file, out, 0); }),
                ::testing::AllOf(HasSubstr("bad.tar"), HasSubstr(name)))
        << name;
    EXPECT_FALSE(fs::exists(root / "up")) << name;
    EXPECT_FALSE(fs::exists("/tmp/cliplab_unpack_up")) << name;
  }
  fs::create_directories(root / "target");
  const auto file =
      write("link.tar", archive_of({{"door", "", (root / "target").string()}, {"door/x", "x"}, {"y", "y"}}, false));
  unpack_archive(file, out, 0);
  EXPECT_TRUE(fs::is_empty(root / "target"));
  EXPECT_EQ(read_file(out / "y"), "y");
}

TEST_F(UnpackTest, CutAndForeignArchivesAreNamed) {
  const std::string whole = archive_of({{"a", std::string(50000, 'a')}, {"b", "b"}}, true);
  const auto cut = write("cut.tar.gz", whole.substr(0, whole.size() / 2)),
             foreign = write("page.tar.gz", "<html>not here</html>");
  EXPECT_THAT(input_error([&] { unpack_archive(cut, out, 0); }), HasSubstr("cut.tar.gz: a damaged or cut archive"));
  EXPECT_THAT(input_error([&] { unpack_archive(foreign, out, 0); }),
              HasSubstr("page.tar.gz: a damaged or cut archive"));
}

TEST_F(UnpackTest, MutationsGiveOnlyInputErrors) {
  const std::string whole = archive_of({{"top/a", std::string(2000, 'a')}, {"top/b", "b"}}, false);
  Rng rng(3, 0);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = whole;
    for (int k = 0; k < 4; ++k) bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    const auto file = write("m.tar", bytes);
    try {
      unpack_archive(file, out, 1);
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), ::testing::AnyOf(HasSubstr("m.tar"), HasSubstr("out/")));
    }
  }
}

}  // namespace
}  // namespace cliplab
