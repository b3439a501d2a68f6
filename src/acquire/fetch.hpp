// Downloads a published set from its authors' servers (libcurl) into its folder under the data root. The folder is
// whole or absent: unfinished downloads are in a hidden folder next to it.
#pragma once

#include "sets/published.hpp"

namespace cliplab {

struct FetchOptions {
  int retries = 5;    // in a row that bring nothing
  double wait_s = 2;  // before the first of them; each next waits twice as long, at most a minute
};

/// Downloads set.downloads, continuing an earlier call, checks size and SHA-256, unpacks archives, and renames the
/// folder. Throws InputError: an address that is refused or gone, a wrong SHA-256 twice, a full disk.
void fetch_published(const PublishedSet& set, const FetchOptions& options);

/// Regular files of a tar or zip into `folder`, without the first `strip` folders of their names. Throws InputError for
/// a name that leads out of it and for a damaged archive; links are left out and counted on stderr.
void unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder, int strip);

}  // namespace cliplab
