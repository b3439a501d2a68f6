// One scanner for the three questions about a template.
#include "base/prompt_template.hpp"

#include "base/error.hpp"

namespace cliplab {
namespace {

/// Calls text(character) and place(written) in their order; `written` is what stands between the braces.
template <class Text, class Place>
void scan(std::string_view text, const std::string& where, Text on_text, Place on_place) {
  const auto refuse = [&](const std::string& found) {
    fail(where, found + " in the template '" + std::string(text) + "'", "{} or {c} where the class name goes",
         "write {{ and }} for braces");
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '{' && c != '}') {
      on_text(c);
    } else if (text.substr(at + 1).starts_with(c)) {
      on_text(c), ++at;
    } else if (const auto end = text.find('}', at); c == '{' && end != std::string_view::npos) {
      const std::string_view written = text.substr(at + 1, end - at - 1);
      if (!written.empty() && written != "c") refuse("the place '{" + std::string(written) + "}'");
      on_place(written), at = end;
    } else {
      refuse(std::string("a single '") + c + "'");
    }
  }
}

}  // namespace

std::string canonical_template(std::string_view text, const std::string& where) {
  std::string out;
  const auto add = [&](char c) { out.append(c == '{' ? "{{" : c == '}' ? "}}" : std::string(1, c)); };
  scan(text, where, add, [&](std::string_view) { out += "{}"; });
  return out;
}

bool has_place(std::string_view text) {
  bool any = false;
  scan(
      text, "prompt template", [](char) {}, [&](std::string_view) { any = true; });
  return any;
}

std::string fill_template(std::string_view text, std::string_view class_name) {
  std::string out;
  scan(
      text, "prompt template", [&](char c) { out += c; }, [&](std::string_view) { out += class_name; });
  return out;
}

}  // namespace cliplab
