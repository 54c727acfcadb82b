#include "nn/serialize/safetensors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_set>

#include "core/atomic_file.h"
#include "core/grad_mode.h"
#include "core/ops/creation.h"

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "the file format is little-endian and tensors are read as they are");

constexpr uint64_t kMaxHeader = uint64_t{100} << 20;  // the limit of the format's own implementation

constexpr std::pair<const char*, ScalarType> kDtypes[] = {{"F64", kFloat64},   {"F32", kFloat32}, {"F16", kFloat16},
                                                          {"BF16", kBFloat16}, {"I64", kInt64},   {"I32", kInt32},
                                                          {"I16", kInt16},     {"I8", kInt8},
                                                          {"U8", kUInt8},      {"BOOL", kBool}};

const char* name_of(ScalarType dtype) {
  return std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const auto& d) { return d.second == dtype; })->first;
}

struct Entry {
  std::string name;
  ScalarType dtype = kFloat32;
  std::vector<uint64_t> shape, offsets;
  bool has_dtype = false, has_shape = false, has_offsets = false;
  uint64_t bytes() const { return offsets[1] - offsets[0]; }
};

// Takes the header apart as the JSON parser meets it: nothing is stored but what the format knows, however deep or long the text.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(SafeTensors& content) : content_(content) {}
  std::vector<Entry> entries;
  std::string error;

  bool start_object(size_t) override {
    if (depth_ == 1) {
      in_metadata_ = key_ == "__metadata__";
      if (!in_metadata_) entries.emplace_back().name = key_;
    } else if (depth_ > 1) {
      return fail("an object where none belongs");
    }
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ != 1 || in_metadata_) return true;
    const Entry& e = entries.back();
    return (e.has_dtype && e.has_shape && e.has_offsets) || fail("dtype, shape or data_offsets is missing");
  }
  bool key(string_t& name) override {
    if (depth_ == 1) {
      key_ = name;
      return names_.insert(name).second || fail("the name occurs twice");
    }
    field_ = name;
    if (in_metadata_) return true;
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") return fail("an unknown field \"" + field_ + "\"");
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata_) {
      return content_.metadata.emplace(field_, value).second || fail("\"" + field_ + "\" occurs twice");
    }
    if (depth_ != 2 || list_ != nullptr || field_ != "dtype") return fail("a string where none belongs");
    for (const auto& [name, dtype] : kDtypes) {
      if (value != name) continue;
      entries.back().dtype = dtype;
      entries.back().has_dtype = true;
      return true;
    }
    return fail("the dtype \"" + value + "\" is not supported. Use F64, F32, F16, BF16, I64, I32, U8 or BOOL");
  }
  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || list_ != nullptr || field_ == "dtype") return fail("a list where none belongs");
    Entry& e = entries.back();
    bool& seen = field_ == "shape" ? e.has_shape : e.has_offsets;
    if (seen) return fail("\"" + field_ + "\" occurs twice");
    seen = true;
    list_ = field_ == "shape" ? &e.shape : &e.offsets;
    return true;
  }
  bool end_array() override {
    list_ = nullptr;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (list_ == nullptr) return fail("a number where none belongs");
    if (list_->size() >= kMaxDims) return fail("more than " + std::to_string(kMaxDims) + " numbers in \"" + field_ + "\"");
    list_->push_back(value);
    return true;
  }
  bool number_integer(number_integer_t) override { return fail("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return fail("a number that is no integer"); }
  bool null() override { return fail("a null"); }
  bool boolean(bool) override { return fail("a true or false"); }
  bool binary(binary_t&) override { return fail("binary data"); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    error = fmt::format("the header is no JSON object (byte {})", position);
    return false;
  }

 private:
  bool fail(const std::string& what) {
    error = depth_ == 0 ? "the header holds " + what : fmt::format("header entry \"{}\": {}", key_, what);
    return false;
  }

  SafeTensors& content_;
  std::unordered_set<std::string> names_;
  std::string key_, field_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::vector<uint64_t>* list_ = nullptr;
};

// shape x element size, or nothing if a product of sizes (0 left out, as strides do) is beyond all reason.
std::optional<uint64_t> byte_count(const Entry& e) {
  uint64_t bytes = element_size(e.dtype);
  bool none = false;
  for (uint64_t size : e.shape) {
    none = none || size == 0;
    if (size > (uint64_t{1} << 62) / bytes) return std::nullopt;
    bytes *= std::max<uint64_t>(size, 1);
  }
  return none ? 0 : bytes;
}

void check_entries(const std::vector<Entry>& entries, uint64_t data_size, const std::string& file) {
  for (const Entry& e : entries) {
    check<FileError>(e.offsets.size() == 2, "{}: tensor \"{}\": data_offsets holds {} numbers, not 2", file, e.name,
                     e.offsets.size());
    check<FileError>(e.offsets[0] <= e.offsets[1] && e.offsets[1] <= data_size,
                     "{}: tensor \"{}\": the bytes [{}, {}) do not lie in the file's {} bytes of data", file, e.name,
                     e.offsets[0], e.offsets[1], data_size);
    const std::optional<uint64_t> bytes = byte_count(e);
    check<FileError>(bytes == e.bytes(), "{}: tensor \"{}\": shape [{}] of {} does not fill {} bytes", file, e.name,
                     fmt::join(e.shape, ", "), e.dtype, e.bytes());
  }
  std::vector<const Entry*> order;
  for (const Entry& e : entries) order.push_back(&e);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) { return a->offsets < b->offsets; });
  uint64_t end = 0;
  for (const Entry* e : order) {
    check<FileError>(e->offsets[0] == end, "{}: tensor \"{}\" begins at byte {}, but the tensors before it end at {}", file,
                     e->name, e->offsets[0], end);
    end = e->offsets[1];
  }
  check<FileError>(end == data_size, "{}: {} bytes of data belong to no tensor", file, data_size - end);
}

Tensor read_tensor(std::istream& stream, std::streamoff data_begin, const Entry& e, const std::string& file) {
  Tensor tensor = empty(std::vector<int64_t>(e.shape.begin(), e.shape.end()), e.dtype);
  if (e.bytes() == 0) return tensor;
  stream.seekg(data_begin + static_cast<std::streamoff>(e.offsets[0]));
  stream.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(e.bytes()));
  check<FileError>(stream.good(), "{}: tensor \"{}\" cannot be read", file, e.name);
  if (e.dtype == kBool) {
    const uint8_t* bytes = static_cast<const uint8_t*>(tensor.data_ptr());
    check<FileError>(std::all_of(bytes, bytes + e.bytes(), [](uint8_t b) { return b <= 1; }),
                     "{}: tensor \"{}\": a bool that is neither 0 nor 1", file, e.name);
  }
  return tensor;
}

std::string header_text(const SafeTensors& content, const std::vector<size_t>& data_order) {
  std::vector<uint64_t> begins(content.tensors.size());
  uint64_t offset = 0;
  for (size_t i : data_order) {
    begins[i] = offset;
    offset += content.tensors[i].second.nbytes();
  }
  std::unordered_set<std::string> names;
  std::string text = "{";
  try {
    if (!content.metadata.empty()) text += "\"__metadata__\":" + nlohmann::json(content.metadata).dump() + ",";
    for (size_t i = 0; i < content.tensors.size(); ++i) {
      const auto& [name, tensor] = content.tensors[i];
      check<ValueError>(!name.empty() && name != "__metadata__", "save_safetensors: \"{}\" is no name for a tensor", name);
      check<ValueError>(names.insert(name).second, "save_safetensors: the name \"{}\" occurs twice", name);
      text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", nlohmann::json(name).dump(),
                          name_of(tensor.dtype()), fmt::join(tensor.sizes(), ","), begins[i], begins[i] + tensor.nbytes());
    }
  } catch (const nlohmann::json::exception&) {
    throw ValueError("save_safetensors: a name or a metadata string is no UTF-8");
  }
  if (text.size() > 1) text.pop_back();
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins at a multiple of 8
  return text;
}

void write_safetensors(std::ostream& stream, const SafeTensors& content) {
  const NoGradGuard no_grad;
  for (const auto& [name, tensor] : content.tensors)
    check<ValueError>(tensor.defined(), "save_safetensors: the tensor \"{}\" is undefined", name);
  // Wide elements first, so that each tensor is aligned in the file whatever stands before it.
  std::vector<size_t> order(content.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return content.tensors[a].second.element_size() > content.tensors[b].second.element_size();
  });
  const std::string header = header_text(content, order);
  const uint64_t header_size = header.size();
  stream.write(reinterpret_cast<const char*>(&header_size), 8);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (size_t i : order) {
    const Tensor data = content.tensors[i].second.cpu().contiguous();
    stream.write(static_cast<const char*>(data.data_ptr()), static_cast<std::streamsize>(data.nbytes()));
  }
}

}  // namespace

const Tensor* SafeTensors::find(const std::string& name) const {
  const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == name; });
  return it == tensors.end() ? nullptr : &it->second;
}

const Tensor& SafeTensors::at(const std::string& name) const {
  const Tensor* tensor = find(name);
  check<ValueError>(tensor != nullptr, "SafeTensors: there is no tensor \"{}\"", name);
  return *tensor;
}

const std::string& SafeTensors::text(const std::string& key) const {
  const auto it = metadata.find(key);
  check<ValueError>(it != metadata.end(), "SafeTensors: there is no metadata string \"{}\"", key);
  return it->second;
}

SafeTensors load_safetensors(std::istream& stream, const std::string& name) {
  const std::streamoff begin = stream.tellg();
  stream.seekg(0, std::ios::end);
  const std::streamoff size = static_cast<std::streamoff>(stream.tellg()) - begin;
  stream.seekg(begin);
  check<FileError>(stream.good() && size >= 0, "{}: cannot be read", name);
  check<FileError>(size >= 8, "{}: {} bytes are no safetensors file", name, size);
  uint64_t header_size = 0;
  stream.read(reinterpret_cast<char*>(&header_size), 8);
  check<FileError>(header_size <= static_cast<uint64_t>(size) - 8, "{}: a header of {} bytes does not fit into a file of {}",
                   name, header_size, size);
  check<FileError>(header_size <= kMaxHeader, "{}: a header of {} bytes is longer than the {} that the format allows", name,
                   header_size, kMaxHeader);
  std::string header(header_size, '\0');
  stream.read(header.data(), static_cast<std::streamsize>(header_size));
  check<FileError>(stream.good(), "{}: the header cannot be read", name);

  SafeTensors content;
  HeaderReader reader(content);
  const bool parsed = header.starts_with('{') && nlohmann::json::sax_parse(header, &reader);
  check<FileError>(parsed, "{}: {}", name, reader.error.empty() ? "the header is no JSON object" : reader.error);
  check_entries(reader.entries, static_cast<uint64_t>(size) - 8 - header_size, name);
  const std::streamoff data_begin = begin + 8 + static_cast<std::streamoff>(header_size);
  for (Entry& e : reader.entries) {
    Tensor tensor = read_tensor(stream, data_begin, e, name);
    content.tensors.emplace_back(std::move(e.name), std::move(tensor));
  }
  return content;
}

SafeTensors load_safetensors(const std::string& path) {
  std::error_code error;
  check<FileError>(std::filesystem::exists(path, error), "{}: there is no such file", path);
  check<FileError>(std::filesystem::is_regular_file(path, error), "{}: is no regular file", path);
  std::ifstream stream(path, std::ios::binary);
  check<FileError>(stream.is_open(), "{}: cannot be opened", path);
  return load_safetensors(stream, path);
}

void save_safetensors(std::ostream& stream, const SafeTensors& content) {
  write_safetensors(stream, content);
  check<FileError>(stream.good(), "save_safetensors: the stream cannot be written");
}

void save_safetensors(const std::string& path, const SafeTensors& content) {
  write_file_atomically(path, [&](std::ostream& stream) { write_safetensors(stream, content); });
}

}  // namespace tessera
