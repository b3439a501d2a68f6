// A file that holds many samples: opened once and read by place, or (a compressed one) its content in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace cliplab {

class Container {
 public:
  explicit Container(std::filesystem::path file);              // throws InputError when it cannot be opened
  Container(std::filesystem::path file, std::string content);  // `content`: what was inside
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  const std::filesystem::path& file() const { return file_; }
  /// Thread-safe. Throws InputError naming file and `key` when the file has changed since it was opened.
  std::string read(std::int64_t offset, std::int64_t bytes, const std::string& key) const;

 private:
  std::filesystem::path file_;
  std::string content_;
  int descriptor_ = -1;
  std::int64_t size_ = 0, written_ns_ = 0;  // at that time
};

}  // namespace cliplab
