// The files of a published set from their authors' servers (libcurl), then its folder under the data root, which is
// whole or absent: what is under way lies in a hidden folder beside it.
#pragma once

#include "sets/published.hpp"

namespace cliplab {

struct FetchOptions {
  int retries = 5;    // in a row that bring nothing
  double wait_s = 2;  // before the first of them; each next waits twice as long, at most a minute
};

/// Downloads set.downloads, taking up what an earlier call left, checks bytes and SHA-256, unpacks archives, and gives
/// the folder its name. Throws InputError: an address that is refused or gone, bytes that are others twice, a full
/// disk.
void fetch_published(const PublishedSet& set, const FetchOptions& options);

/// Regular files of a tar or zip into `folder`, without the first `strip` folders of their names. Throws InputError for
/// a name that leads out of it and for a damaged archive; links are left out and counted on stderr.
void unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder, int strip);

}  // namespace cliplab
