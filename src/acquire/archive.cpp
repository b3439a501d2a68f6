// A wheel is a zip; a .deb is an ar file with a compressed data.tar inside.
#include "acquire/archive.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "sets/archive_reader.hpp"

namespace cliplab {
namespace {

constexpr std::size_t kMaxInner = std::size_t{2} << 30, kMaxTotal = std::size_t{4} << 30;

void walk(ArchiveReader& reader, const std::string& where, const std::function<bool(const std::string&)>& wanted,
          const std::function<void(const std::string&, std::string)>& visit, std::size_t max_member, bool inner) {
  std::size_t total = 0;
  bool has_data = false;
  while (reader.next()) {
    if (!reader.is_file()) continue;
    const std::string name = reader.name();
    if (!inner && name.starts_with("data.tar")) {
      const std::string data = reader.read(kMaxInner);
      ArchiveReader nested(data, where + ":" + name, ArchiveReader::Formats::kTar);
      has_data = true;
      walk(nested, where, wanted, visit, max_member, true);
    } else if (wanted(name)) {
      std::string bytes = reader.read(std::min(max_member, kMaxTotal - total));
      total += bytes.size();
      visit(name, std::move(bytes));
    }
  }
  if (!inner && !has_data && reader.is_ar()) fail(where, "no data.tar", "a whole .deb");
}

}  // namespace

void for_each_member(const std::filesystem::path& package, const std::function<bool(const std::string&)>& wanted,
                     const std::function<void(const std::string&, std::string)>& visit, std::size_t max_member) {
  ArchiveReader reader(package, ArchiveReader::Formats::kAll);
  walk(reader, package.string(), wanted, visit, max_member, false);
}

}  // namespace cliplab
