#include "nn/serialize/pickle.h"

#include <bit>
#include <map>
#include <tuple>
#include <unordered_map>

#include "nn/serialize/pickle_globals.h"

namespace tessera {
namespace {

constexpr size_t kMaxSteps = size_t{1} << 21;  // checkpoints of large networks take some hundred thousand

// The stack machine. run() follows the file's opcodes, one method call each; names are those of CPython's pickletools.
class Unpickler {
 public:
  Unpickler(std::span<const uint8_t> bytes, const std::string& name, const NumberedTensors& numbered, PickleDocument& document)
      : bytes_(bytes), name_(name), numbered_(numbered), document_(document) {}

  // Returns the number of bytes that the pickle takes.
  size_t run() {
    try {
      while (step()) spend(1);
    } catch (const ValueError& error) {
      fail(error.what());
    }
    return position_;
  }

 private:
  using Kind = PickleKind;
  using Values = std::vector<PickleValue>;

  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(fmt::format("{}: byte {} of the pickle: {}", name_, opcode_at_, what));
  }

  void spend(size_t steps) {
    check<ValueError>(steps <= kMaxSteps - steps_, "the pickle takes more than {} steps", kMaxSteps);
    steps_ += steps;
  }

  // --- The file --------------------------------------------------------------------------------------------------------------
  std::string_view take(uint64_t count) {
    check<ValueError>(count <= bytes_.size() - position_, "{} bytes are wanted and {} are left", count,
                      bytes_.size() - position_);
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + position_, count);
    position_ += count;
    return text;
  }
  // A little-endian number of `count` bytes, without a sign.
  uint64_t number(size_t count) {
    uint64_t value = 0;
    const std::string_view text = take(count);
    for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(text[i]);
    return value;
  }
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, bytes_.size() - position_);
    const size_t end = rest.find('\n');
    check<ValueError>(end != rest.npos, "a line has no end");
    position_ += end + 1;
    return rest.substr(0, end);
  }

  // --- The stack -------------------------------------------------------------------------------------------------------------
  void push(PickleValue value) { stack_.push_back(value); }
  size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }  // what lies below a mark is out of reach
  PickleValue& top() {
    check<ValueError>(stack_.size() > bottom(), "the stack is empty");
    return stack_.back();
  }
  PickleValue pop() {
    const PickleValue value = top();
    stack_.pop_back();
    return value;
  }
  // What lies above the last mark; both are taken off.
  Values pop_mark() {
    check<ValueError>(!marks_.empty(), "there is no mark");
    const Values items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_text(Kind kind, std::string_view text) {
    check<ValueError>(kind == Kind::Bytes || is_utf8(text), "a text that is no UTF-8");
    push(PickleValue(kind, &document_.texts.emplace_back(text)));
  }
  PickleValue container(Kind kind, Values items) {
    check<ValueError>(kind != Kind::Dict || items.size() % 2 == 0, "a dict of {} keys and values", items.size());
    return PickleValue(kind, &document_.containers.emplace_back(std::move(items)));
  }
  void push_tuple(size_t count) {
    check<ValueError>(stack_.size() - bottom() >= count, "the stack is empty");
    Values items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    push(container(Kind::Tuple, std::move(items)));
  }
  // Puts items into the container on top of the stack.
  void extend(Kind kind, const Values& items) {
    check<ValueError>(top().is(kind), "a {} is filled as a {}", to_string(top().kind()), to_string(kind));
    check<ValueError>(kind != Kind::Dict || items.size() % 2 == 0, "a dict of {} keys and values", items.size());
    Values& target = top().items();
    target.insert(target.end(), items.begin(), items.end());
  }
  void recall(uint64_t index) {
    const auto it = memo_.find(index);
    check<ValueError>(it != memo_.end(), "the memo holds nothing under {}", index);
    push(it->second);
  }

  // --- Names -----------------------------------------------------------------------------------------------------------------
  void push_global(std::string_view module, std::string_view name) {
    const PickleGlobal* global = find_pickle_global(module, name);
    check<ValueError>(
        global != nullptr,
        "it refuses the global {}.{}: weights are tensors, containers and numbers, and nothing in the file is run. In "
        "Python: torch.save(model.state_dict(), FILE).",
        printable(module), printable(name));
    push(PickleValue(global));
  }
  void call() {
    const PickleValue arguments = pop(), global = pop();
    push(call_pickle_global(global.global(), arguments, document_, [this](size_t n) { spend(n); }));
  }
  // The state of an object: attributes of an OrderedDict, such as PyTorch's _metadata; the data of a Parameter, first of a tuple;
  // a NumPy dtype's byte order.
  void build() {
    const PickleValue state = pop(), target = top();
    if (target.is(Kind::Dict)) return;
    if (target.is(Kind::Tensor) && target.tensor().storage == nullptr) {
      check<ValueError>(state.is(Kind::Tuple) && !state.items().empty(), "a Parameter without data");
      target.tensor() = state.items()[0].tensor();
      return;
    }
    check<ValueError>(target.is(Kind::String) && state.is(Kind::Tuple), "a state is given to a {}", to_string(target.kind()));
    const Values& parts = state.items();
    check<ValueError>(parts.size() >= 2 && parts[1].is(Kind::String) && parts[1].text() != ">", "a NumPy number is big-endian");
  }
  void push_persistent() {
    const PickleValue id = pop();
    if (id.is(Kind::Tuple)) return push_storage(id.items());
    const auto tensor = numbered_.find(id.scalar_text());
    check<ValueError>(tensor != numbered_.end(), "there is no tensor \"{}\"", printable(id.scalar_text()));
    push(PickleValue(&document_.tensors.emplace_back(tensor->second)));
  }
  // ("storage", TYPE, key, device, numel), and in legacy files the part of it: None or (key, offset, size).
  void push_storage(const Values& parts) {
    check<ValueError>((parts.size() == 5 || parts.size() == 6) && parts[0].text() == "storage",
                      "a persistent id that is no storage's");
    const PickleGlobal& type = parts[1].global();
    check<ValueError>(type.call == PickleGlobal::Call::Storage, "{} is no storage", type.name);
    check<ValueError>(parts[2].text().size() <= 64, "a storage whose name has {} bytes", parts[2].text().size());
    constexpr int64_t kMost = int64_t{1} << 58;
    PickleStorage storage{parts[2].text(), type.dtype, parts[4].integer(), 0, parts[4].integer()};
    check<ValueError>(storage.numel >= 0 && storage.numel <= kMost, "a storage of {} elements", storage.numel);
    if (parts.size() == 6 && !parts[5].is(Kind::None)) {
      const Values& part = parts[5].items();
      check<ValueError>(part.size() == 3, "a part of a storage that is no (key, offset, size)");
      storage.offset = part[1].integer();
      storage.size = part[2].integer();
      check<ValueError>(storage.offset >= 0 && storage.size >= 0 && storage.offset <= storage.numel &&
                            storage.size <= storage.numel - storage.offset,
                        "a part [{}, +{}) of a storage of {} elements", storage.offset, storage.size, storage.numel);
    }
    const PickleStorage*& whole = wholes_[storage.key];
    check<ValueError>(whole == nullptr || (whole->dtype == storage.dtype && whole->numel == storage.numel),
                      "the storage \"{}\" has {} elements of {}, and elsewhere others", printable(storage.key), storage.numel,
                      storage.dtype);
    const PickleStorage*& known = storages_[{storage.key, storage.offset, storage.size}];
    if (known == nullptr) known = &document_.storages.emplace_back(std::move(storage));
    if (whole == nullptr) whole = known;
    push(PickleValue(known));
  }

  // --- One opcode. False at the end. -------------------------------------------------------------------------------------------
  bool step() {
    opcode_at_ = position_;
    const uint8_t opcode = static_cast<uint8_t>(take(1)[0]);
    switch (opcode) {
      case 0x80: {  // PROTO
        const uint64_t protocol = number(1);
        check<ValueError>(protocol <= 4, "protocol {}; up to 4 are read", protocol);
        break;
      }
      case 0x95: number(8); break;  // FRAME
      case '.':                     // STOP
        document_.root = pop();
        return false;

      case '(': marks_.push_back(stack_.size()); break;  // MARK
      case '0':                                          // POP
        if (stack_.size() > bottom() || marks_.empty())
          pop();
        else
          marks_.pop_back();
        break;
      case '1': pop_mark(); break;   // POP_MARK
      case '2': push(top()); break;  // DUP

      case 'N': push(PickleValue()); break;                                                                 // NONE
      case 0x88: push(PickleValue(true)); break;                                                            // NEWTRUE
      case 0x89: push(PickleValue(false)); break;                                                           // NEWFALSE
      case 'J': push(PickleValue(int64_t{static_cast<int32_t>(static_cast<uint32_t>(number(4)))})); break;  // BININT
      case 'K': push(PickleValue(static_cast<int64_t>(number(1)))); break;                                  // BININT1
      case 'M': push(PickleValue(static_cast<int64_t>(number(2)))); break;                                  // BININT2
      case 0x8A: push_long(number(1)); break;                                                               // LONG1
      case 0x8B: push_long(number(4)); break;                                                               // LONG4
      case 'G': {                                                                                           // BINFLOAT
        uint64_t bits = 0;  // big-endian, alone among them
        for (const char c : take(8)) bits = bits << 8 | static_cast<uint8_t>(c);
        push(PickleValue(std::bit_cast<double>(bits)));
        break;
      }

      case 'X': push_text(Kind::String, take(number(4))); break;   // BINUNICODE
      case 0x8C: push_text(Kind::String, take(number(1))); break;  // SHORT_BINUNICODE
      case 0x8D: push_text(Kind::String, take(number(8))); break;  // BINUNICODE8
      case 'T': push_text(Kind::String, take(number(4))); break;   // BINSTRING, a text of Python 2
      case 'U': push_text(Kind::String, take(number(1))); break;   // SHORT_BINSTRING
      case 'B': push_text(Kind::Bytes, take(number(4))); break;    // BINBYTES
      case 'C': push_text(Kind::Bytes, take(number(1))); break;    // SHORT_BINBYTES
      case 0x8E: push_text(Kind::Bytes, take(number(8))); break;   // BINBYTES8

      case ']': push(container(Kind::List, {})); break;           // EMPTY_LIST
      case ')': push(container(Kind::Tuple, {})); break;          // EMPTY_TUPLE
      case '}': push(container(Kind::Dict, {})); break;           // EMPTY_DICT
      case 0x8F: push(container(Kind::Set, {})); break;           // EMPTY_SET
      case 'l': push(container(Kind::List, pop_mark())); break;   // LIST
      case 't': push(container(Kind::Tuple, pop_mark())); break;  // TUPLE
      case 'd': push(container(Kind::Dict, pop_mark())); break;   // DICT
      case 0x91: push(container(Kind::Set, pop_mark())); break;   // FROZENSET
      case 0x85: push_tuple(1); break;                            // TUPLE1
      case 0x86: push_tuple(2); break;                            // TUPLE2
      case 0x87: push_tuple(3); break;                            // TUPLE3
      case 'a': {                                                 // APPEND
        const PickleValue item = pop();
        extend(Kind::List, {item});
        break;
      }
      case 's': {  // SETITEM
        const PickleValue value = pop(), key = pop();
        extend(Kind::Dict, {key, value});
        break;
      }
      case 'e': extend_from_mark(Kind::List); break;  // APPENDS
      case 'u': extend_from_mark(Kind::Dict); break;  // SETITEMS
      case 0x90: extend_from_mark(Kind::Set); break;  // ADDITEMS

      case 'q': memo_[number(1)] = top(); break;                // BINPUT
      case 'r': memo_[number(4)] = top(); break;                // LONG_BINPUT
      case 0x94: memo_[uint64_t{memo_.size()}] = top(); break;  // MEMOIZE
      case 'h': recall(number(1)); break;                       // BINGET
      case 'j': recall(number(4)); break;                       // LONG_BINGET

      case 'c': {  // GLOBAL
        const std::string_view module = line();
        push_global(module, line());
        break;
      }
      case 0x93: {  // STACK_GLOBAL
        const PickleValue name = pop(), module = pop();
        push_global(module.text(), name.text());
        break;
      }
      case 'R':                            // REDUCE
      case 0x81: call(); break;            // NEWOBJ
      case 'b': build(); break;            // BUILD
      case 'Q': push_persistent(); break;  // BINPERSID
      default: throw ValueError(fmt::format("it refuses the opcode 0x{:02x}, which weights do not need", opcode));
    }
    return true;
  }

  void push_long(uint64_t count) {
    check<ValueError>(count <= 8, "an integer of {} bytes; up to 8 are read", count);
    uint64_t value = number(count);
    if (count > 0 && count < 8 && (value >> (8 * count - 1)) != 0) value |= ~uint64_t{0} << (8 * count);  // two's complement
    push(PickleValue(static_cast<int64_t>(value)));
  }
  void extend_from_mark(Kind kind) {
    const Values items = pop_mark();
    extend(kind, items);
  }

  const std::span<const uint8_t> bytes_;
  const std::string& name_;
  const NumberedTensors& numbered_;
  PickleDocument& document_;
  size_t position_ = 0, opcode_at_ = 0, steps_ = 0;
  Values stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, PickleValue> memo_;
  std::map<std::string, const PickleStorage*> wholes_;
  std::map<std::tuple<std::string, int64_t, int64_t>, const PickleStorage*> storages_;
};

}  // namespace

PickleDocument read_pickle(std::span<const uint8_t>& bytes, const std::string& name, const NumberedTensors& numbered) {
  PickleDocument document;
  bytes = bytes.subspan(Unpickler(bytes, name, numbered, document).run());
  return document;
}

}  // namespace tessera
