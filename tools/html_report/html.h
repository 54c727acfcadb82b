// Pieces of HTML.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"

namespace tessera::tools {

// Text as content or attribute value: & < > " ' are written as entities, so that no name of a class or file becomes markup.
std::string escape_html(std::string_view text);

// A figure with four decimals; an en dash for NaN.
std::string figure_html(double value);

std::string base64(std::span<const uint8_t> bytes);

// <img> with the picture inside, as PNG. `alt` says what is to be seen.
std::string image_html(const data::Image& image, const std::string& alt);
// The same for a map of classes: a palette PNG, which is a fraction of the size.
std::string image_html(const data::Label& label, const data::Palette& palette, const std::string& alt);

// JSON inside <script type="application/json">: "<" is written as an escape, so that the text cannot end the element.
std::string json_html(const std::string& id, std::string json);

}  // namespace tessera::tools
