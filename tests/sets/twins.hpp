// Small copies of data sets in the layouts of the real ones, with known answers: what the readers are tested on.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <matio.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "corpora/fake_corpus.hpp"
#include "sets/listing.hpp"
#include "sets/published.hpp"
#include "sets/set_ref.hpp"
#include "sets/verify.hpp"

namespace cliplab {

/// A project root whose data root is `sets`.
class TwinTest : public FakeRoot {
 protected:
  TwinTest() : sets(root / "data/sets") { std::filesystem::create_directories(sets); }

  struct Member {
    std::string name, content;
    std::string link{};  // not empty: a symbolic link to it
  };

  /// `filter`: ARCHIVE_FILTER_GZIP is 1, as `true` is.
  static std::string archive_of(const std::vector<Member>& members, int filter) {
    std::string bytes(4 << 20, '\0');
    std::size_t used = 0;
    archive* handle = archive_write_new();
    archive_write_set_format_gnutar(handle);
    EXPECT_EQ(archive_write_add_filter(handle, filter), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(handle, 1);
    EXPECT_EQ(archive_write_open_memory(handle, bytes.data(), bytes.size(), &used), ARCHIVE_OK);
    for (const Member& member : members) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, member.name.c_str());
      archive_entry_set_perm(entry, 0644);
      archive_entry_set_filetype(entry, member.link.empty() ? AE_IFREG : AE_IFLNK);
      if (!member.link.empty()) archive_entry_set_symlink(entry, member.link.c_str());
      archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
      EXPECT_EQ(archive_write_header(handle, entry), ARCHIVE_OK) << archive_error_string(handle);
      archive_write_data(handle, member.content.data(), member.content.size());
      archive_entry_free(entry);
    }
    archive_write_close(handle);
    archive_write_free(handle);
    bytes.resize(used);
    return bytes;
  }

  static std::string png(int shade) { return encode_png(picture(shade)); }

  std::filesystem::path write(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories((sets / path).parent_path());
    overwrite(sets / path, content);
    return sets / path;
  }
  void write_table(const std::vector<nlohmann::json>& sets_of_table) const {
    overwrite(root / "data/datasets.json", nlohmann::json{{"sets", sets_of_table}}.dump());
  }

  /// The least that the table asks of a set.
  static nlohmann::json entry(const std::string& name) {
    return {{"name", name},      {"title", name},        {"group", "special"},
            {"task", "classes"}, {"source", "here"},     {"get", "write it"},
            {"licence", "none"}, {"metric", "accuracy"}, {"comparable", "exact"}};
  }

  Listing listing(const std::string& name) const { return read_listing(sets / name); }
  std::string problems(const std::string& name) const {
    std::string text;
    for (const std::string& problem : read_listing(sets / name).problems) text += problem + "\n";
    return text;
  }
  std::string notices(const std::string& name) const {
    std::string text;
    for (const std::string& notice : read_listing(sets / name).all_notices()) text += notice + "\n";
    return text;
  }
  /// "split/class/shade" of each sample, sorted: the shade is what picture() drew.
  static std::vector<std::string> contents(const Listing& listing) {
    std::vector<std::string> rows;
    for (const Item& item : listing.items) {
      const Image image = decode_item(listing, item);
      int shade = -1;
      for (int s = 0; s < 100 && shade < 0; ++s)
        if (picture(s).pixels == image.pixels) shade = s;
      rows.push_back(listing.splits[item.split] + "/" + (item.label < 0 ? "" : listing.class_names[item.label]) + "/" +
                     std::to_string(shade));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  std::filesystem::path sets;
};

}  // namespace cliplab
