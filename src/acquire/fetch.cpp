// Interrupted transfers continue by HTTP ranges. A file gets its name only if its bytes have the SHA-256 of the table.
#include "acquire/fetch.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/progress.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

std::int64_t bytes_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

struct Transfer {
  std::FILE* file;
  std::int64_t done, limit;
  Progress progress;
  bool too_long = false;
};

std::size_t take_bytes(char* data, std::size_t, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.too_long = transfer.done + static_cast<std::int64_t>(count) > transfer.limit;
  if (transfer.too_long || std::fwrite(data, 1, count, transfer.file) != count)
    return 0;  // ends it with CURLE_WRITE_ERROR
  transfer.done += static_cast<std::int64_t>(count);
  transfer.progress.update(transfer.done / 1'000'000);
  return count;
}

int asked_to_stop(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return stop_requested() ? 1 : 0; }

/// The outcome of one attempt.
struct Try {
  std::string fault;        // empty: the server has sent all that it has
  bool hopeless = false;    // another attempt would fail in the same way
  bool from_start = false;  // the bytes on disk cannot be continued
  bool wrong = false;       // the bytes differ from the table's SHA-256
};

Try transfer_once(const Download& download, const fs::path& part) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(kReady == CURLE_OK ? curl_easy_init() : nullptr,
                                                                 curl_easy_cleanup);
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(part.c_str(), "ab"), std::fclose);
  if (!curl) fail(download.url, "libcurl that cannot start", "memory for it");
  if (!file) fail(part.string(), "cannot be written", "free space and permission");
  const std::int64_t begin = bytes_of(part);
  Transfer transfer{file.get(), begin, download.bytes,
                    Progress("download " + download.file(), download.bytes / 1'000'000, "MB")};
  transfer.progress.update(begin / 1'000'000);
  char cause[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, download.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");  // a redirect to file:// or scp:// is refused
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);  // a page that says 404 is no data
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);  // a minute without a byte ends the attempt
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "cliplab");
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(begin));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take_bytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, asked_to_stop);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, cause);
  const CURLcode code = curl_easy_perform(curl.get());
  const bool written = std::fflush(file.get()) == 0;
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (stop_requested()) throw Interrupted("stopped while downloading " + download.url + "; the same command goes on");
  if (transfer.too_long)
    return {.fault = fmt::format("more than {} bytes", download.bytes), .from_start = true, .wrong = true};
  if (code == CURLE_WRITE_ERROR || !written) fail(part.string(), "cannot be written", "free space on the disk");
  if (code == CURLE_OK) return {.fault = {}};
  if (code == CURLE_RANGE_ERROR || (begin > 0 && status == 416))
    return {.fault = "no transfer of the rest alone", .from_start = true};
  if (code == CURLE_HTTP_RETURNED_ERROR)
    return {.fault = fmt::format("HTTP status {}", status),
            .hopeless = status >= 400 && status < 500 && status != 408 && status != 429};
  const bool hopeless = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                        code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_PEER_FAILED_VERIFICATION;
  return {.fault = *cause != '\0' ? cause : curl_easy_strerror(code), .hopeless = hopeless};
}

void wait(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (stop_requested()) throw Interrupted("stopped while waiting for a download");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void fetch_file(const Download& download, const fs::path& target, const FetchOptions& options) {
  const fs::path part = target.string() + ".part";
  int in_vain = 0, wrong = 0;
  while (!fs::exists(target)) {  // a file under its name has been checked
    const std::int64_t before = bytes_of(part);
    Try end;
    if (before < download.bytes) end = transfer_once(download, part);
    const std::int64_t now = bytes_of(part);
    if (now == download.bytes) {
      const std::string sha256 = sha256_file(part);
      if (sha256 == download.sha256) return commit_file(part, target);
      end = {.fault = "bytes of SHA-256 " + sha256, .from_start = true, .wrong = true};
    } else if (end.fault.empty()) {
      end = {.fault = fmt::format("{} bytes", now), .from_start = true, .wrong = true};
    }
    if (end.from_start) fs::remove(part);
    wrong += end.wrong;  // twice: not caused by a continued transfer
    if (end.hopeless || wrong > 1 || (now <= before && ++in_vain > options.retries))
      fail(download.url, end.fault, fmt::format("{} bytes of SHA-256 {}", download.bytes, download.sha256),
           "the same command goes on; ./cliplab data describe says where else the set is");
    if (now > before) in_vain = 0;
    const double seconds = std::min(60.0, options.wait_s * (1 << std::min(in_vain, 10)));
    say(fmt::format("{}: {}; tries again in {:.3g} s", download.url, end.fault, seconds));
    wait(seconds);
  }
}

bool is_archive(const std::string& file) {
  return file.ends_with(".tar") || file.ends_with(".tar.gz") || file.ends_with(".tgz") || file.ends_with(".zip");
}

}  // namespace

void fetch_published(const PublishedSet& set, const FetchOptions& options) {
  const fs::path root = data_root(), target = root / set.name, work = root / (".fetch-" + set.name),
                 whole = work / "whole";
  fs::create_directories(work);
  const FileLock lock(root / (".lock-" + set.name));
  if (fs::exists(target)) return;  // made while this process waited
  fs::create_directories(work);
  for (const Download& download : set.downloads) fetch_file(download, work / download.file(), options);
  fs::remove_all(whole);  // half unpacked by a call that was stopped
  fs::create_directories(whole);
  for (const Download& download : set.downloads)
    if (is_archive(download.file()))
      unpack_archive(work / download.file(), whole, download.strip);
    else
      fs::copy_file(work / download.file(), whole / download.file());
  if (const int descriptor = ::open(whole.c_str(), O_RDONLY); descriptor >= 0)
    ::syncfs(descriptor), ::close(descriptor);  // before the rename
  fs::rename(whole, target);
  fs::remove_all(work);
}

}  // namespace cliplab
