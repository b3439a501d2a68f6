// Input errors: one clear line for the user, thrown once, caught in main (exit code 1, no backtrace).
// Broken invariants of our own are assert()s, not exceptions.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace cliplab {

/// Something outside the program is wrong: a file, a key, a package, the disk.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user or the system asked the program to stop (Ctrl-C, SIGTERM); finished units are already on disk.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws InputError with the text "<where>: <found>, expected <expected>; <what_to_do>" (the last part if given): one
/// line of UTF-8, with '?' for each byte of it that is not printable.
[[noreturn]] void fail(std::string_view where, std::string_view found, std::string_view expected,
                       std::string_view what_to_do = {});

}  // namespace cliplab
