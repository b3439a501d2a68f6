// MATLAB files (v5 by matio) as far as data sets use them: tables of numbers, bytes of pictures, structs of
// annotations, cells of names. Each call throws InputError naming the file and the variable when it is another thing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cliplab {

struct MatBytes {
  std::vector<std::size_t> shape;
  std::vector<std::uint8_t> values;  // the first index runs fastest
};

std::vector<double> mat_numbers(const std::filesystem::path& file, const std::string& variable);
MatBytes mat_bytes(const std::filesystem::path& file, const std::string& variable);
std::vector<std::string> mat_cell_texts(const std::filesystem::path& file, const std::string& variable);
/// Of each element of a struct array.
std::vector<double> mat_field_numbers(const std::filesystem::path& file, const std::string& variable,
                                      const std::string& field);
std::vector<std::string> mat_field_texts(const std::filesystem::path& file, const std::string& variable,
                                         const std::string& field);

}  // namespace cliplab
