// A file that holds many samples: opened once and read by place, or (a compressed one) its members in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cliplab {

class Container {
 public:
  /// Throws InputError when the file cannot be opened or is not a regular file.
  explicit Container(std::filesystem::path file);
  /// `parts`: what was inside, in the order of their places; the first begins at 0, each where the one before it ends.
  /// They are kept as they are, so that nothing is copied or allocated twice.
  Container(std::filesystem::path file, std::vector<std::string> parts);
  /// The same of one part.
  Container(std::filesystem::path file, std::string content);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  const std::filesystem::path& file() const { return file_; }
  /// Bytes of one part. Thread-safe. Throws InputError naming file and `key` when the file has changed since it was
  /// opened.
  std::string read(std::int64_t offset, std::int64_t bytes, const std::string& key) const;

 private:
  std::filesystem::path file_;
  std::vector<std::string> parts_;
  std::vector<std::int64_t> begins_;  // of the parts
  int descriptor_ = -1;
  std::int64_t size_ = 0, written_ns_ = 0;  // at that time
};

}  // namespace cliplab
