// Captions for clip art: what names the picture, not the collection.
#include "corpora/openclipart.hpp"

#include <gtest/gtest.h>

#include "base/rng.hpp"
#include "fuzz_inputs.hpp"

namespace cliplab {
namespace {

TEST(OpenClipart, CaptionsNameThePictureAndNotTheCollection) {
  const auto captions = [](const std::string& path, const std::string& title, std::vector<std::string> keywords,
                           const std::string& description = "") {
    return clipart_captions(path, {title, description, std::move(keywords)});
  };
  EXPECT_TRUE(captions("shapes/stars/star_92pt15step.svg", "gramastar", {"stars"}).empty());
  EXPECT_EQ(captions("animals/mammals/contour_giraffe.svg", "Clipart by Nicu Buculei - contour_chipmunk",
                     {"mammal", "animal"})
                .front(),
            "contour giraffe");
  EXPECT_EQ(captions("computer/icons/flat-theme/device/printer.svg", "Part of the Flat Icon Collection (Wed)",
                     {"hash", "icons"})
                .front(),
            "printer");
  const auto dog = captions("animals/dogs/bored_dog_01.svg", "Bored dog", {"mammal", "hash(0x8a)", "0x12", "dog"},
                            "a bored dog on a mat");
  EXPECT_EQ(dog,
            (std::vector<std::string>{"bored dog", "a bored dog on a mat", "bored dog, mammal, dog, animals, dogs"}));
  EXPECT_EQ(captions("signs_and_symbols/flags/africa/algeria.svg", "algeria", {"flag"}).front(), "flag of algeria");
}

TEST(OpenClipart, MetadataOfBrokenXmlIsEmptyNotACrash) {
  const std::string svg =
      R"(<svg xmlns:dc="d" xmlns:rdf="r" xmlns:cc="c"><metadata><rdf:RDF><cc:Work><dc:title> A  Cat </dc:title><dc:subject><rdf:Bag><rdf:li>pet</rdf:li></rdf:Bag></dc:subject></cc:Work></rdf:RDF></metadata></svg>)";
  EXPECT_EQ(read_clipart_text(svg).title, "A Cat");
  EXPECT_EQ(read_clipart_text(svg).keywords, std::vector<std::string>{"pet"});
  Rng rng(9);
  for (int round = 0, rounds = fuzz_inputs(3000); round < rounds; ++round) {
    std::string bytes = svg.substr(0, 1 + rng.below(svg.size()));
    for (int i = 0; i < 4; ++i) bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    read_clipart_text(bytes);
  }
}

}  // namespace
}  // namespace cliplab
