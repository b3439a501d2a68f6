// Small .deb and .whl files, and a data/manifest.json that lists them.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <utility>
#include <vector>

#include "corpora/fake_corpus.hpp"

namespace cliplab {

using PackageMembers = std::vector<std::pair<std::string, std::string>>;

inline std::string pack(const PackageMembers& members, int (*set_format)(archive*), bool xz) {
  archive* handle = archive_write_new();
  set_format(handle);
  if (xz) archive_write_add_filter_xz(handle);
  archive_write_set_bytes_per_block(handle, 0);
  std::string buffer(1 << 22, '\0');
  std::size_t used = 0;
  EXPECT_EQ(archive_write_open_memory(handle, buffer.data(), buffer.size(), &used), ARCHIVE_OK);
  for (const auto& [name, bytes] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    EXPECT_EQ(archive_write_header(handle, entry), ARCHIVE_OK) << archive_error_string(handle);
    archive_write_data(handle, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(handle);
  archive_write_free(handle);
  buffer.resize(used);
  return buffer;
}

inline std::string deb(const PackageMembers& members) {
  return pack({{"debian-binary", "2.0\n"},
               {"control.tar", "none"},
               {"data.tar.xz", pack(members, archive_write_set_format_ustar, true)}},
              archive_write_set_format_ar_bsd, false);
}
inline std::string wheel(const PackageMembers& members) { return pack(members, archive_write_set_format_zip, false); }

/// Puts the packages into data/downloads and data/manifest.json, as if they had been downloaded.
class PackagedRoot : public FakeRoot {
 protected:
  void add_deb(const std::string& name, const PackageMembers& members) {
    add(name, "deb", name + "_1.0_all.deb", deb(members));
  }
  void add_wheel(const std::string& name, const PackageMembers& members) {
    std::string file = name;
    for (char& c : file) c = c == '-' ? '_' : c;
    add(name, "wheel", file + "-1.0-py3-none-any.whl", wheel(members));
  }

 private:
  void add(const std::string& name, const std::string& kind, const std::string& file, const std::string& bytes) {
    packages_[name] = {
        {"kind", kind}, {"version", "1.0"}, {"bytes", bytes.size()}, {"sha256", sha256_hex(bytes)}, {"licence", "MIT"}};
    std::filesystem::create_directories(root / "data/downloads");
    overwrite(root / "data/downloads" / file, bytes);
    overwrite(root / "data/manifest.json", nlohmann::json{{"packages", packages_}}.dump());
  }
  nlohmann::json packages_ = nlohmann::json::object();
};

}  // namespace cliplab
