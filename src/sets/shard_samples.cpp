// Names, lines and numbers; no archive is opened here.
#include "sets/shard_samples.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.hpp"
#include "base/text.hpp"
#include "sets/members.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kEvaluation{"webp", "png", "jpg", "jpeg"},
    kTraining{"jpg", "png", "jpeg", "webp"};

/// "__name__" or "__name__/...": webdataset's metadata.
bool is_metadata(std::string_view name) {
  const auto slash = std::min(name.find('/'), name.size());
  const std::string_view first = name.substr(0, slash);
  return first.size() >= 4 && first.starts_with("__") && first.ends_with("__");
}

}  // namespace

std::optional<MemberName> sample_member(const std::string& name) {
  const auto slash = name.rfind('/');
  const std::size_t last = slash == std::string::npos ? 0 : slash + 1;
  const auto dot = name.find('.', last);
  if (dot == std::string::npos || dot == last || is_metadata(name)) return {};
  return MemberName{name.substr(0, dot), lower_ascii(std::string_view(name).substr(dot + 1))};
}

std::span<const std::string_view> evaluation_pictures() { return kEvaluation; }
std::span<const std::string_view> training_pictures() { return kTraining; }

int picture_rank(std::span<const std::string_view> wanted, const std::string& suffix) {
  const auto at = std::find(wanted.begin(), wanted.end(), suffix);
  if (at == wanted.end() && (suffix.find('.') != std::string::npos || !is_picture_name("." + suffix))) return -1;
  return static_cast<int>(at - wanted.begin());
}

bool is_shard_name(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  if (name.starts_with('.')) return false;
  const std::string low = lower_ascii(name);
  return std::ranges::any_of(
      std::to_array<std::string_view>({".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz",
                                       ".tar.lzma", ".tlz", ".tar.lz", ".tar.zst", ".tzst", ".tar.lz4", ".tar.z"}),
      [&](std::string_view ending) { return low.size() > ending.size() && low.ends_with(ending); });
}

std::vector<fs::path> shards_in(const fs::path& folder) {
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code error;  // a link to itself has no status
    if (is_shard_name(entry.path().filename().string()) && !entry.is_directory(error)) shards.push_back(entry.path());
  }
  std::sort(shards.begin(), shards.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename(), y = b.filename();
    return std::pair(x.size(), x) < std::pair(y.size(), y);
  });
  return shards;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto c = static_cast<unsigned char>(rest[0]);
    const std::size_t end = rest.starts_with("\r\n")                                               ? 2
                            : (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E)                 ? 1
                            : rest.starts_with("\xC2\x85")                                         ? 2
                            : rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9") ? 3
                                                                                                   : 0;
    if (end > 0) lines.emplace_back(text.substr(begin, at - begin)), begin = at + end;
    at += std::max<std::size_t>(end, 1);
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string caption_fault(std::string_view text) {
  if (!is_utf8(text)) return "not UTF-8";
  // White space beyond ASCII: no-break space, the spaces of U+2000, ideographic space, zero-width space, byte-order
  // mark.
  constexpr auto kWide = std::to_array<std::string_view>(
      {"\xC2\xA0",     "\xC2\x85",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
       "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
       "\xE2\x80\x8B", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80", "\xEF\xBB\xBF"});
  while (!text.empty()) {
    if (static_cast<unsigned char>(text[0]) <= ' ') {
      text.remove_prefix(1);
      continue;
    }
    const auto wide = std::ranges::find_if(kWide, [&](std::string_view space) { return text.starts_with(space); });
    if (wide == kWide.end()) return {};
    text.remove_prefix(wide->size());
  }
  return "blank";
}

std::optional<int> parse_class_number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  int value = 0;
  return parse_number(text, value) ? std::optional(value) : std::nullopt;
}

}  // namespace cliplab
