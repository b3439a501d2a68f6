// Templates of prompts, in the language of Python's str.format as CLIP's users write it: {} and {c} stand for the class
// name, as often as they occur, {{ and }} for one brace.
#pragma once

#include <string>
#include <string_view>

namespace cliplab {

/// The template with every {c} written as {}: the form in which templates are compared. Throws InputError naming
/// `where` for a single brace and for another place ("{name}", "{c!r}").
std::string canonical_template(std::string_view text, const std::string& where);

/// True if the class name stands in it at all. `text` is canonical; so is that of fill_template.
bool has_place(std::string_view text);

/// "a photo of a {}." and "cat" -> "a photo of a cat.". The name is put in as it is, braces and all. Throws InputError
/// for a template that is not canonical.
std::string fill_template(std::string_view text, std::string_view class_name);

}  // namespace cliplab
