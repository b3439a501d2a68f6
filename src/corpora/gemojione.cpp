// Gemojione: emoji by another hand that is never trained on.
#include "corpora/emoji.hpp"

namespace cliplab {
namespace {

void build(int version) { write_emoji_sets(collect_gemojione(), version); }

const RecipeRegistration recipe(emoji_recipe("gemojione", "Gemojione", "emoji by another hand never trained on",
                                             "CC-BY-4.0", "ruby-gemojione", build));

}  // namespace
}  // namespace cliplab
