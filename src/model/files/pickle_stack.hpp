// The stack machine under a pickle: bytes, values, marks and the memo, each bounded. Values are made in a deque and
// referred to by pointer; a reference that comes back to its own container is possible, so readers of the tree bound
// their depth.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "model/files/pickle.hpp"

namespace cliplab {

class PickleStack {
 protected:
  using Kind = PickleValue::Kind;

  PickleStack(std::string_view bytes, const std::string& where, Pickle& out)
      : bytes_(bytes.substr(0, Pickle::kMaxBytes)), where_(where), out_(out) {}

  using Value = PickleValue*;

  [[noreturn]] void refuse(const std::string& found) const {
    fail(where_, found, "a checkpoint as torch.save writes it", "nothing in the file was run");
  }
  [[noreturn]] void refuse_opcode(int code) const {
    static constexpr const char* kDigits = "0123456789abcdef";
    refuse(std::string("pickle opcode 0x") + kDigits[code >> 4] + kDigits[code & 15] + " at byte " +
           std::to_string(at_ - 1));
  }

  // --- bytes ---------------------------------------------------------------------------------------------------

  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_)
      refuse("a pickle that is cut short or over " + std::to_string(Pickle::kMaxBytes >> 20) + " MiB");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  int byte() { return static_cast<unsigned char>(take(1)[0]); }
  std::uint64_t little_endian(int count) {
    std::uint64_t value = 0;
    const std::string_view raw = take(static_cast<std::size_t>(count));
    for (int i = count - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos || end - at_ > 1000) refuse("a global without an end");
    const std::string_view text = take(end - at_);
    at_ = end + 1;
    return text;
  }

  // --- values and the stack ------------------------------------------------------------------------------------

  /// Values made and items copied by calls, which a short stream could repeat without end.
  void charge(std::size_t count) {
    if (count > Pickle::kMaxValues - made_) refuse("more than " + std::to_string(Pickle::kMaxValues) + " values");
    made_ += count;
  }
  Value make(Kind kind) {
    charge(1);
    out_.values_.push_back({});
    out_.values_.back().kind = kind;
    return &out_.values_.back();
  }
  void push(Value value) { stack_.push_back(value); }
  void push_int(std::int64_t value, Kind kind = Kind::kInt) {
    push(make(kind));
    stack_.back()->integer = value;
  }
  void push_text(std::string_view text, Kind kind = Kind::kText) {
    push(make(kind));
    stack_.back()->text = text;
  }
  std::size_t base() const { return marks_.empty() ? 0 : marks_.back(); }
  Value pop() {
    if (stack_.size() <= base()) refuse("a pickle that takes a value from an empty stack");
    Value value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Value pop(Kind kind, const char* what) {
    Value value = pop();
    if (value->kind != kind) refuse(std::string("a pickle without ") + what);
    return value;
  }
  Value top() {
    Value value = pop();
    push(value);
    return value;
  }
  std::vector<Value> pop_to_mark() {
    if (marks_.empty()) refuse("a pickle that looks for a mark that is not there");
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    std::vector<Value> values(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin);
    return values;
  }
  void push_tuple(const std::vector<Value>& items) {
    push(make(Kind::kTuple));
    stack_.back()->items.assign(items.begin(), items.end());
  }
  void push_tuple_of(std::size_t count) {
    if (stack_.size() < base() + count) refuse("a pickle that takes a value from an empty stack");
    const std::vector<Value> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    push_tuple(items);
  }
  void put(std::size_t index) {
    if (stack_.size() <= base()) refuse("a pickle that keeps a value of an empty stack");
    if (index > Pickle::kMaxValues) refuse("memo index " + std::to_string(index));
    if (index >= memo_.size()) memo_.resize(index + 1, nullptr);
    memo_[index] = stack_.back();
    memo_size_ = index + 1;
  }
  void get(std::size_t index) {
    if (index >= memo_.size() || memo_[index] == nullptr)
      refuse("memo index " + std::to_string(index) + " that was never put");
    push(memo_[index]);
  }
  /// Objects are dicts or lists too where their class derives from one.
  void add_entries(const std::vector<Value>& values) {
    const Value dict = top();
    if (dict->kind != Kind::kDict && dict->kind != Kind::kObject)
      refuse("a pickle without a dict where entries are added");
    if (values.size() % 2 != 0) refuse("a dict with a key without a value");
    for (std::size_t i = 0; i < values.size(); i += 2) dict->entries.emplace_back(values[i], values[i + 1]);
  }
  void add_items(const std::vector<Value>& values) {
    const Value list = top();
    if (list->kind == Kind::kObject) return;  // read by nobody
    if (list->kind != Kind::kList) refuse("a pickle without a list where items are added");
    list->items.insert(list->items.end(), values.begin(), values.end());
  }

  std::string_view bytes_;
  std::size_t at_ = 0, memo_size_ = 0, made_ = 0;
  const std::string& where_;
  Pickle& out_;
  std::vector<Value> stack_, memo_;
  std::vector<std::size_t> marks_;
};

}  // namespace cliplab
