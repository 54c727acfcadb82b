#include <algorithm>

#include "nn/serialize/pickle.h"

namespace tessera {

const char* to_string(PickleKind kind) {
  constexpr const char* kNames[] = {"None",  "bool", "int", "float",  "str",     "bytes", "list",
                                    "tuple", "dict", "set", "global", "storage", "tensor"};
  return kNames[static_cast<size_t>(kind)];
}

void PickleValue::expect(PickleKind kind) const {
  check<ValueError>(kind_ == kind, "a {} stands where a {} belongs", to_string(kind_), to_string(kind));
}

const std::string& PickleValue::text() const {
  if (kind_ != PickleKind::Bytes) expect(PickleKind::String);
  return *text_;
}

std::vector<PickleValue>& PickleValue::items() const {
  if (kind_ != PickleKind::Tuple && kind_ != PickleKind::Dict && kind_ != PickleKind::Set) expect(PickleKind::List);
  return *items_;
}

const PickleValue* PickleValue::find(std::string_view key) const {
  expect(PickleKind::Dict);
  for (size_t i = items_->size(); i >= 2; i -= 2) {
    const PickleValue& candidate = (*items_)[i - 2];
    if (candidate.is(PickleKind::String) && candidate.text() == key) return &(*items_)[i - 1];
  }
  return nullptr;
}

std::string PickleValue::scalar_text() const {
  switch (kind_) {
    case PickleKind::None: return "None";
    case PickleKind::Bool: return integer_ ? "True" : "False";
    case PickleKind::Int: return fmt::format("{}", integer_);
    case PickleKind::Float: return fmt::format("{}", real_);
    case PickleKind::String: return *text_;
    default: return "";
  }
}

bool is_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = byte(i);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || length > text.size() - i) return false;
    for (size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    const uint8_t second = length > 1 ? byte(i + 1) : 0;
    // Longer than needed; half of a surrogate pair; above U+10FFFF.
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second >= 0x90))
      return false;
    i += length;
  }
  return true;
}

std::string printable(std::string_view text, size_t limit) {
  std::string result(text.substr(0, limit));
  for (char& c : result)
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) c = '?';
  while (!is_utf8(result)) {  // a character cut in the middle, or no text at all
    if (!is_utf8(text)) {
      for (char& c : result)
        if (static_cast<uint8_t>(c) >= 0x80) c = '?';
    } else {
      result.pop_back();
    }
  }
  return text.size() > limit ? result + "..." : result;
}

}  // namespace tessera
