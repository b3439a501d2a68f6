// Gemojione: emoji by another hand that is never trained on.
#include "corpora/emoji.hpp"

namespace cliplab {
namespace {

void build_gemojione(int version) { write_emoji_sets(collect_gemojione(), version); }

const RecipeRegistration registered_gemojione(emoji_recipe("gemojione", "Gemojione",
                                                           "emoji by another hand never trained on", "CC-BY-4.0",
                                                           "ruby-gemojione", build_gemojione));

}  // namespace
}  // namespace cliplab
