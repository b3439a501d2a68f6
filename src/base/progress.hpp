// Progress for long work: a bar on a terminal, a plain line every few seconds elsewhere. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace cliplab {

class Progress {
 public:
  /// `what` ("decode drawings"), `total` items, `unit` ("images").
  Progress(std::string what, std::int64_t total, std::string unit);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` items are finished; `note` is shown behind the rate and the time left ("loss 3.21").
  void update(std::int64_t done, const std::string& note = {});
  void advance(std::int64_t count = 1);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One line to the user on stderr, never torn by a progress bar.
void say(const std::string& line);
/// The same from a process that is silent.
void say_always(const std::string& line);
/// No progress and no lines from now on: one of several processes that do the same speaks for all.
void silence_progress();

}  // namespace cliplab
