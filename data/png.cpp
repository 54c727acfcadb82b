// PNG files in and out, by libpng: stb_image turns a palette into RGB and loses the indices, and allocates what a damaged file
// asks.
//
// libpng reports errors by longjmp. Each function that calls setjmp here holds no object with a destructor: those live in its
// caller, so that the jump skips none.
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>

#include "core/error.h"
#include "data/file.h"
#include "data/image.h"
#include "data/png.h"

namespace tessera::data {
namespace {

constexpr char kReadLabel[] = "read_label";

[[noreturn]] void keep_message(png_structp png, png_const_charp message) {
  *static_cast<std::string*>(png_get_error_ptr(png)) = message;
  std::longjmp(png_jmpbuf(png), 1);
}

void ignore_warning(png_structp, png_const_charp) {}

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> bytes;
  std::string message;

  explicit Reader(std::span<const uint8_t> bytes) : bytes(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &message, &keep_message, &ignore_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    if (!info) throw std::bad_alloc();
    png_set_read_fn(png, this, &Reader::take);
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static void take(png_structp png, png_bytep target, size_t count) {
    auto& bytes = static_cast<Reader*>(png_get_io_ptr(png))->bytes;
    if (count > bytes.size()) png_error(png, "the file ends too early");
    std::memcpy(target, bytes.data(), count);
    bytes = bytes.subspan(count);
  }

  enum class Mode { values, rgba };

  bool header(Mode mode) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_info(png, info);
    if (mode == Mode::values) {
      png_set_packing(png);      // 1, 2 and 4 bits: one pixel a byte, values as stored
      png_set_strip_alpha(png);  // grey with alpha: the grey is the id
    } else {
      png_set_expand(png);  // palettes to their colours, 1, 2 and 4 bits to 8, transparent colours to alpha
      png_set_strip_16(png);
      png_set_gray_to_rgb(png);
      png_set_add_alpha(png, 255, PNG_FILLER_AFTER);  // where there is none
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return true;
  }

  bool pixels(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
  }
};

struct Writer {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<uint8_t> bytes;
  std::string message;

  Writer() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &message, &keep_message, &ignore_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    if (!info) throw std::bad_alloc();
    png_set_write_fn(png, this, &Writer::append, [](png_structp) {});
  }
  ~Writer() { png_destroy_write_struct(&png, &info); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  static void append(png_structp png, png_bytep data, size_t count) {
    auto& bytes = static_cast<Writer*>(png_get_io_ptr(png))->bytes;
    bytes.insert(bytes.end(), data, data + count);
  }

  bool encode(int height, int width, int color_type, int depth, const png_color* palette, int colors, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_IHDR(png, info, width, height, depth, color_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (palette) png_set_PLTE(png, info, palette, colors);
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, nullptr);
    return true;
  }
};

std::vector<png_bytep> row_pointers(uint8_t* first, int height, size_t row_bytes) {
  std::vector<png_bytep> rows(height);
  for (int y = 0; y < height; ++y) rows[y] = first + y * row_bytes;
  return rows;
}

// What the samples of a file are.
struct Kind {
  int color_type, depth, pixel_bytes;
};
constexpr Kind kRgb = {PNG_COLOR_TYPE_RGB, 8, 3}, kIndexed = {PNG_COLOR_TYPE_PALETTE, 8, 1},
               kGray16 = {PNG_COLOR_TYPE_GRAY, 16, 2};

std::vector<uint8_t> encode(const char* operation, const std::filesystem::path& file, int height, int width,
                            const uint8_t* pixels, const Kind& kind, const png_color* palette = nullptr, int colors = 0) {
  if (height < 1 || width < 1)
    file_error(operation, file, fmt::format("an image of {}x{} pixels cannot be written", width, height), "It needs pixels.");
  // libpng's rows are not const, but writing with no transformation set leaves them alone.
  auto rows = row_pointers(const_cast<uint8_t*>(pixels), height, static_cast<size_t>(width) * kind.pixel_bytes);
  Writer writer;
  if (!writer.encode(height, width, kind.color_type, kind.depth, palette, colors, rows.data()))
    file_error(operation, file, "cannot be encoded (" + writer.message + ")", "Check the image's size.");
  return std::move(writer.bytes);
}

// RGBA on white, as RGB.
void blend_on_white(uint8_t* rgb, const uint8_t* rgba, size_t pixels) {
  for (size_t i = 0; i < pixels; ++i) {
    const int alpha = rgba[4 * i + 3];
    for (int c = 0; c < 3; ++c)
      rgb[3 * i + c] = static_cast<uint8_t>(alpha == 255 ? rgba[4 * i + c] : (rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

}  // namespace

bool is_png(std::span<const uint8_t> bytes) { return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0; }

Image decode_png(const char* operation, std::span<const uint8_t> bytes, const std::filesystem::path& file) {
  const auto damaged = [&](const std::string& message) {
    file_error(operation, file, "is truncated or damaged (" + message + ")", "Copy it again or remove it from the data set.");
  };
  Reader reader(bytes);
  if (!reader.header(Reader::Mode::rgba)) damaged(reader.message);
  const int64_t height = png_get_image_height(reader.png, reader.info), width = png_get_image_width(reader.png, reader.info);
  check_declared_size(operation, file, height, width, bytes.size());
  if (png_get_rowbytes(reader.png, reader.info) != static_cast<size_t>(4 * width)) damaged("its colour type is unknown");
  std::vector<uint8_t> rgba(static_cast<size_t>(height * width) * 4);
  auto rows = row_pointers(rgba.data(), static_cast<int>(height), static_cast<size_t>(width) * 4);
  if (!reader.pixels(rows.data())) damaged(reader.message);
  Image image(static_cast<int>(height), static_cast<int>(width));
  blend_on_white(image.pixels.data(), rgba.data(), static_cast<size_t>(height * width));
  return image;
}

Label read_label(const std::filesystem::path& file) {
  return decode_label(read_file(kReadLabel, file), file);
}

Label decode_label(std::span<const uint8_t> bytes, const std::filesystem::path& file) {
  if (bytes.empty()) file_error(kReadLabel, file, "is empty", "Copy it again or remove it from the data set.");
  if (!is_png(bytes))
    file_error(kReadLabel, file, "is no PNG file", "Save labels as PNG with one channel of class ids (JPEG would change them).");
  const auto damaged = [&](const std::string& message) {
    file_error(kReadLabel, file, "is truncated or damaged (" + message + ")", "Copy it again or remove it from the data set.");
  };

  Reader reader(bytes);
  if (!reader.header(Reader::Mode::values)) damaged(reader.message);
  const int64_t height = png_get_image_height(reader.png, reader.info), width = png_get_image_width(reader.png, reader.info);
  check_declared_size(kReadLabel, file, height, width, bytes.size());
  if (png_get_channels(reader.png, reader.info) != 1)
    file_error(kReadLabel, file, "is a colour (RGB) picture, not a map of class ids",
               "Save one channel, or a palette PNG, in which each pixel's value is its class id 0, 1, 2, ...");

  const size_t sample_bytes = png_get_bit_depth(reader.png, reader.info) == 16 ? 2 : 1;
  std::vector<uint8_t> samples(static_cast<size_t>(height * width) * sample_bytes);
  auto rows = row_pointers(samples.data(), static_cast<int>(height), static_cast<size_t>(width) * sample_bytes);
  if (!reader.pixels(rows.data())) damaged(reader.message);

  Label label(static_cast<int>(height), static_cast<int>(width));
  for (size_t i = 0; i < label.ids.size(); ++i)
    label.ids[i] = sample_bytes == 1 ? samples[i] : samples[2 * i] << 8 | samples[2 * i + 1];  // PNG is big-endian
  return label;
}

std::vector<uint8_t> encode_png(const Image& image, const std::filesystem::path& file) {
  check<ValueError>(image.channels == 3, "write_png: an image of {} channels. It takes RGB.", image.channels);
  return encode("write_png", file, image.height, image.width, image.pixels.data(), kRgb);
}

void write_png(const std::filesystem::path& file, const Image& image) { write_file("write_png", file, encode_png(image, file)); }

std::vector<uint8_t> encode_indexed_png(const Label& label, const Palette& palette, const std::filesystem::path& file) {
  const char* const operation = "write_indexed_png";
  std::vector<uint8_t> indices(label.ids.size());
  int colors = 1;
  for (size_t i = 0; i < indices.size(); ++i) {
    const int32_t id = label.ids[i];
    if (id < 0 || id > 255)
      file_error(operation, file, fmt::format("class id {} does not fit a palette", id), "Ids must lie in 0..255.");
    indices[i] = static_cast<uint8_t>(id);
    colors = std::max(colors, id + 1);
  }
  colors = std::max(colors, static_cast<int>(std::min<size_t>(palette.size(), 256)));
  png_color entries[256] = {};
  for (size_t i = 0; i < std::min<size_t>(palette.size(), 256); ++i) entries[i] = {palette[i][0], palette[i][1], palette[i][2]};
  return encode(operation, file, label.height, label.width, indices.data(), kIndexed, entries, colors);
}

void write_indexed_png(const std::filesystem::path& file, const Label& label, const Palette& palette) {
  write_file("write_indexed_png", file, encode_indexed_png(label, palette, file));
}

void write_gray16_png(const std::filesystem::path& file, int height, int width, std::span<const uint16_t> samples) {
  check<ValueError>(samples.size() == static_cast<size_t>(height) * static_cast<size_t>(width),
                    "write_gray16_png: {} samples for {}x{} pixels.", samples.size(), width, height);
  std::vector<uint8_t> bytes(2 * samples.size());  // PNG is big-endian
  for (size_t i = 0; i < samples.size(); ++i) {
    bytes[2 * i] = static_cast<uint8_t>(samples[i] >> 8);
    bytes[2 * i + 1] = static_cast<uint8_t>(samples[i] & 0xFF);
  }
  write_file("write_gray16_png", file, encode("write_gray16_png", file, height, width, bytes.data(), kGray16));
}

}  // namespace tessera::data
