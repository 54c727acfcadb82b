// Text in pictures, by a bitmap font of our own: letters of 5 x 7 pixels with two more rows for what hangs below the line.
// It is readable at scale 2, needs no library and gives the same pixels everywhere.
#pragma once

#include <string>
#include <string_view>

#include "data/image.h"

namespace tessera::tools {

// The size in pixels of one line of text at a scale: every letter is a cell of 6 x 9, times the scale.
int text_width(std::string_view text, int scale = 2);
int text_height(int scale = 2);

// Draws a line of text whose upper left corner is (y, x). What lies outside the picture is not drawn. Text is UTF-8; a letter
// beyond ASCII is drawn as a box.
void draw_text(data::Image& image, int y, int x, std::string_view text, data::Color color, int scale = 2);

// The same, turned by 90 degrees to read upwards: (y, x) is the lower left corner, where the text starts.
void draw_text_upwards(data::Image& image, int y, int x, std::string_view text, data::Color color, int scale = 2);

// The text, or as much of it as fits with ".." behind.
std::string shorten_text(std::string_view text, int width, int scale = 2);

void fill_rectangle(data::Image& image, int y, int x, int height, int width, data::Color color);

// Black or white, whichever is read more easily on this colour.
data::Color readable_on(data::Color background);

}  // namespace tessera::tools
