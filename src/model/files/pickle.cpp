// The opcodes of protocol 2 to 5 that saved tensors need, and what a stream may build with them.
#include "model/files/pickle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "model/files/pickle_stack.hpp"

namespace cliplab {

namespace {

using Kind = PickleValue::Kind;

/// torch's storage classes and the dtype of their elements in the words of safetensors.
std::optional<std::string> storage_dtype(std::string_view global) {
  static const std::map<std::string, std::string, std::less<>> kTypes{
      {"torch FloatStorage", "F32"},     {"torch DoubleStorage", "F64"}, {"torch HalfStorage", "F16"},
      {"torch BFloat16Storage", "BF16"}, {"torch LongStorage", "I64"},   {"torch IntStorage", "I32"},
      {"torch ShortStorage", "I16"},     {"torch CharStorage", "I8"},    {"torch ByteStorage", "U8"},
      {"torch BoolStorage", "BOOL"}};
  const auto found = kTypes.find(global);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

/// Names that no checkpoint has a use for: with them a pickle takes over the program that executes it.
bool is_attack(std::string_view global) {
  static constexpr std::array kModules{"os",        "posix", "nt",   "subprocess", "pty",    "commands", "popen2",
                                       "runpy",     "sys",   "code", "codeop",     "pdb",    "bdb",      "shutil",
                                       "importlib", "imp",   "pip",  "webbrowser", "ctypes", "socket",   "torch.hub"};
  static constexpr std::array kBuiltins{"eval", "exec",       "execfile",   "compile",
                                        "open", "__import__", "breakpoint", "input"};
  const std::size_t space = global.find(' ');
  const std::string_view module = global.substr(0, space), name = global.substr(space + 1);
  const auto is = [](std::string_view wanted) { return [wanted](const char* known) { return wanted == known; }; };
  if (module == "builtins" || module == "__builtin__") return std::any_of(kBuiltins.begin(), kBuiltins.end(), is(name));
  return std::any_of(kModules.begin(), kModules.end(), is(module));
}

/// The beginning of a text from the file, for a message.
std::string shown(std::string_view text) { return std::string(text.substr(0, 80)); }

}  // namespace

class PickleReader : PickleStack {
 public:
  PickleReader(std::string_view bytes, const std::string& where, Pickle& out) : PickleStack(bytes, where, out) {}

  void run() {
    if (byte() != 0x80) refuse("no pickle of protocol 2 or later");
    if (const int protocol = byte(); protocol < 2 || protocol > 5)
      refuse("pickle protocol " + std::to_string(protocol));
    while (step()) {
    }
    if (stack_.size() != 1 || !marks_.empty())
      refuse("a pickle that ends with " + std::to_string(stack_.size()) + " values");
    out_.root_ = stack_.back();
    out_.size_ = at_;
  }

 private:
  // --- what a stream may build ---------------------------------------------------------------------------------

  void push_global(const std::string& name) {
    if (is_attack(name)) refuse("global '" + shown(name) + "', which is not data,");
    push_text(name, Kind::kGlobal);
  }

  std::vector<std::int64_t> sizes(PickleValue::Ref tuple) const {
    if (tuple->kind != Kind::kTuple || tuple->items.size() > 8)
      refuse("a tensor whose shape is no tuple of at most 8 integers");
    std::vector<std::int64_t> result;
    for (const PickleValue::Ref item : tuple->items) {
      if (item->kind != Kind::kInt || item->integer < 0) refuse("a tensor with a negative or unknown size");
      result.push_back(item->integer);
    }
    return result;
  }

  /// ('storage', class, key, device, elements) -> storage. (A sixth item of old files is a view: refused unless None.)
  void push_storage() {
    const Value id = pop(Kind::kTuple, "a persistent id that is a tuple");
    const auto is = [&](std::size_t i, Kind kind) { return id->items.size() > i && id->items[i]->kind == kind; };
    if (!is(0, Kind::kText) || id->items[0]->text != "storage" || !is(2, Kind::kText) || !is(4, Kind::kInt) ||
        id->items[4]->integer < 0 || id->items.size() > 6 || (id->items.size() == 6 && !is(5, Kind::kNone)))
      refuse("a persistent id that names no storage");
    const auto dtype = is(1, Kind::kGlobal) ? storage_dtype(id->items[1]->text) : std::nullopt;
    if (!dtype) return push_text("storage of another type", Kind::kObject);
    push_text(id->items[2]->text, Kind::kStorage);
    stack_.back()->dtype = *dtype;
    stack_.back()->integer = id->items[4]->integer;
  }

  /// _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks). Every element must lie in the storage,
  /// and there may be no more of them than it has: a small file cannot ask for a large tensor.
  void push_tensor(const PickleValue& arguments) {
    const auto& items = arguments.items;
    if (!items.empty() && items[0]->kind == Kind::kObject) return push_text("tensor of another type", Kind::kObject);
    if (items.size() < 4 || items[0]->kind != Kind::kStorage || items[1]->kind != Kind::kInt)
      refuse("a tensor without a storage");
    const std::int64_t total = items[0]->integer, offset = items[1]->integer;
    const auto shape = sizes(items[2]), stride = sizes(items[3]);
    if (shape.size() != stride.size())
      refuse("a tensor with " + std::to_string(shape.size()) + " sizes and " + std::to_string(stride.size()) +
             " strides");
    std::int64_t count = 1, last = offset;
    bool inside = offset >= 0 && offset <= total;
    for (std::size_t i = 0; inside && i < shape.size(); ++i) {
      inside = !__builtin_mul_overflow(count, shape[i], &count);
      std::int64_t reach = 0;
      if (inside && shape[i] > 1)
        inside =
            !__builtin_mul_overflow(shape[i] - 1, stride[i], &reach) && !__builtin_add_overflow(last, reach, &last);
    }
    if (!inside || count > total || (count > 0 && last >= total))
      refuse("a tensor that reaches outside its storage of " + std::to_string(total) + " elements");
    push(make(Kind::kTensor));
    Value tensor = stack_.back();
    tensor->items = {items[0]}, tensor->integer = offset, tensor->shape = shape, tensor->stride = stride;
  }

  void reduce() {
    const Value arguments = pop(Kind::kTuple, "arguments that are a tuple"), function = pop();
    if (function->kind == Kind::kGlobal) return call(function->text, *arguments, 0);
    if (function->kind != Kind::kObject) refuse("a call of something else than a function");
    push_text(function->text, Kind::kObject);
  }

  /// What the call would give, as far as tensors and containers need it.
  void call(const std::string& name, const PickleValue& arguments, int depth) {
    const auto& items = arguments.items;
    if (name == "torch._utils _rebuild_tensor_v2" || name == "torch._utils _rebuild_tensor")
      return push_tensor(arguments);
    if (name.starts_with("torch._utils _rebuild_parameter") && !items.empty() && items[0]->kind == Kind::kTensor) {
      push(make(Kind::kTensor));  // also .._with_state, of a parameter with attributes
      *stack_.back() = *items[0];
      return;
    }
    if (name == "torch._tensor _rebuild_from_type_v2" && items.size() == 4 && items[0]->kind == Kind::kGlobal &&
        items[2]->kind == Kind::kTuple && depth < 4)  // (function, type, its arguments, state)
      return call(items[0]->text, *items[2], depth + 1);
    if (name == "collections OrderedDict" && items.size() <= 1) {
      push(make(Kind::kDict));
      if (items.empty()) return;
      charge(items[0]->items.size());
      for (const PickleValue::Ref pair : items[0]->items) {
        if (pair->items.size() != 2) refuse("an OrderedDict of something else than pairs");
        stack_.back()->entries.emplace_back(pair->items[0], pair->items[1]);
      }
      return;
    }
    if ((name == "torch Size" || name.starts_with("torch.jit._pickle ")) && !items.empty()) {
      push(make(name == "torch Size" ? Kind::kTuple : Kind::kList));
      charge(items[0]->items.size());
      stack_.back()->items = items[0]->items;
      return;
    }
    push_object(name, items);
  }

  /// An object of any other class: no more than its name, and the dict that it was made of.
  void push_object(const std::string& name, const std::vector<PickleValue::Ref>& arguments) {
    push_text(name, Kind::kObject);
    for (const PickleValue::Ref argument : arguments) {
      if (argument->kind != Kind::kDict) continue;
      charge(argument->entries.size());
      stack_.back()->entries = argument->entries;
      return;
    }
  }

  /// NEWOBJ, NEWOBJ_EX: an object of a class, as modules of a TorchScript archive are.
  void new_object(bool has_keywords) {
    if (has_keywords) pop();
    const Value arguments = pop(Kind::kTuple, "arguments that are a tuple"), type = pop();
    if (type->kind != Kind::kGlobal && type->kind != Kind::kObject) refuse("an object of something else than a class");
    push_object(type->text, arguments->items);
  }

  void build() {
    const Value state = pop(), object = pop();
    if (object->kind == Kind::kObject) object->items = {state};  // a dict's is its _metadata, others have none
    push(object);
  }

  /// One opcode; false after the last.
  bool step() {
    switch (const int code = byte(); code) {
      case '.':
        return false;
      case 0x95:
        take(8);
        break;  // FRAME: a length that nothing depends on
      case '(':
        marks_.push_back(stack_.size());
        break;
      case '0':
        pop();
        break;
      case '1':
        pop_to_mark();
        break;
      case '2':
        push(top());
        break;
      case 'N':
        push(make(Kind::kNone));
        break;
      case 0x88:
        push_int(1, Kind::kBool);
        break;
      case 0x89:
        push_int(0, Kind::kBool);
        break;
      case 'K':
        push_int(byte());
        break;
      case 'M':
        push_int(static_cast<std::int64_t>(little_endian(2)));
        break;
      case 'J':
        push_int(static_cast<std::int32_t>(little_endian(4)));
        break;
      case 0x8a:
        push_long(static_cast<std::size_t>(byte()));
        break;
      case 0x8b:
        push_long(little_endian(4));
        break;
      case 'G':
        push(make(Kind::kReal));
        stack_.back()->real = std::bit_cast<double>(__builtin_bswap64(little_endian(8)));
        break;
      case 'X':
        push_text(take(little_endian(4)));
        break;
      case 0x8c:
        push_text(take(static_cast<std::size_t>(byte())));
        break;
      case 'T':
        push_text(take(little_endian(4)));
        break;  // BINSTRING and its short form: protocol 2 of Python 2
      case 'U':
        push_text(take(static_cast<std::size_t>(byte())));
        break;
      case 'B':
        push_text(take(little_endian(4)));
        break;  // BINBYTES, its short and long forms, BYTEARRAY8, BINUNICODE8
      case 'C':
        push_text(take(static_cast<std::size_t>(byte())));
        break;
      case 0x8d:
      case 0x8e:
      case 0x96:
        push_text(take(little_endian(8)));
        break;
      case ')':
        push_tuple({});
        break;
      case 't':
        push_tuple(pop_to_mark());
        break;
      case 0x85:
        push_tuple_of(1);
        break;
      case 0x86:
        push_tuple_of(2);
        break;
      case 0x87:
        push_tuple_of(3);
        break;
      case 0x91:  // FROZENSET
        push_tuple(pop_to_mark());
        break;
      case ']':
      case 0x8f:  // EMPTY_SET
        push(make(Kind::kList));
        break;
      case 'a': {
        const Value item = pop();
        add_items({item});
        break;
      }
      case 'e':
      case 0x90: {  // ADDITEMS, of a set
        const std::vector<Value> items = pop_to_mark();
        add_items(items);
        break;
      }
      case '}':
        push(make(Kind::kDict));
        break;
      case 's': {
        const Value value = pop(), key = pop();
        add_entries({key, value});
        break;
      }
      case 'u': {
        const std::vector<Value> values = pop_to_mark();
        add_entries(values);
        break;
      }
      case 'q':
        put(static_cast<std::size_t>(byte()));
        break;
      case 'r':
        put(little_endian(4));
        break;
      case 0x94:
        put(memo_size_);
        break;
      case 'h':
        get(static_cast<std::size_t>(byte()));
        break;
      case 'j':
        get(little_endian(4));
        break;
      case 'c': {
        const std::string module(line());
        push_global(module + " " + std::string(line()));
        break;
      }
      case 0x93: {
        const Value name = pop(Kind::kText, "a name of a global"), module = pop(Kind::kText, "a module of a global");
        push_global(module->text + " " + name->text);
        break;
      }
      case 'Q':
        push_storage();
        break;
      case 'R':
        reduce();
        break;
      case 0x81:
        new_object(false);
        break;
      case 0x92:
        new_object(true);
        break;
      case 'b':
        build();
        break;
      default:
        refuse_opcode(code);
    }
    return true;
  }

  void push_long(std::size_t count) {  // two's complement, little-endian
    const std::string_view raw = take(count);
    std::uint64_t value = !raw.empty() && (raw.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = std::min<std::size_t>(count, 8); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(raw[i]);
    push_int(static_cast<std::int64_t>(value));
    if (count > 8) stack_.back()->text = raw;  // longer ones are magic numbers: known by their bytes
  }
};

PickleValue::Ref PickleValue::find(std::string_view key) const {
  // NOLINTNEXTLINE(modernize-loop-convert): clang 14 does not compile the reverse view of this library
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
    if (entry->first->kind == Kind::kText && entry->first->text == key) return entry->second;
  return nullptr;
}

Pickle::Pickle(std::string_view bytes, const std::string& where) { PickleReader(bytes, where, *this).run(); }

}  // namespace cliplab
