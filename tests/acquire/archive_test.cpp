// Packages are hostile: damaged, lying or oversized ones are one InputError. Caption rules for clip art.
#include "acquire/archive.hpp"

#include <gmock/gmock.h>

#include "acquire/fake_packages.hpp"
#include "acquire/packages.hpp"
#include "corpora/openclipart.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Members = PackageMembers;

class ArchiveTest : public FakeRoot {
 protected:
  Members read(const std::string& bytes, std::size_t max_member = 1 << 20) const {
    const auto file = root / "package";
    overwrite(file, bytes);
    Members members;
    for_each_member(
        file, [](const std::string& name) { return name != "skip"; },
        [&](const std::string& name, std::string data) { members.emplace_back(name, std::move(data)); }, max_member);
    return members;
  }
};

const Members kFiles{{"usr/a.txt", "hello"}, {"usr/b.bin", std::string(5000, 'b')}};

TEST_F(ArchiveTest, DebAndWheelGiveTheirMembers) {
  EXPECT_EQ(read(wheel(kFiles)), kFiles);
  Members from_deb = read(deb({{"./usr/a.txt", "hello"}, {"./usr/b.bin", std::string(5000, 'b')}, {"./skip", "x"}}));
  std::erase_if(from_deb, [](const auto& member) { return !member.first.starts_with("usr/"); });
  EXPECT_EQ(from_deb, kFiles);
}

TEST_F(ArchiveTest, MemberOverTheLimitIsRefused) {
  EXPECT_THAT(input_error([&] { read(wheel(kFiles), 4000); }), HasSubstr("usr/b.bin"));
  EXPECT_THAT(input_error([&] { read(deb(kFiles), 4000); }), HasSubstr("usr/b.bin"));
}

TEST_F(ArchiveTest, LyingSizesAreRefused) {
  // The central directory and the local header of a zip say how long a member is.
  std::string zip = wheel({{"a.txt", std::string(3000, 'a')}});
  std::string ar = deb(kFiles);
  const std::size_t at = ar.find("data.tar.xz");
  ASSERT_NE(at, std::string::npos);
  ar.replace(at + 48, 10, "9999999999");  // ar: ten decimal digits
  EXPECT_THAT(input_error([&] { read(ar); }), HasSubstr("package"));
  const std::size_t central = zip.find("PK\x01\x02");
  ASSERT_NE(central, std::string::npos);
  for (const std::size_t field : {central + 20, central + 24})
    zip.replace(field, 4, std::string("\xFF\xFF\xFF\x7F", 4));
  EXPECT_THAT(input_error([&] { read(zip); }), HasSubstr("package"));
}

TEST_F(ArchiveTest, TruncatedAndForeignFilesAreRefused) {
  for (const std::string& whole : {wheel(kFiles), deb(kFiles)})
    EXPECT_THAT(input_error([&] { read(whole.substr(0, whole.size() / 2)); }), HasSubstr("package"));
  EXPECT_THAT(input_error([&] { read("<html>404</html>"); }), HasSubstr("package"));
  EXPECT_THAT(input_error([&] { read(""); }), HasSubstr("package"));
  EXPECT_THAT(input_error([&] {
                for_each_member(
                    root / "absent.deb", [](const std::string&) { return true; },
                    [](const std::string&, const std::string&) {});
              }),
              HasSubstr("absent.deb"));
}

TEST_F(ArchiveTest, MutationsGiveOnlyInputErrors) {
  Rng rng(5);
  for (const std::string& whole : {wheel(kFiles), deb(kFiles)})
    for (int i = 0; i < 1500; ++i) {
      std::ofstream(root / "package", std::ios::binary) << mutate(whole, rng);
      input_error([&] {
        for_each_member(
            root / "package", [](const std::string&) { return true; }, [](const std::string&, const std::string&) {},
            1 << 20);
      });
    }
}

class PackagesTest : public ArchiveTest {
 protected:
  void list(const std::string& kind, const std::string& version, const std::string& bytes) const {
    overwrite(root / "data/manifest.json", nlohmann::json{{"packages",
                                                           {{"some-data",
                                                             {{"kind", kind},
                                                              {"version", version},
                                                              {"bytes", bytes.size()},
                                                              {"sha256", sha256_hex(bytes)},
                                                              {"licence", "MIT"}}}}}}
                                               .dump());
    std::filesystem::create_directories(root / "data/downloads");
  }
};

TEST_F(PackagesTest, ListedPackageIsTakenAsItIs) {
  const std::string bytes = wheel(kFiles);
  list("wheel", "1.0", bytes);
  overwrite(root / "data/downloads/some_data-1.0-py3-none-any.whl", bytes);
  EXPECT_EQ(obtain_package("some-data").version, "1.0");
  EXPECT_THAT(input_error([] { obtain_package("other"); }), HasSubstr("'other'"));
}

TEST_F(PackagesTest, ChangedWheelIsAnErrorAndRemoved) {
  const std::string bytes = wheel(kFiles);
  list("wheel", "1.0", bytes);
  const auto file = root / "data/downloads/some_data-1.0-py3-none-any.whl";
  overwrite(file, bytes.substr(0, 200));
  EXPECT_THAT(input_error([] { obtain_package("some-data"); }), HasSubstr("it was removed"));
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(PackagesTest, AnotherVersionOfADebIsUsedUnlessDamaged) {
  const std::string tested = deb(kFiles), other = deb({{"./usr/new", "n"}});
  list("deb", "1:1.0-1", tested);
  const auto file = root / "data/downloads/some-data_1%3a2.0-1_all.deb";
  overwrite(file, other);
  EXPECT_EQ(obtain_package("some-data").version, "1:2.0-1");
  overwrite(file, other.substr(0, other.size() / 2));
  EXPECT_THAT(input_error([] { obtain_package("some-data"); }), HasSubstr("it was removed"));
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(PackagesTest, MutatedManifestGivesOnlyInputErrors) {
  const std::string bytes = wheel(kFiles);
  list("wheel", "1.0", bytes);
  const std::string whole = read_file(root / "data/manifest.json");
  const auto file = root / "data/downloads/some_data-1.0-py3-none-any.whl";
  Rng rng(13);
  for (int i = 0; i < 1000; ++i) {
    overwrite(file, bytes);
    std::string text = whole;  // values only: a changed kind or name would ask for a download
    const std::size_t at = text.find("sha256");
    text = text.substr(0, at) + mutate(text.substr(at), rng);
    std::ofstream(root / "data/manifest.json", std::ios::binary) << text;
    input_error([] { obtain_package("some-data"); });
  }
}

std::string svg(const std::string& fields) {
  return "<svg xmlns='http://www.w3.org/2000/svg'><metadata><rdf:RDF xmlns:cc='c' xmlns:dc='d' "
         "xmlns:rdf='r'><cc:Work>" +
         fields + "</cc:Work></rdf:RDF></metadata></svg>";
}

TEST(Clipart, MetadataAndCaptions) {
  const ClipartText text = read_clipart_text(
      svg("<dc:title>Red  apple_02</dc:title><dc:description>A red "
          "apple.</dc:description><dc:subject><rdf:Bag><rdf:li>fruit</rdf:li></rdf:Bag></dc:subject>"));
  EXPECT_EQ(text.title, "Red apple_02");
  EXPECT_THAT(clipart_captions("food/fruit/red_apple_02.svg", text),
              ElementsAre("red apple", "A red apple.", "red apple, fruit, food"));
}

TEST(Clipart, CollectionTitlesFallBackOnTheFileNameWithoutItsAuthor) {
  EXPECT_EQ(
      clipart_captions(
          "animals/cavallo_architetto_fra_01.svg",
          {"Clipart by someone", "", {"architetto francesco rollandin", "horse"}, "Architetto Francesco Rollandin"})
          .back(),
      "cavallo, horse, animals");
  EXPECT_EQ(clipart_captions("geography/02_waxingcrescent_openc_01.svg", {"", "", {}, ""}).front(), "waxingcrescent");
  EXPECT_THAT(clipart_captions("special/gramastar_01.svg", {"gramastar 1", "", {"star"}, ""}), IsEmpty());
  EXPECT_THAT(clipart_captions("computer/70a014.svg", {"gold-theme", "", {"icon"}, ""}), IsEmpty());
}

TEST(Clipart, PlayingCardsAreNamed) {
  EXPECT_EQ(clipart_captions("recreation/games/cards/simple/simple_d_10.svg", {"Simple", "", {"card"}, ""}).front(),
            "ten of diamonds");
  EXPECT_NE(clipart_captions("recreation/games/cards/simple/simple_jk_b.svg", {"Simple", "", {"card"}, ""}).front(),
            "jack of spades");
}

TEST(Clipart, DamagedAndHostileXmlIsReadAsFarAsItGoes) {
  EXPECT_EQ(read_clipart_text("").title, "");
  EXPECT_EQ(read_clipart_text("no xml").title, "");
  EXPECT_EQ(read_clipart_text(svg("<dc:title>cat")).title, "cat");
  const std::string bomb =
      "<!DOCTYPE svg [<!ENTITY a 'ha'><!ENTITY b SYSTEM 'file:///etc/passwd'>]>" + svg("<dc:title>x &b; y</dc:title>");
  EXPECT_EQ(read_clipart_text(bomb).title.find("root"), std::string::npos);
}

}  // namespace
}  // namespace cliplab
