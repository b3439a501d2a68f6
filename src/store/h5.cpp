// The HDF5 C API, wrapped. A lock guards every call, because HDF5 may have been built without thread safety;
// the format is held at version 1.8, which has checksums on its metadata and no 64 KiB limit on attributes,
// and which all readers know.
#include "store/h5.hpp"

#include <hdf5.h>

#include <algorithm>
#include <mutex>
#include <system_error>

#include "base/error.hpp"
#include "base/files.hpp"
#include "store/seal.hpp"

namespace cliplab {
namespace {

constexpr std::uint64_t kMaxRows = 10'000'000;
constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{1} << 31;
constexpr std::uint64_t kMaxFeatureBytes = std::uint64_t{1} << 36;  // ImageNet's training split at D = 4096: 21 GB
constexpr std::uint64_t kTextBytes = 16;                            // what a variable-length text takes in its data set

/// Holds the library while alive, and keeps it from printing its own errors (a setting of each thread).
class Session {
 public:
  Session() : lock_(mutex()) {
    // After a failed write HDF5's clean-up at exit reads freed memory; every handle here is closed by its
    // owner.
    [[maybe_unused]] static const herr_t kNoCleanupAtExit = H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }

 private:
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex one;
    return one;
  }
  std::lock_guard<std::recursive_mutex> lock_;
};

/// Any HDF5 handle, closed by its own function.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

hid_t text_type() {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

hid_t access_list() {
  const hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18);
  H5Pset_file_locking(list, false,
                      true);  // files appear by rename; HDF5's own lock fails on some network disks
  return list;
}

hid_t open_object(hid_t file, const std::string& name) { return H5Oopen(file, name.c_str(), H5P_DEFAULT); }

/// The texts of a list of pointers that HDF5 allocated; frees them.
std::vector<std::string> take_texts(hid_t type, hid_t space, std::vector<char*>& raw) {
  std::vector<std::string> values;
  values.reserve(raw.size());
  for (const char* text : raw) values.emplace_back(text == nullptr ? "" : text);
  if (!raw.empty()) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw.data());
  return values;
}

}  // namespace

H5Writer::H5Writer(const std::filesystem::path& path) : path_(path) {
  const Session session;
  const Handle access(access_list(), H5Pclose);
  file_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (file_ < 0) fail(path_.string(), "cannot be created", "a writable folder with free space");
}

H5Writer::~H5Writer() {
  const Session session;
  if (file_ >= 0) H5Fclose(file_);
}

void H5Writer::refuse(const std::string& what) const {
  fail(path_.string(), what + " cannot be written", "free space on the disk, and a name used once");
}

void H5Writer::close() {
  {
    const Session session;
    const herr_t flushed = H5Fflush(file_, H5F_SCOPE_GLOBAL), closed = H5Fclose(file_);
    file_ = -1;
    if (flushed < 0 || closed < 0) fail(path_.string(), "cannot be written", "free space on the disk");
  }
  append_seal(path_);
}

std::vector<const char*> H5Writer::pointers(const std::vector<std::string>& values) const {
  std::vector<const char*> result;
  result.reserve(values.size());
  for (const std::string& value : values) {
    if (value.find('\0') != std::string::npos) fail(path_.string(), "a text with a zero byte", "text");
    result.push_back(value.c_str());
  }
  return result;
}

void H5Writer::attribute(const std::string& object, const std::string& name, const std::string& value) {
  const Session session;
  const auto texts = pointers({value});
  const Handle target(open_object(file_, object), H5Oclose), type(text_type(), H5Tclose);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle made(H5Acreate2(target, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const char* text = value.c_str();
  if (!made.ok() || H5Awrite(made, type, &text) < 0) refuse("attribute " + name);
}

void H5Writer::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  const Session session;
  const Handle target(open_object(file_, object), H5Oclose), space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle made(H5Acreate2(target, name.c_str(), H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made.ok() || H5Awrite(made, H5T_NATIVE_INT64, &value) < 0) refuse("attribute " + name);
}

void H5Writer::attribute(const std::string& object, const std::string& name, const std::vector<std::string>& values) {
  const Session session;
  const hsize_t count = values.size();
  const auto texts = pointers(values);
  const Handle target(open_object(file_, object), H5Oclose), type(text_type(), H5Tclose);
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Handle made(H5Acreate2(target, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made.ok() || (count > 0 && H5Awrite(made, type, texts.data()) < 0)) refuse("attribute " + name);
}

void H5Writer::group(const std::string& name) {
  const Session session;
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  const Handle made(H5Gcreate2(file_, name.c_str(), links, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  if (!made.ok()) refuse("group " + name);
}

void H5Writer::dataset(const std::string& name, std::int64_t stored, std::int64_t memory, const void* values,
                       const std::vector<std::uint64_t>& shape) {
  const Session session;
  const std::vector<hsize_t> sides(shape.begin(), shape.end());
  std::uint64_t count = 1;
  for (const std::uint64_t side : shape) count *= side;
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  const Handle space(H5Screate_simple(static_cast<int>(sides.size()), sides.data(), nullptr), H5Sclose);
  const Handle made(H5Dcreate2(file_, name.c_str(), stored, space, links, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  if (!made.ok() || (count > 0 && values && H5Dwrite(made, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0))
    refuse(name);
}

void H5Writer::strings(const std::string& name, const std::vector<std::string>& values) {
  const Session session;
  const Handle type(text_type(), H5Tclose);
  dataset(name, type, type, pointers(values).data(), {values.size()});
}

void H5Writer::doubles(const std::string& name, const double* values, const std::vector<std::uint64_t>& shape) {
  const Session session;  // H5T_... are calls
  dataset(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values, shape);
}

void H5Writer::floats(const std::string& name, const float* values, const std::vector<std::uint64_t>& shape) {
  const Session session;
  dataset(name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values, shape);
}

void H5Writer::float_rows(const std::string& name, std::uint64_t rows, std::uint64_t cols, std::uint64_t chunk,
                          const std::function<void(std::uint64_t, std::uint64_t, float*)>& produce) {
  dataset(name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, nullptr, {rows, cols});
  std::vector<float> values(chunk * cols);
  for (std::uint64_t begin = 0; begin < rows; begin += chunk) {
    const hsize_t start[2] = {begin, 0}, size[2] = {std::min(chunk, rows - begin), cols};
    produce(begin, size[0], values.data());
    const Session session;
    const Handle made(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
    const Handle space(H5Dget_space(made), H5Sclose), memory(H5Screate_simple(2, size, nullptr), H5Sclose);
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, size, nullptr) < 0 ||
        H5Dwrite(made, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values.data()) < 0)
      refuse(name);
  }
}

void H5Writer::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  const Session session;
  dataset(name, H5T_STD_I64LE, H5T_NATIVE_INT64, values.data(), {values.size()});
}

void write_whole(const std::filesystem::path& path, const std::function<void(H5Writer& file)>& fill) {
  if (std::error_code error;
      path.has_parent_path() && (std::filesystem::create_directories(path.parent_path(), error), error))
    fail(path.parent_path().string(), "cannot be created (" + error.message() + ")", "a writable folder");
  const std::filesystem::path part = part_path(path);
  try {
    H5Writer file(part);
    fill(file);
    file.close();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    throw;
  }
  commit_file(part, path);
}

H5Reader::H5Reader(const std::filesystem::path& path) : path_(path) {
  check_seal(path);
  std::error_code error;
  file_bytes_ = std::filesystem::file_size(path, error);
  const Session session;
  const Handle access(access_list(), H5Pclose);
  file_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
  if (error || file_ < 0) refuse("not a whole HDF5 file", "one that cliplab wrote");
}

H5Reader::~H5Reader() {
  const Session session;
  H5Fclose(file_);
}

void H5Reader::refuse(const std::string& found, const std::string& expected) const {
  fail(path_.string(), found, expected, "delete it; the run makes it again");
}

bool H5Reader::exists(const std::string& object) const {
  const Session session;
  if (object == "/") return true;
  for (std::size_t slash = object.find('/', 1);; slash = object.find('/', slash + 1)) {
    const std::string part = object.substr(0, slash);
    if (H5Lexists(file_, part.c_str(), H5P_DEFAULT) <= 0) return false;
    H5L_info_t info{};  // a link may lead to any file of this machine
    if (H5Lget_info(file_, part.c_str(), &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
      refuse(part + " that is a link", "data in the file itself");
    if (slash == std::string::npos) return true;
  }
}

std::vector<std::string> H5Reader::list_attribute(const std::string& object, const std::string& name) const {
  const Session session;
  const Handle target(exists(object) ? open_object(file_, object) : -1, H5Oclose);
  const Handle found(target.ok() ? H5Aopen(target, name.c_str(), H5P_DEFAULT) : -1, H5Aclose);
  if (!found.ok()) refuse("no attribute " + name + " at " + object, "the layout of results/README.md");
  const Handle type(H5Aget_type(found), H5Tclose), space(H5Aget_space(found), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0 || count < 0 ||
      static_cast<std::uint64_t>(count) > file_bytes_ / kTextBytes)
    refuse("attribute " + name + " of another type or size", "text");
  std::vector<char*> raw(static_cast<std::size_t>(count), nullptr);
  const Handle memory(text_type(), H5Tclose);
  if (count > 0 && H5Aread(found, memory, raw.data()) < 0) refuse("attribute " + name + " that cannot be read", "text");
  return take_texts(memory, space, raw);
}

std::string H5Reader::text_attribute(const std::string& object, const std::string& name) const {
  const auto values = list_attribute(object, name);
  if (values.size() != 1) refuse("attribute " + name + " with " + std::to_string(values.size()) + " values", "one");
  return values.front();
}

std::int64_t H5Reader::integer_attribute(const std::string& object, const std::string& name) const {
  const Session session;
  const Handle target(exists(object) ? open_object(file_, object) : -1, H5Oclose);
  const Handle found(target.ok() ? H5Aopen(target, name.c_str(), H5P_DEFAULT) : -1, H5Aclose);
  if (!found.ok()) refuse("no attribute " + name + " at " + object, "the layout of results/README.md");
  const Handle type(H5Aget_type(found), H5Tclose), space(H5Aget_space(found), H5Sclose);
  std::int64_t value = 0;
  if (H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Aread(found, H5T_NATIVE_INT64, &value) < 0)
    refuse("attribute " + name + " of another type", "one integer");
  return value;
}

std::vector<std::string> H5Reader::attribute_names(const std::string& object) const {
  const Session session;
  const Handle target(exists(object) ? open_object(file_, object) : -1, H5Oclose);
  if (!target.ok()) refuse("no " + object, "the layout of results/README.md");
  const auto add = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  std::vector<std::string> names;
  if (H5Aiterate2(target, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names) < 0)
    refuse(object + " unreadable", "a group");
  return names;
}

std::vector<std::uint64_t> H5Reader::shape(const std::string& name) const {
  const Session session;
  const Handle found(exists(name) ? H5Dopen2(file_, name.c_str(), H5P_DEFAULT) : -1, H5Dclose);
  if (!found.ok()) refuse("no " + name, "the layout of results/README.md");
  const Handle space(H5Dget_space(found), H5Sclose), creation(H5Dget_create_plist(found), H5Pclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (H5Sget_simple_extent_type(space) != H5S_SIMPLE || rank < 1 || rank > 4)
    refuse(name + " of another shape", "numbers");
  const H5D_layout_t layout = H5Pget_layout(creation);
  if ((layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED) || H5Pget_external_count(creation) != 0 ||
      H5Pget_nfilters(creation) != 0)
    refuse(name + " that is packed or stored elsewhere", "plain data in the file itself");
  std::vector<hsize_t> sides(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, sides.data(), nullptr);
  const bool empty = std::find(sides.begin(), sides.end(), 0) != sides.end();
  std::uint64_t count = 1;
  for (const hsize_t side : sides) {
    if (empty ? side > kMaxRows : side > file_bytes_ / count)
      refuse(name + " of more numbers than the file has bytes", "whole data");
    count *= side;
  }
  return {sides.begin(), sides.end()};
}

void H5Reader::numbers(const std::string& name, std::int64_t stored, std::int64_t memory, std::uint64_t max_bytes,
                       void* values) const {
  const Session session;
  std::uint64_t count = 1;
  for (const std::uint64_t side : shape(name)) count *= side;
  const Handle found(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(found.ok() ? H5Dget_type(found) : -1, H5Tclose);
  if (!type.ok() || H5Tequal(type, stored) <= 0) refuse(name + " of another type", "the types of results/README.md");
  const std::uint64_t bytes = count * H5Tget_size(type);
  if (bytes > max_bytes)
    refuse(name + " of " + std::to_string(bytes) + " bytes", "at most " + std::to_string(max_bytes));
  if (H5Dget_storage_size(found) < bytes) refuse(name + " without its data", "whole data");
  if (count > 0 && H5Dread(found, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    refuse(name + " that cannot be read", "whole data");
}

std::vector<std::string> H5Reader::strings(const std::string& name) const {
  const Session session;
  const auto sides = shape(name);
  if (sides.size() != 1 || sides[0] > kMaxRows) refuse(name + " of another shape", "at most 10 million rows");
  const Handle found(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(H5Dget_type(found), H5Tclose), space(H5Dget_space(found), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0) refuse(name + " of another type", "text");
  if (H5Dget_storage_size(found) < sides[0] * kTextBytes) refuse(name + " without its data", "whole data");
  std::vector<char*> raw(sides[0], nullptr);
  const Handle memory(text_type(), H5Tclose);
  if (!raw.empty() && H5Dread(found, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data()) < 0)
    refuse(name + " that cannot be read", "text");
  return take_texts(memory, space, raw);
}

std::vector<std::int64_t> H5Reader::integers(const std::string& name) const {
  const auto sides = shape(name);
  if (sides.size() != 1 || sides[0] > kMaxRows) refuse(name + " of another shape", "at most 10 million rows");
  const Session session;
  std::vector<std::int64_t> values(sides[0]);
  numbers(name, H5T_STD_I64LE, H5T_NATIVE_INT64, kMaxArrayBytes, values.data());
  return values;
}

void H5Reader::doubles(const std::string& name, double* values) const {
  const Session session;
  numbers(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, kMaxArrayBytes, values);
}

void H5Reader::floats(const std::string& name, float* values) const {
  const Session session;
  numbers(name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, kMaxFeatureBytes, values);
}

void H5Reader::float_rows(const std::string& name, std::uint64_t begin, std::uint64_t count, float* values) const {
  const Session session;
  const auto sides = shape(name);
  if (sides.size() != 2 || begin + count > sides[0]) refuse(name + " with too few rows", std::to_string(begin + count));
  const Handle found(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose), type(H5Dget_type(found), H5Tclose);
  if (H5Tequal(type, H5T_IEEE_F32LE) <= 0) refuse(name + " of another type", "float32");
  if (H5Dget_storage_size(found) < sides[0] * sides[1] * sizeof(float))
    refuse(name + " without its data", "whole data");
  const hsize_t start[2] = {begin, 0}, size[2] = {count, sides[1]};
  const Handle space(H5Dget_space(found), H5Sclose), memory(H5Screate_simple(2, size, nullptr), H5Sclose);
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, size, nullptr) < 0 ||
      H5Dread(found, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values) < 0)
    refuse(name + " that cannot be read", "whole data");
}

}  // namespace cliplab
