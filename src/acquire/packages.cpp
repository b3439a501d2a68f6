// apt-get download and pip download, without a shell and without root.
#include "acquire/packages.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <vector>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/progress.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Runs a program in `folder`; its output goes to `log`. True when it ended with 0.
bool run_program(const std::vector<std::string>& words, const fs::path& folder, const fs::path& log) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), in = ::open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || ::chdir(folder.c_str()) != 0) ::_exit(127);
    ::dup2(in, 0), ::dup2(out, 1), ::dup2(out, 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  if (child < 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  if (stop_requested()) throw Interrupted("stopped while downloading " + words.back());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string last_line(const fs::path& log) {
  std::string text = fs::exists(log) ? read_file(log) : std::string();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1).substr(0, 300);
}

/// The newest file of the package in `folder`: "<name>_<version>_all.deb" or "<name>-<version>-....whl".
fs::path find_download(const fs::path& folder, const std::string& name, bool wheel) {
  std::string stem = name + (wheel ? "-" : "_");
  if (wheel)
    for (char& c : stem)
      if (c == '-' && &c != &stem.back()) c = '_';
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string file = entry.path().filename();
    if (file.starts_with(stem) && file.ends_with(wheel ? ".whl" : ".deb") &&
        (found.empty() || fs::last_write_time(entry) > fs::last_write_time(found)))
      found = entry.path();
  }
  return found;
}

/// "name_1%3a2.3-1_all.deb" -> "1:2.3-1".
std::string version_of(const fs::path& deb) {
  const std::string file = deb.filename();
  const std::size_t begin = file.find('_') + 1, end = std::max(begin, std::min(file.find('_', begin), file.size()));
  std::string version = file.substr(begin, end - begin);
  if (const std::size_t at = version.find("%3a"); at != std::string::npos) version.replace(at, 3, ":");
  return version;
}

}  // namespace

Package obtain_package(const std::string& name) {
  const fs::path root = project_root(), manifest_file = root / "data/manifest.json", folder = root / "data/downloads";
  const json manifest = json::parse(read_file(manifest_file), nullptr, false);
  if (!manifest.is_object() || !manifest.contains("packages") || !manifest["packages"].is_object() ||
      !manifest["packages"].contains(name))
    fail(manifest_file.string(), "no package '" + name + "'", "an entry for it");
  const json& entry = manifest["packages"][name];
  for (const char* field : {"kind", "version", "sha256", "licence"})
    if (!entry.is_object() || !entry.contains(field) || !entry[field].is_string() || !entry.contains("bytes") ||
        !entry["bytes"].is_number_unsigned())
      fail(manifest_file.string(), "package '" + name + "' without " + field + " or bytes", "both");
  const bool wheel = entry.at("kind") == "wheel";
  const std::string version = entry.at("version"), wanted = entry.at("sha256");
  fs::create_directories(folder);
  const FileLock lock(folder / (".lock-" + name));
  fs::path file = find_download(folder, name, wheel);
  if (file.empty()) {
    say("downloads " + name + " (" + std::to_string(entry.at("bytes").get<std::int64_t>() / 1'000'000) + " MB)");
    // Into a folder of its own: a download that is stopped leaves nothing that looks whole.
    const fs::path part = folder / (".part-" + name), log = folder / (name + ".log");
    fs::remove_all(part);
    fs::create_directories(part);
    const std::vector<std::string> command =
        wheel ? std::vector<std::string>{(root / ".venv/bin/python").string(),
                                         "-m",
                                         "pip",
                                         "download",
                                         "--no-deps",
                                         "--disable-pip-version-check",
                                         name + "==" + version}
              : std::vector<std::string>{"apt-get", "-o", "APT::Sandbox::User=root", "download", name};
    if (!run_program(command, part, log))
      fail(name, "cannot be downloaded (" + last_line(log) + ")",
           wheel ? "PyPI to be reachable" : "Debian's package servers to be reachable", "see " + log.string());
    const fs::path made = find_download(part, name, wheel);
    if (made.empty()) fail(name, "no file after its download", "one", "see " + log.string());
    file = folder / made.filename();
    fs::rename(made, file);
    fs::remove_all(part);
  }
  const std::string sha256 = sha256_file(file);
  if (sha256 != wanted) {
    const bool same_version = file.filename().string().find(version.substr(version.find(':') + 1)) != std::string::npos;
    if (wheel || same_version) {
      fs::remove(file);
      fail(file.string(), "a file with another SHA-256 than data/manifest.json", "the whole package; it was removed",
           "run the same command again");
    }
    try {
      for_each_member(
          file, [](const std::string&) { return false; }, [](const std::string&, const std::string&) {});
    } catch (const InputError&) {
      fs::remove(file);
      fail(file.string(), "a damaged package", "a whole one; it was removed", "run the same command again");
    }
    say(file.filename().string() + " is not the tested version " + version + ": the corpus may differ a little");
  }
  return {name, sha256 == wanted ? version : version_of(file), entry.at("licence"), file, sha256};
}

}  // namespace cliplab
