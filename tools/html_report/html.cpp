#include "tools/html_report/html.h"

#include <fmt/format.h>

#include <cmath>

namespace tessera::tools {
namespace {

std::string png_image(std::span<const uint8_t> png, int width, int height, const std::string& alt) {
  return fmt::format(R"(<img src="data:image/png;base64,{}" width="{}" height="{}" alt="{}">)", base64(png), width, height,
                     escape_html(alt));
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string figure_html(double value) { return std::isnan(value) ? "\u2013" : fmt::format("{:.4f}", value); }

std::string base64(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {  // three bytes are four digits of six bits
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string image_html(const data::Image& image, const std::string& alt) {
  return png_image(data::encode_png(image), image.width, image.height, alt);
}

std::string image_html(const data::Label& label, const data::Palette& palette, const std::string& alt) {
  return png_image(data::encode_indexed_png(label, palette), label.width, label.height, alt);
}

std::string json_html(const std::string& id, std::string json) {
  for (size_t at = 0; (at = json.find('<', at)) != std::string::npos;) json.replace(at, 1, "\\u003c");
  return fmt::format("<script type=\"application/json\" id=\"{}\">{}</script>\n", id, json);
}

}  // namespace tessera::tools
