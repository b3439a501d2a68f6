// Processes are this program again with one cell's words: what they share is on disk, under locks.
#include "lab/sweep.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/process.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostCells = 10'000;

void check_count(const std::string& where, std::size_t cells) {
  if (cells > kMostCells)
    fail(where, fmt::format("{} cells or more", cells), fmt::format("at most {} in a sweep", kMostCells),
         "several sweeps, or fewer values");
}

std::string shell_line(const std::vector<std::string>& words) {
  std::vector<std::string> safe;
  for (const std::string& word : words) safe.push_back(quoted(word, '\'', "'\\''"));
  return fmt::format("{}", fmt::join(safe, " "));
}

/// Removes "FLAG value" from the words; false if they lack it.
bool take(std::vector<std::string>& words, const std::string& flag, std::string& value) {
  const auto at = std::find(words.begin(), words.end(), flag);
  if (at == words.end()) return false;
  if (at + 1 == words.end()) fail(flag, "no value", "one behind it");
  value = *(at + 1);
  words.erase(at, at + 2);
  return true;
}

/// Each cell's state, kept as a file.
class Table {
 public:
  Table(const Sweep& sweep, fs::path file) : sweep_(sweep), file_(std::move(file)), rows_(sweep.cells.size()) {
    for (Row& row : rows_) row.status = "waiting";
    fs::create_directories(file_.parent_path());
    write();
  }
  void set(std::size_t i, const std::string& status, double seconds, const std::string& text) {
    rows_[i] = {status, seconds, text};
    write();
    say(fmt::format("cell {} of {}:{} {}{}", i + 1, rows_.size(), sweep_.cells[i].title, status,
                    status == "failed" ? ": " + text : ""));
  }
  std::size_t count(const std::string& status) const {
    return static_cast<std::size_t>(
        std::count_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.status == status; }));
  }
  void print() const {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      say(fmt::format("  {:<9}{:>8.1f} s {}{}", row.status, row.seconds, sweep_.cells[i].title,
                      row.status == "failed" ? ": " + row.text : ""));
    }
    say(fmt::format("{} done, {} failed, {} left: {}", count("done"), count("failed"),
                    rows_.size() - count("done") - count("failed"), file_.string()));
  }

 private:
  struct Row {
    std::string status;
    double seconds = 0;
    std::string text;  // the run's folder, or the error
  };
  void write() const {
    std::string text = "cell,status,seconds,folder or error\n";
    for (std::size_t i = 0; i < rows_.size(); ++i)
      text += fmt::format("{},{},{:.1f},{}\n", csv_field(sweep_.cells[i].title), rows_[i].status, rows_[i].seconds,
                          csv_field(rows_[i].text));
    write_file_atomically(file_, text);
  }
  const Sweep& sweep_;
  fs::path file_;
  std::vector<Row> rows_;
};

struct Child {
  std::size_t cell = 0;
  Clock::time_point start;
  fs::path log;
};

/// The last line of a log that is not empty: a run's folder, or the reason why it has none.
std::string last_line(const fs::path& log) {
  std::istringstream lines(read_file(log));
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (const auto at = line.rfind('\r'); at != std::string::npos) line.erase(0, at + 1);
    if (!line.empty()) last = line;
  }
  return last;
}

pid_t start(const std::vector<std::string>& words, const fs::path& log, int threads) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string share = std::to_string(threads);
  const pid_t sweep = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) fail("--jobs", "no process", "room for one", "use fewer");
  if (child > 0) return child;
  ::setpgid(0, 0);  // Ctrl-C reaches the sweep, which passes it on
  if (!end_with_parent(sweep, SIGKILL))
    ::_exit(127);  // a cell does not outlive its sweep; it goes on from its last state
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  ::setenv("CLIPLAB_THREADS", share.c_str(), 1);
  if (out < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(127);
  ::execv("/proc/self/exe", arguments.data());
  ::_exit(127);
}

void run_processes(const Sweep& sweep, const fs::path& config, const fs::path& logs, Table& table) {
  std::map<pid_t, Child> running;
  std::size_t next = 0;
  bool stopping = false;
  const int threads = std::max(1, num_threads() / sweep.jobs);
  fs::create_directories(logs);
  while (next < sweep.cells.size() || !running.empty()) {
    while (!stopping && next < sweep.cells.size() && std::ssize(running) < sweep.jobs) {
      std::vector<std::string> words{"cliplab", "run", config.string()};
      words.insert(words.end(), sweep.cells[next].words.begin(), sweep.cells[next].words.end());
      const fs::path log = logs / fmt::format("{}.log", next);
      running[start(words, log, threads)] = {next, Clock::now(), log};
      table.set(next++, "running", 0, log.string());
    }
    if (stop_requested() && !stopping) {
      stopping = true;
      for (const auto& [pid, child] : running) ::kill(pid, SIGINT);
    }
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (const auto child = running.find(ended); ended > 0 && child != running.end()) {
      const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      const std::string text =
          WIFSIGNALED(status) ? fmt::format("killed by signal {}, see {}", WTERMSIG(status), child->second.log.string())
                              : last_line(child->second.log);
      table.set(child->second.cell,
                done       ? "done"
                : stopping ? "stopped"
                           : "failed",
                seconds_since(child->second.start), text);
      running.erase(child);
    } else if (stopping && running.empty()) {
      break;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

/// A job array with a task a cell; submitted where sbatch is.
int submit(const Sweep& sweep, const fs::path& config, const std::string& name, const fs::path& base) {
  const fs::path root = fs::absolute(project_root()), script = base.string() + ".sbatch",
                 cells = base.string() + ".cells";
  std::string lines;
  for (const Cell& cell : sweep.cells) lines += shell_line(cell.words) + "\n";
  fs::create_directories(base.parent_path());
  write_file_atomically(cells, lines);
  std::string text = "#!/bin/bash\n";
  text +=
      fmt::format("#SBATCH --job-name=cliplab-{}\n#SBATCH --array=0-{}%{}\n", name, sweep.cells.size() - 1, sweep.jobs);
  text += fmt::format("#SBATCH --output={}-%a.log\n", base.string());
  text += fmt::format("set -euo pipefail\ncd {}\n", shell_line({root.string()}));
  text += fmt::format("cell=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" {})\n", shell_line({cells.string()}));
  text += fmt::format("eval \"exec ./cliplab run {} $cell\"\n", shell_line({fs::absolute(config).string()}));
  write_file_atomically(script, text);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("sbatch", "sbatch", script.c_str(), nullptr);
    ::_exit(errno == ENOENT ? 126 : 127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) fail("--launcher slurm", "no process", "room for one");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 126)
    fail("--launcher slurm", "no sbatch on this machine", "Slurm's",
         "the job array is " + script.string() + "; submit it where Slurm is");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("sbatch " + script.string(), fmt::format("status {}", status), "0");
  say(fmt::format("{} cells submitted by {}; the same sweep without --launcher shows what is done", sweep.cells.size(),
                  script.string()));
  return 0;
}

}  // namespace

Sweep take_sweep(std::vector<std::string> words) {
  Sweep sweep;
  std::string value, file;
  if (take(words, "--jobs", value)) {
    if (value.empty() || value.size() > 3 || value.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(value) == 0)
      fail("--jobs", "'" + value + "'", "1 to 999 cells at a time");
    sweep.jobs = std::stoi(value);
  }
  if (take(words, "--launcher", value)) {
    if (value != "local" && value != "slurm") fail("--launcher", "'" + value + "'", "local or slurm");
    sweep.launcher = value;
  }
  std::vector<std::vector<std::string>> parts{{}};  // of each cell, in addition to the words of all cells
  if (take(words, "--cells", file)) {
    parts.clear();
    std::istringstream lines(read_file(file, 1 << 20));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream in(line.substr(0, line.find('#')));
      std::vector<std::string> cell;
      for (std::string word; in >> word;) cell.push_back(word);
      if (!cell.empty()) parts.push_back(cell);
      check_count(file, parts.size());
    }
    if (parts.empty()) fail(file, "no cell", "a line of --key value ... each");
  }
  while (take(words, "--sweep", value)) {
    const auto equals = value.find('=');
    if (equals == std::string::npos || equals == 0) fail("--sweep", "'" + value + "'", "key=value,value,...");
    check_count("--sweep " + value.substr(0, 40),
                parts.size() * static_cast<std::size_t>(1 + std::count(value.begin(), value.end(), ',')));
    std::vector<std::vector<std::string>> product;
    for (const auto& part : parts)
      for (std::size_t begin = equals + 1; begin <= value.size();) {
        const std::size_t end = std::min(value.find(',', begin), value.size());
        if (end == begin) fail("--sweep", "'" + value + "'", "a value between the commas");
        product.push_back(part);
        product.back().insert(product.back().end(), {"--" + value.substr(0, equals), value.substr(begin, end - begin)});
        begin = end + 1;
      }
    parts = std::move(product);
  }
  for (const auto& part : parts) {
    sweep.cells.push_back({words, part.empty() ? "" : fmt::format(" {}", fmt::join(part, " "))});
    sweep.cells.back().words.insert(sweep.cells.back().words.end(), part.begin(), part.end());
  }
  return sweep;
}

int run_sweep(const Sweep& sweep, const fs::path& config, const std::string& name,
              const std::function<fs::path(const Cell&)>& run_cell) {
  std::string key = config.string();
  for (const Cell& cell : sweep.cells) key += "\n" + shell_line(cell.words);
  const fs::path base = project_root() / "results/sweeps" / (name + "-" + sha256_hex(key).substr(0, 8));
  if (sweep.launcher == "slurm") return submit(sweep, config, name, base);
  Table table(sweep, base.string() + ".csv");
  if (sweep.jobs > 1) {
    run_processes(sweep, config, base, table);
  } else {
    for (std::size_t i = 0; i < sweep.cells.size() && !stop_requested(); ++i) {
      const auto start = Clock::now();
      table.set(i, "running", 0, "");
      try {
        const fs::path folder = run_cell(sweep.cells[i]);
        if (!folder.empty()) std::cout << folder.string() << std::endl;
        table.set(i, "done", seconds_since(start), folder.string());
      } catch (const InputError& error) {
        table.set(i, "failed", seconds_since(start), error.what());
      } catch (const Interrupted& stop) {
        table.set(i, "stopped", seconds_since(start), stop.what());
      }
    }
  }
  table.print();
  if (stop_requested()) throw Interrupted("the sweep was stopped; the same command goes on");
  return table.count("failed") == 0 ? 0 : 1;
}

}  // namespace cliplab
