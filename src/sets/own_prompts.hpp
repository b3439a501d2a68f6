// Templates and class names that a folder brings along, in the files that CLIP_benchmark and CoOp use.
#pragma once

#include "sets/listing.hpp"

namespace cliplab {

/// The lines of zeroshot_classification_templates.txt as Listing::templates, if the folder has the file.
void read_own_templates(Listing& listing);

/// The names that classnames.txt gives to the classes of an ImageFolder, as Listing::prompt_names: each line begins
/// with the class's folder ("n01440764 tench"). Lines are joined to folders by that word, never by position; where a
/// class has no line none is used, with a notice.
void read_folder_names(Listing& listing);

}  // namespace cliplab
