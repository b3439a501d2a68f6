// The authors' JSON files, read strictly.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"

namespace cliplab {

/// At most 256 MB. Throws InputError naming the file if it is not JSON of the type T.
template <typename T>
T read_json(const std::filesystem::path& file) {
  constexpr std::size_t kLargest = 1 << 28, kGrowth = 30;  // bytes of the file; of what is made of each of them
  try {
    const std::string text = read_file(file, kLargest);
    need_memory(file.string(), kGrowth * text.size());
    return nlohmann::json::parse(text).get<T>();
  } catch (const nlohmann::json::exception& error) {
    fail(file.string(), std::string("not readable (") + error.what() + ")", "the authors' JSON file");
  }
}

}  // namespace cliplab
