// Builds sets from packages, by the recipe that registered them.
#pragma once

#include <string>

namespace cliplab {

/// Makes the built set `name` ("drawings"; of "drawings:noto" the whole set) present and current: downloads the
/// packages that are missing (apt-get download, pip download), checks them against data/manifest.json, and runs its
/// recipe. Does nothing when the set is present and current. Progress on stderr. Throws InputError with one line when
/// something cannot be had.
void fetch_corpus(const std::string& name);

}  // namespace cliplab
