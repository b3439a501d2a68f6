// Titles, descriptions and keywords of Open Clip Art SVGs, and captions made of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// What the RDF block of an SVG says, each trimmed; empty when it is missing or the XML is damaged.
struct ClipartText {
  std::string title, description;
  std::vector<std::string> keywords;
  std::string creator{};
};
ClipartText read_clipart_text(std::string_view svg);

/// Captions for `path` ("animals/birds/cigno_01.svg" below svg/): the title or, where it is the name of a
/// collection, words of the file name; a short description; the name with its keywords. Empty: nothing says
/// what is drawn.
std::vector<std::string> clipart_captions(const std::string& path, const ClipartText& text);

}  // namespace cliplab
