// matio keeps the types of the file; numbers of any of them become double.
#include "sets/mat_file.hpp"

#include <matio.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{32} << 30;
constexpr int kMaxDepth = 16;  // of cells in cells

using Variable = std::unique_ptr<matvar_t, decltype(&Mat_VarFree)>;

/// What reading a variable takes, in matio and in the copy here; kMaxBytes + 1 where it is over the limit.
std::size_t bytes_of(const matvar_t& variable, int depth) {
  constexpr std::size_t kOver = kMaxBytes + 1;
  if (depth > kMaxDepth || variable.dims == nullptr) return kOver;
  std::size_t count = 1;
  for (int d = 0; d < variable.rank; ++d)
    if (__builtin_mul_overflow(count, variable.dims[d], &count) || count > kMaxBytes) return kOver;
  if (variable.class_type != MAT_C_CELL && variable.class_type != MAT_C_STRUCT) {
    // Bytes stay bytes, other numbers become double.
    const std::size_t each = variable.class_type == MAT_C_UINT8 ? 3 : sizeof(double) + 8;
    return count > kMaxBytes / each ? kOver : count * each;
  }
  auto* const* inner = static_cast<matvar_t**>(variable.data);
  const std::size_t fields =
      inner == nullptr || variable.data_size <= 0 ? 0 : variable.nbytes / static_cast<std::size_t>(variable.data_size);
  std::size_t sum = fields * sizeof(matvar_t);
  for (std::size_t i = 0; i < fields && sum <= kMaxBytes; ++i)
    if (inner[i] != nullptr) sum += bytes_of(*inner[i], depth + 1);
  return std::min(sum, kOver);
}

Variable read_variable(const fs::path& file, const std::string& name) {
  need_regular_file(file);
  const std::unique_ptr<mat_t, decltype(&Mat_Close)> mat(Mat_Open(file.c_str(), MAT_ACC_RDONLY), Mat_Close);
  if (!mat) fail(file.string(), "no MATLAB file that can be opened", "MAT version 5");
  // A variable may be packed: what it takes is known by its head alone.
  const Variable head(Mat_VarReadInfo(mat.get(), name.c_str()), Mat_VarFree);
  const std::size_t bytes = head ? bytes_of(*head, 0) : 0;
  if (bytes > kMaxBytes)
    fail(file.string(), "a variable '" + name + "' of over " + std::to_string(kMaxBytes >> 30) + " GiB", "less");
  need_memory(file.string(), bytes);
  Variable variable(Mat_VarRead(mat.get(), name.c_str()), Mat_VarFree);
  if (!variable || variable->data == nullptr)
    fail(file.string(), "no variable '" + name + "' that can be read", "the set's official file");
  return variable;
}

std::size_t count_of(const matvar_t& variable) {
  std::size_t count = 1;
  for (int d = 0; d < variable.rank; ++d) count *= variable.dims[d];
  return count;
}

template <class T>
void append_as(const matvar_t& variable, std::vector<double>& out) {
  const T* values = static_cast<const T*>(variable.data);
  out.insert(out.end(), values, values + count_of(variable));
}

bool append_numbers(const matvar_t* variable, std::vector<double>& out) {
  if (variable == nullptr || variable->data == nullptr || variable->isComplex) return false;
  switch (variable->class_type) {
    case MAT_C_DOUBLE:
      append_as<double>(*variable, out);
      return true;
    case MAT_C_SINGLE:
      append_as<float>(*variable, out);
      return true;
    case MAT_C_UINT8:
      append_as<std::uint8_t>(*variable, out);
      return true;
    case MAT_C_INT8:
      append_as<std::int8_t>(*variable, out);
      return true;
    case MAT_C_UINT16:
      append_as<std::uint16_t>(*variable, out);
      return true;
    case MAT_C_INT16:
      append_as<std::int16_t>(*variable, out);
      return true;
    case MAT_C_UINT32:
      append_as<std::uint32_t>(*variable, out);
      return true;
    case MAT_C_INT32:
      append_as<std::int32_t>(*variable, out);
      return true;
    default:
      return false;
  }
}

bool append_text(const matvar_t* variable, std::vector<std::string>& out) {
  if (variable == nullptr || variable->data == nullptr || variable->class_type != MAT_C_CHAR) return false;
  if (variable->data_type == MAT_T_UTF8) {
    out.emplace_back(static_cast<const char*>(variable->data), variable->nbytes);
    return true;
  }
  if (variable->data_size != 1 && variable->data_size != 2) return false;
  std::string text;
  for (std::size_t i = 0; i < count_of(*variable); ++i) {  // Latin-1, or UTF-16 of which these sets use as much
    const unsigned code = variable->data_size == 1 ? static_cast<const std::uint8_t*>(variable->data)[i]
                                                   : static_cast<const std::uint16_t*>(variable->data)[i];
    if (code > 0xFF) return false;
    if (code < 0x80)
      text += static_cast<char>(code);
    else
      text += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
  }
  out.push_back(text);
  return true;
}

[[noreturn]] void fail_type(const fs::path& file, const std::string& name, const std::string& expected) {
  fail(file.string(), "'" + name + "' of another type", expected);
}

Variable read_struct(const fs::path& file, const std::string& name) {
  Variable variable = read_variable(file, name);
  if (variable->class_type != MAT_C_STRUCT) fail_type(file, name, "a struct array");
  return variable;
}

}  // namespace

std::vector<double> mat_numbers(const fs::path& file, const std::string& name) {
  std::vector<double> numbers;
  if (!append_numbers(read_variable(file, name).get(), numbers)) fail_type(file, name, "numbers");
  return numbers;
}

MatBytes mat_bytes(const fs::path& file, const std::string& name) {
  const Variable variable = read_variable(file, name);
  if (variable->class_type != MAT_C_UINT8) fail_type(file, name, "unsigned bytes");
  const auto* bytes = static_cast<const std::uint8_t*>(variable->data);
  return {{variable->dims, variable->dims + variable->rank}, {bytes, bytes + count_of(*variable)}};
}

std::vector<std::string> mat_cell_texts(const fs::path& file, const std::string& name) {
  const Variable variable = read_variable(file, name);
  if (variable->class_type != MAT_C_CELL) fail_type(file, name, "a cell array");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count_of(*variable); ++i)
    if (!append_text(Mat_VarGetCell(variable.get(), static_cast<int>(i)), texts))
      fail_type(file, name, "a cell array of texts");
  return texts;
}

std::vector<double> mat_field_numbers(const fs::path& file, const std::string& name, const std::string& field) {
  const Variable variable = read_struct(file, name);
  std::vector<double> numbers;
  for (std::size_t i = 0; i < count_of(*variable); ++i)
    if (!append_numbers(Mat_VarGetStructFieldByName(variable.get(), field.c_str(), i), numbers) ||
        numbers.size() != i + 1)
      fail_type(file, name + "." + field, "one number an element");
  return numbers;
}

std::vector<std::string> mat_field_texts(const fs::path& file, const std::string& name, const std::string& field) {
  const Variable variable = read_struct(file, name);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count_of(*variable); ++i)
    if (!append_text(Mat_VarGetStructFieldByName(variable.get(), field.c_str(), i), texts))
      fail_type(file, name + "." + field, "a text an element");
  return texts;
}

}  // namespace cliplab
