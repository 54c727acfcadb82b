#include "nn/serialize/npy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <ostream>
#include <utility>

#include "core/atomic_file.h"
#include "core/grad_mode.h"
#include "core/ops/creation.h"
#include "nn/serialize/mapped_file.h"
#include "nn/serialize/pickle.h"

namespace tessera {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::pair<std::string_view, ScalarType> kDtypes[] = {
    {"f8", kFloat64}, {"f4", kFloat32}, {"f2", kFloat16}, {"i8", kInt64}, {"i4", kInt32},
    {"i2", kInt16},   {"i1", kInt8},    {"u1", kUInt8},   {"b1", kBool}};

struct Header {
  ScalarType dtype = kFloat32;
  bool swapped = false, fortran_order = false;
  DimVector sizes;
};

// Reads the header, a Python dict of literals, by the few forms that its three values have. Throws ValueError.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  Header read() {
    Header header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      bool& seen = key == "descr" ? descr : key == "fortran_order" ? order : shape;
      check<ValueError>(key == "descr" || key == "fortran_order" || key == "shape", "an unknown key '{}'", printable(key));
      check<ValueError>(!seen, "the key '{}' occurs twice", key);
      seen = true;
      if (key == "descr")
        read_descr(quoted(), header);
      else if (key == "fortran_order")
        header.fortran_order = boolean();
      else
        header.sizes = tuple();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    check<ValueError>(text_.empty(), "there is text behind the dict");
    check<ValueError>(descr && order && shape, "descr, fortran_order or shape is missing");
    return header;
  }

 private:
  void skip_spaces() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n\t"), text_.size())); }
  bool accept(char c) {
    skip_spaces();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) { check<ValueError>(accept(c), "a '{}' is missing", c); }
  std::string_view quoted() {
    skip_spaces();
    check<ValueError>(text_.starts_with('\'') || text_.starts_with('"'), "a text in quotes is missing");
    const size_t end = text_.find(text_[0], 1);
    check<ValueError>(end != text_.npos, "a quote is not closed");
    const std::string_view result = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return result;
  }
  bool boolean() {
    skip_spaces();
    const bool value = text_.starts_with("True");
    check<ValueError>(value || text_.starts_with("False"), "fortran_order is neither True nor False");
    text_.remove_prefix(value ? 4 : 5);
    return value;
  }
  DimVector tuple() {
    DimVector sizes;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      check<ValueError>(error == std::errc() && size >= 0, "a size in the shape is no number");
      check<ValueError>(sizes.size() < kMaxDims, "more than {} dimensions", kMaxDims);
      sizes.push_back(size);
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }
  static void read_descr(std::string_view descr, Header& header) {
    const auto* type =
        std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const auto& d) { return descr.ends_with(d.first); });
    check<ValueError>(type != std::end(kDtypes) && descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != descr.npos,
                      "the dtype '{}' is not supported. Use f8, f4, f2, i8, i4, u1 or b1", printable(descr));
    header.dtype = type->second;
    header.swapped = descr[0] == '>' && element_size(header.dtype) > 1;
  }

  std::string_view text_;
};

// The bytes that the elements take; nothing for a product of sizes, 0 left out, that no memory holds.
std::optional<uint64_t> byte_count(const Header& header) {
  uint64_t bytes = element_size(header.dtype);
  bool none = false;
  for (const int64_t size : header.sizes) {
    none = none || size == 0;
    if (static_cast<uint64_t>(size) > (uint64_t{1} << 60) / bytes) return std::nullopt;
    bytes *= static_cast<uint64_t>(std::max<int64_t>(size, 1));
  }
  return none ? 0 : bytes;
}

Layout layout_of(const Header& header) {
  Layout layout = Layout::of(header.sizes);
  if (!header.fortran_order || layout.numel() == 0) return layout;
  int64_t stride = 1;
  for (size_t d = 0; d < header.sizes.size(); ++d) {
    layout.strides[d] = stride;
    stride *= header.sizes[d];
  }
  return layout;
}

void write_npy(std::ostream& stream, const Tensor& tensor) {
  const NoGradGuard no_grad;
  check<ValueError>(tensor.defined(), "save_npy: the tensor is undefined");
  const auto* type =
      std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const auto& d) { return d.second == tensor.dtype(); });
  check<ValueError>(type != std::end(kDtypes), "save_npy: NumPy has no {}. Convert with to(kFloat).", tensor.dtype());
  const IntArrayRef sizes = tensor.sizes();
  std::string header =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", tensor.element_size() == 1 ? '|' : '<',
                  type->first, fmt::join(sizes, ", "), sizes.size() == 1 ? "," : "");
  const size_t before = kMagic.size() + 4;
  header.resize((before + header.size() + 1 + 63) / 64 * 64 - before, ' ');
  header.back() = '\n';
  const auto length = static_cast<uint16_t>(header.size());
  stream.write(kMagic.data(), static_cast<std::streamsize>(kMagic.size()));
  stream.write("\1\0", 2);
  stream.write(reinterpret_cast<const char*>(&length), 2);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  const Tensor data = tensor.cpu().contiguous();
  stream.write(static_cast<const char*>(data.data_ptr()), static_cast<std::streamsize>(data.nbytes()));
}

}  // namespace

bool is_npy(std::span<const uint8_t> bytes) {
  return bytes.size() >= kMagic.size() && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

Tensor load_npy(std::span<const uint8_t> bytes, const std::string& name) {
  check<FileError>(is_npy(bytes), "{}: no .npy file", name);
  check<FileError>(bytes.size() >= 10, "{}: it ends within the header", name);
  const int major = bytes[6], minor = bytes[7];
  check<FileError>(major >= 1 && major <= 3 && minor == 0, "{}: format version {}.{}; 1.0 to 3.0 are read", name, major, minor);
  const size_t begin = major == 1 ? 10 : 12;
  check<FileError>(bytes.size() >= begin, "{}: it ends within the header", name);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data() + 8, begin - 8);
  check<FileError>(length <= bytes.size() - begin, "{}: a header of {} bytes does not fit into a file of {}", name, length,
                   bytes.size());
  Header header;
  try {
    header = HeaderReader({reinterpret_cast<const char*>(bytes.data()) + begin, length}).read();
  } catch (const ValueError& error) {
    throw FileError(fmt::format("{}: its header: {}", name, error.what()));
  }
  const std::span<const uint8_t> data = bytes.subspan(begin + length);
  const std::optional<uint64_t> wanted = byte_count(header);
  check<FileError>(wanted == data.size(), "{}: shape {} of {} does not fill {} bytes", name, header.sizes, header.dtype,
                   data.size());

  Tensor tensor = make_tensor(layout_of(header), header.dtype, kCPU);
  auto* const to = static_cast<uint8_t*>(tensor.data_ptr());
  std::copy(data.begin(), data.end(), to);
  if (header.swapped)
    for (size_t i = 0; i < data.size(); i += tensor.element_size()) std::reverse(to + i, to + i + tensor.element_size());
  check<FileError>(header.dtype != kBool || std::all_of(data.begin(), data.end(), [](uint8_t b) { return b <= 1; }),
                   "{}: a bool that is neither 0 nor 1", name);
  return tensor;
}

Tensor load_npy(const std::string& path) {
  const MappedFile file(path);
  return load_npy(file.bytes(), path);
}

void save_npy(std::ostream& stream, const Tensor& tensor) {
  write_npy(stream, tensor);
  check<FileError>(stream.good(), "save_npy: the stream cannot be written");
}

void save_npy(const std::string& path, const Tensor& tensor) {
  write_file_atomically(path, [&](std::ostream& stream) { write_npy(stream, tensor); });
}

}  // namespace tessera
