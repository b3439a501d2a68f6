// Progress on stderr: a bar redrawn at most ten times a second on a terminal, a plain line every ten seconds
// elsewhere.
#include "base/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>

#include "base/clock.hpp"

namespace cliplab {
namespace {

std::mutex output_mutex;
bool bar_on_screen = false, silent = false;

void clear_bar() {
  if (bar_on_screen) std::fputs("\r\033[K", stderr);
  bar_on_screen = false;
}

std::string duration(double seconds) {
  const auto s = static_cast<long long>(std::min(seconds, 1e9) + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

struct Progress::State {
  std::string what, unit, note;
  std::int64_t total = 0, done = 0;
  std::int64_t first = -1;  // items that were there before `since`: no part of the rate
  bool terminal = false;
  Clock::time_point start = Clock::now(), since = start, shown = start;

  double share() const {
    return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 1;
  }

  std::string line() const {
    const double seconds = seconds_since(since);
    const double rate = seconds > 0 ? static_cast<double>(done - std::max<std::int64_t>(first, 0)) / seconds : 0;
    std::string text = fmt::format("{} {:3.0f} %  {}/{} {}", what, 100 * share(), done, total, unit);
    if (rate > 0) {
      const auto left = static_cast<double>(std::max<std::int64_t>(0, total - done));
      text += fmt::format("  {:.3g}/s  {} left", rate, duration(left / rate));
    }
    return note.empty() ? text : text + "  " + note;
  }

  void show_if_due() {
    if (Clock::now() - shown >= std::chrono::milliseconds(terminal ? 100 : 10000)) show();
  }

  void show() {
    shown = Clock::now();
    if (silent) return;
    if (!terminal) {
      std::fprintf(stderr, "%s\n", line().c_str());
      return;
    }
    std::string text = line();
    const int width = terminal_width(), room = width - static_cast<int>(text.size()) - 4;
    if (room >= 10) {
      const int bar = std::min(room, 30), full = static_cast<int>(bar * share());
      text = fmt::format("[{}{}] {}", std::string(static_cast<std::size_t>(full), '#'),
                         std::string(static_cast<std::size_t>(bar - full), '.'), text);
    } else if (static_cast<int>(text.size()) >= width) {
      text.resize(std::max(0, width - 1));
    }
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
    bar_on_screen = true;
  }
};

Progress::Progress(std::string what, std::int64_t total, std::string unit) : state_(std::make_unique<State>()) {
  state_->what = std::move(what), state_->total = total, state_->unit = std::move(unit);
  state_->terminal = ::isatty(STDERR_FILENO) == 1;
}

Progress::~Progress() {
  const std::lock_guard lock(output_mutex);
  clear_bar();
  if (state_->done == 0 || silent) return;
  const double seconds = seconds_since(state_->start);
  std::fprintf(stderr, "%s: %lld of %lld %s in %s%s%s\n", state_->what.c_str(), static_cast<long long>(state_->done),
               static_cast<long long>(state_->total), state_->unit.c_str(), duration(seconds).c_str(),
               state_->note.empty() ? "" : "  ", state_->note.c_str());
}

void Progress::update(std::int64_t done, const std::string& note) {
  const std::lock_guard lock(output_mutex);
  if (state_->first < 0) {  // a resumed run does not count what it found, nor the time before
    state_->first = done > state_->total / 100 ? done : 0;
    if (state_->first > 0) state_->since = Clock::now();
  }
  state_->done = done;
  if (!note.empty()) state_->note = note;
  state_->show_if_due();
}

void Progress::advance(std::int64_t count) {
  const std::lock_guard lock(output_mutex);
  state_->done += count;
  if (state_->first < 0) state_->first = 0;
  state_->show_if_due();
}

void say(const std::string& line) {
  if (!silent) say_always(line);
}

void silence_progress() { silent = true; }

void say_always(const std::string& line) {
  const std::lock_guard lock(output_mutex);
  clear_bar();
  std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace cliplab
