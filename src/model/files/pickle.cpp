// The opcodes of protocol 2 to 5 that saved tensors need, and what a stream may build with them.
#include "model/files/pickle.hpp"

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

/// Names that a stream may mention. Classes of a TorchScript archive are names of their state, no more.
bool is_known_global(std::string_view global) {
  static constexpr std::array kNames{"collections OrderedDict",          "torch._utils _rebuild_tensor_v2",
                                     "torch._utils _rebuild_parameter",  "torch Size",
                                     "torch.jit._pickle build_intlist",  "torch.jit._pickle build_doublelist",
                                     "torch.jit._pickle build_boollist", "torch.jit._pickle build_tensorlist"};
  for (const std::string_view name : kNames)
    if (global == name) return true;
  return storage_dtype(global).has_value() || global.starts_with("__torch__.");
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
    if (!is_known_global(name)) refuse("global '" + shown(name) + "', which is not data,");
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
    if (!is(0, Kind::kText) || id->items[0]->text != "storage" || !is(1, Kind::kGlobal) || !is(2, Kind::kText) ||
        !is(4, Kind::kInt) || id->items[4]->integer < 0 || id->items.size() > 6 ||
        (id->items.size() == 6 && !is(5, Kind::kNone)))
      refuse("a persistent id that names no storage");
    const auto dtype = storage_dtype(id->items[1]->text);
    if (!dtype) refuse("a storage of class '" + shown(id->items[1]->text) + "'");
    push_text(id->items[2]->text, Kind::kStorage);
    stack_.back()->dtype = *dtype;
    stack_.back()->integer = id->items[4]->integer;
  }

  /// _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks). Every element must lie in the storage,
  /// and there may be no more of them than it has: a small file cannot ask for a large tensor.
  void push_tensor(const PickleValue& arguments) {
    const auto& items = arguments.items;
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
    const Value arguments = pop(Kind::kTuple, "arguments that are a tuple"),
                function = pop(Kind::kGlobal, "a global that is called");
    const std::string& name = function->text;
    const auto& items = arguments->items;
    if (name == "torch._utils _rebuild_tensor_v2") return push_tensor(*arguments);
    if (name == "torch._utils _rebuild_parameter" && !items.empty() && items[0]->kind == Kind::kTensor) {
      push(make(Kind::kTensor));
      *stack_.back() = *items[0];
      return;
    }
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
    refuse("a call of '" + shown(name) + "'");
  }

  void build() {
    const Value state = pop(), object = pop();
    if (object->kind == Kind::kObject)
      object->items = {state};
    else if (object->kind != Kind::kDict)
      refuse("state for something else than a dict or a module");  // a dict's is its _metadata
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
        push_long(byte());
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
      case ']':
        push(make(Kind::kList));
        break;
      case 'a': {
        const Value item = pop();
        add_items({item});
        break;
      }
      case 'e': {
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
      case 0x81: {  // NEWOBJ: a module of a TorchScript archive
        pop(Kind::kTuple, "arguments that are a tuple");
        const Value type = pop(Kind::kGlobal, "a class");
        if (!type->text.starts_with("__torch__.")) refuse("an object of '" + shown(type->text) + "'");
        push_text(type->text, Kind::kObject);
        break;
      }
      case 'b':
        build();
        break;
      default:
        refuse_opcode(code);
    }
    return true;
  }

  void push_long(int count) {  // two's complement, little-endian
    if (count > 10) refuse("an integer of " + std::to_string(count) + " bytes");
    const std::string_view raw = take(static_cast<std::size_t>(count));
    std::uint64_t value = !raw.empty() && (raw.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (int i = std::min(count, 8) - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(raw[i]);
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
