// Pickle streams as data: a tree of plain values, tensors described by the storage they lie in. Nothing is imported or
// called. What torch.save and torch.jit.save write is understood; any other object is kept as its class's name and its
// state, which readers look through or leave; names that only an attack has a use for (os, subprocess, eval) are
// refused. Format: CPython Lib/pickletools.py; torch/serialization.py, torch/_utils.py (`_rebuild_tensor_v2`).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliplab {

struct PickleValue {
  enum class Kind { kNone, kBool, kInt, kReal, kText, kGlobal, kTuple, kList, kDict, kObject, kStorage, kTensor };
  using Ref = const PickleValue*;

  Kind kind = Kind::kNone;
  std::int64_t integer = 0;  // bool, int; storage: its elements; tensor: offset in elements
  double real = 0;
  std::string text;                          // text, bytes; global "module name"; object: its class; storage: its key
  std::string dtype;                         // storage: as in safetensors ("F32")
  std::vector<Ref> items;                    // tuple, list, set; tensor: {storage}; object: {state}, or none
  std::vector<std::pair<Ref, Ref>> entries;  // dict, in order; a key may stand there twice, the last one counts; of an
                                             // object: what it holds as a dict
  std::vector<std::int64_t> shape, stride;   // tensor

  /// The value of a text key of a dict, or nullptr.
  Ref find(std::string_view key) const;
};

/// The values of one stream; they live as long as this object.
class Pickle {
 public:
  /// Reads one stream from the start of `bytes`. Throws InputError naming `where` and the opcode, global or structure
  /// that is refused; at most `kMaxBytes` are read and `kMaxValues` values made.
  Pickle(std::string_view bytes, const std::string& where);
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  const PickleValue& root() const { return *root_; }
  /// Length of the stream: what comes behind it begins there.
  std::size_t size() const { return size_; }
  /// Every storage that the stream names, used or not.
  template <class Visit>
  void for_each_storage(Visit visit) const {
    for (const PickleValue& value : values_)
      if (value.kind == PickleValue::Kind::kStorage) visit(value);
  }

  static constexpr std::size_t kMaxBytes = 256u << 20, kMaxValues = 1'000'000;

 private:
  friend class PickleStack;
  friend class PickleReader;
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cliplab
