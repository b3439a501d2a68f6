// How much memory this process may still take. Caps on what is read from files are held against it, so that an archive
// of some megabytes with gigabytes inside is one error and not the end of the program.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cliplab {

/// The least of what the kernel calls available, of what the control groups of this process leave, and of RLIMIT_AS.
std::size_t memory_left();

/// Throws InputError naming `where` when `bytes` more are over nine tenths of memory_left(). `bytes` is all that is
/// allocated at once, copies included. Small amounts cost nothing: they are not looked at.
void need_memory(const std::string& where, std::size_t bytes, std::string_view what_to_do = {});

}  // namespace cliplab
