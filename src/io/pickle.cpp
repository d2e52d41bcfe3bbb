#include "io/pickle.h"

#include <bit>
#include <cstdio>

#include "io/byte_reader.h"
#include "io/pickle_machine.h"

namespace cambium::io {
namespace {

using Kind = PickleValue::Kind;

class Machine {
 public:
  Machine(std::string_view bytes, size_t position, const std::string& source, const PickleLimits& limits)
      : reader_(bytes, source, position), limits_(limits), builder_(source, limits) {}

  PickleTree run() {
    const PickleValue* root = nullptr;
    while (root == nullptr) root = step(reader_.number<uint8_t>());
    PickleTree tree = builder_.take();
    tree.root = root;
    return tree;
  }
  size_t position() const { return reader_.position(); }

 private:
  // Carries out one opcode; the result at STOP, nullptr before.
  const PickleValue* step(uint8_t opcode) {
    switch (opcode) {
      case 0x80:
        proto();
        break;
      case 0x95:
        reader_.number<uint64_t>();
        break;  // FRAME: a hint for streams
      case '.':
        return pop();
      // Constants
      case 'N':
        push(builder_.make(Kind::none));
        break;
      case 0x88:
        push(boolean(true));
        break;
      case 0x89:
        push(boolean(false));
        break;
      case 'J':
        push(builder_.make_integer(reader_.number<int32_t>()));
        break;
      case 'K':
        push(builder_.make_integer(reader_.number<uint8_t>()));
        break;
      case 'M':
        push(builder_.make_integer(reader_.number<uint16_t>()));
        break;
      case 0x8a:
        push(long_integer(reader_.number<uint8_t>()));
        break;
      case 0x8b:
        push(long_integer(reader_.number<uint32_t>()));
        break;
      case 'G':
        push(real());
        break;
      // Text and bytes; Python 2's strings (T, U) are names and tags in torch's files.
      case 'X':
        text(Kind::string, reader_.number<uint32_t>());
        break;
      case 0x8c:
        text(Kind::string, reader_.number<uint8_t>());
        break;
      case 0x8d:
        text(Kind::string, reader_.number<uint64_t>());
        break;
      case 'T':
        text(Kind::string, reader_.number<uint32_t>());
        break;
      case 'U':
        text(Kind::string, reader_.number<uint8_t>());
        break;
      case 'B':
        text(Kind::bytes, reader_.number<uint32_t>());
        break;
      case 'C':
        text(Kind::bytes, reader_.number<uint8_t>());
        break;
      case 0x8e:
        text(Kind::bytes, reader_.number<uint64_t>());
        break;
      // Containers
      case '}':
        push(builder_.make(Kind::dict));
        break;
      case ']':
        push(builder_.make(Kind::list));
        break;
      case ')':
        push(builder_.make(Kind::tuple));
        break;
      case 0x8f:
        push(builder_.make(Kind::set));
        break;
      case '(':
        mark();
        break;
      case 't':
        collect(Kind::tuple, from_mark());
        break;
      case 'l':
        collect(Kind::list, from_mark());
        break;
      case 0x91:
        collect(Kind::set, from_mark());
        break;
      case 0x85:
        collect(Kind::tuple, from_top(1));
        break;
      case 0x86:
        collect(Kind::tuple, from_top(2));
        break;
      case 0x87:
        collect(Kind::tuple, from_top(3));
        break;
      case 'a':
        append(from_top(1));
        break;
      case 'e':
        append(from_mark());
        break;
      case 0x90:
        append(from_mark());
        break;
      case 's':
        set_items(from_top(2));
        break;
      case 'u':
        set_items(from_mark());
        break;
      // Stack and memo
      case '0':
        pop();
        break;
      case '1':
        stack_.resize(from_mark());
        break;
      case 'q':
        put(reader_.number<uint8_t>());
        break;
      case 'r':
        put(reader_.number<uint32_t>());
        break;
      case 0x94:
        put(static_cast<uint32_t>(memo_.size()));
        break;
      case 'h':
        get(reader_.number<uint8_t>());
        break;
      case 'j':
        get(reader_.number<uint32_t>());
        break;
      // Classes
      case 'c':
        global_lines();
        break;
      case 0x93:
        global_stack();
        break;
      case 'R':
      case 0x81:
        call();
        break;
      case 'b':
        build();
        break;
      case 'Q':
        push(builder_.persistent(*pop()));
        break;
      default: {
        char name[8];
        std::snprintf(name, sizeof name, "0x%02x", opcode);
        builder_.fail("holds pickle opcode " + std::string(name) + " at byte " + std::to_string(position() - 1) +
                      ", which torch.save does not write");
      }
    }
    return nullptr;
  }

  void push(PickleValue* value) {
    if (stack_.size() >= limits_.stack)
      builder_.fail("nests or lists more than " + std::to_string(limits_.stack) + " values at once");
    stack_.push_back(value);
  }
  PickleValue* pop() {
    PickleValue* value = stack_[from_top(1)];
    stack_.pop_back();
    return value;
  }
  // Index of the first of the `count` topmost values, none of them below a mark.
  size_t from_top(size_t count) const {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() < floor + count) builder_.fail("holds a pickle that uses values it has not made");
    return stack_.size() - count;
  }
  size_t from_mark() {
    if (marks_.empty()) builder_.fail("holds a pickle that closes a list it has not opened");
    const size_t index = marks_.back();
    marks_.pop_back();
    return index;
  }
  void mark() {
    if (marks_.size() >= limits_.stack) builder_.fail("nests more than " + std::to_string(limits_.stack) + " lists");
    marks_.push_back(stack_.size());
  }

  void proto() {
    const auto version = reader_.number<uint8_t>();
    if (version < 2 || version > 5)
      builder_.fail("holds a pickle of protocol " + std::to_string(version) + "; 2 to 5 are read");
  }
  PickleValue* boolean(bool value) {
    PickleValue* made = builder_.make(Kind::boolean);
    made->integer = value;
    return made;
  }
  PickleValue* real() {
    PickleValue* value = builder_.make(Kind::real);
    value->real = std::bit_cast<double>(__builtin_bswap64(reader_.number<uint64_t>()));
    return value;
  }
  PickleValue* long_integer(uint32_t size) {
    const std::string_view bytes = reader_.take(size);
    if (size > sizeof(int64_t)) return builder_.make_text(Kind::big_integer, bytes);
    uint64_t bits = size > 0 && (bytes.back() & 0x80) ? ~uint64_t{0} : 0;
    std::memcpy(&bits, bytes.data(), size);
    return builder_.make_integer(static_cast<int64_t>(bits));
  }
  void text(Kind kind, uint64_t size) { push(builder_.make_text(kind, reader_.take(size))); }

  void collect(Kind kind, size_t first) {
    PickleValue* value = builder_.make(kind);
    value->items.assign(stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
    stack_.resize(first);
    push(value);
  }
  // The container below `first`, which takes what lies above it.
  PickleValue& owner(size_t first) {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (first < floor + 1) builder_.fail("holds a pickle that fills a list it has not made");
    return *stack_[first - 1];
  }
  void append(size_t first) {
    PickleValue& list = owner(first);
    if (!list.is(Kind::list) && !list.is(Kind::set) && !list.is(Kind::object))
      builder_.fail("appends to a " + describe(list));
    list.items.insert(list.items.end(), stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
    stack_.resize(first);
  }
  void set_items(size_t first) {
    PickleValue& dict = owner(first);
    if (!dict.is(Kind::dict) && !dict.is(Kind::object)) builder_.fail("sets items of a " + describe(dict));
    if ((stack_.size() - first) % 2 != 0) builder_.fail("holds a dict with a key and no value");
    for (size_t i = first; i < stack_.size(); i += 2) dict.entries.emplace_back(stack_[i], stack_[i + 1]);
    stack_.resize(first);
  }

  void put(uint32_t index) {
    if (memo_.size() >= limits_.memo) builder_.fail("memoises more than " + std::to_string(limits_.memo) + " values");
    memo_[index] = stack_[from_top(1)];
  }
  void get(uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) builder_.fail("holds a pickle that recalls a value it has not kept");
    push(found->second);
  }

  void global(const std::string& name) {
    if (!pickle_global_allowed(name)) {
      builder_.fail(
          "names " + describe(*builder_.make_text(Kind::global, name)) + ", which a weights file has no need of",
          "save the model's state_dict() alone with torch.save, or as safetensors");
    }
    push(builder_.make_text(Kind::global, name));
  }
  void global_lines() {
    const std::string module(reader_.line());
    global(module + "." + std::string(reader_.line()));
  }
  void global_stack() {
    const PickleValue* name = pop();
    const PickleValue* module = pop();
    if (!name->is(Kind::string) || !module->is(Kind::string))
      builder_.fail("names a class by something that is not text");
    global(module->text + "." + name->text);
  }
  void call() {
    PickleValue* arguments = pop();
    const PickleValue* callable = pop();
    if (!callable->is(Kind::global) || !arguments->is(Kind::tuple)) builder_.fail("calls a " + describe(*callable));
    push(builder_.call(*callable, *arguments));
  }
  void build() {
    const PickleValue* state = pop();
    builder_.build(*stack_[from_top(1)], *state);
  }

  ByteReader reader_;
  const PickleLimits& limits_;
  PickleBuilder builder_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleValue*> memo_;
};

}  // namespace

PickleTree parse_pickle(std::string_view bytes, size_t& position, const std::string& source,
                        const PickleLimits& limits) {
  Machine machine(bytes, position, source, limits);
  PickleTree tree = machine.run();
  position = machine.position();
  return tree;
}

}  // namespace cambium::io
