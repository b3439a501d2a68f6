// The last line of every HDF5 file that cliplab writes: the SHA-256 of all bytes before it. It is checked
// before libhdf5 sees the file, because libhdf5 1.10 reads damaged metadata without suspicion. Other readers
// ignore bytes after the HDF5 end mark. It detects damage, not forgery.
#pragma once

#include <filesystem>

namespace cliplab {

/// Appends the seal to a closed file. Throws InputError when the disk is full.
void append_seal(const std::filesystem::path& path);

/// Throws InputError unless the file ends with the seal of its bytes.
void check_seal(const std::filesystem::path& path);

}  // namespace cliplab
