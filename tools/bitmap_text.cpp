#include "tools/bitmap_text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::tools {
namespace {

constexpr int kCellWidth = 6, kCellHeight = 9, kPerBlock = 16;

// The font: six blocks of sixteen letters, from the space on.
// clang-format off
constexpr std::array<const char*, 6 * kCellHeight> kFont = {
    //       !     "     #     $     %     &     '     (     )     *     +     ,     -     .     /
    "        #    # #   # #    #   ##     #      #      #   #                                        ",
    "        #    # #   # #   #### ##  # # #     #     #     #     #     #                         # ",
    "        #    # #  ##### # #      #  # #    #     #       #  # # #   #                        #  ",
    "        #          # #   ###    #    #           #       #   ###  #####       #####         #   ",
    "        #         #####   # #  #    # # #        #       #  # # #   #                      #    ",
    "                   # #  ####  #  ## #  #          #     #     #     #     ##         ##   #     ",
    "        #          # #    #      ##  ## #          #   #                   #         ##         ",
    "                                                                          #                     ",
    "                                                                                                ",
    // 0     1     2     3     4     5     6     7     8     9     :     ;     <     =     >     ?
    " ###    #    ###   ###     #  #####   ##  #####  ###   ###                 #         #     ###  ",
    "#   #  ##   #   # #   #   ##  #      #        # #   # #   #  ##     ##    #           #   #   # ",
    "#  ##   #       #     #  # #  ####  #        #  #   # #   #  ##     ##   #    #####    #      # ",
    "# # #   #     ##    ##  #  #      # ####    #    ###   ####             #               #    #  ",
    "##  #   #    #        # #####     # #   #  #    #   #     #  ##     ##   #    #####    #    #   ",
    "#   #   #   #     #   #    #  #   # #   #  #    #   #    #   ##      #    #           #         ",
    " ###   ###  #####  ###     #   ###   ###   #     ###   ##           #      #         #      #   ",
    "                                                                                                ",
    "                                                                                                ",
    // @     A     B     C     D     E     F     G     H     I     J     K     L     M     N     O
    " ###   ###  ####   ###  ####  ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ###  ",
    "#   # #   # #   # #   # #   # #     #     #   # #   #   #      #  #  #  #     ## ## ##  # #   # ",
    "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # # # # #   # ",
    "# # # ##### ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # #  ## #   # ",
    "# ### #   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #   # #   # ",
    "#     #   # #   # #   # #   # #     #     #   # #   #   #   #  #  #  #  #     #   # #   # #   # ",
    " ###  #   # ####   ###  ####  ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ###  ",
    "                                                                                                ",
    "                                                                                                ",
    // P     Q     R     S     T     U     V     W     X     Y     Z     [     \     ]     ^     _
    "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###         ###    #         ",
    "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #        ",
    "#   # #   # #   # #       #   #   # #   # #   #  # #   # #     #   #     #       #  #   #       ",
    "####  #   # ####   ###    #   #   # #   # # # #   #     #     #    #      #      #              ",
    "#     # # # # #       #   #   #   # #   # # # #  # #    #    #     #       #     #              ",
    "#     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #      #        #    #              ",
    "#      ## # #   # ####    #    ###    #   #   # #   #   #   #####  ###         ###              ",
    "                                                                                          ##### ",
    "                                                                                                ",
    // `     a     b     c     d     e     f     g     h     i     j     k     l     m     n     o
    " #          #               #         ##        #       #      #  #      ##                     ",
    "  #         #               #        #          #                 #       #                     ",
    "       ###  ####   ####  ####  ###  ###    #### ####   ##     ##  #  #    #   ## #  ####   ###  ",
    "          # #   # #     #   # #   #  #    #   # #   #   #      #  # #     #   # # # #   # #   # ",
    "       #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # #   # #   # ",
    "      #   # #   # #     #   # #      #    #   # #   #   #      #  # #     #   # # # #   # #   # ",
    "       #### ####   ####  ####  ###   #     #### #   #  ###     #  #  #   ###  # # # #   #  ###  ",
    "                                              #             #  #                                ",
    "                                           ###               ##                                 ",
    // p     q     r     s     t     u     v     w     x     y     z     {     |     }     ~     other
    "                         #                                           #    #    #                ",
    "                         #                                          #     #     #         ##### ",
    "####   #### # ##   #### ###   #   # #   # #   # #   # #   # #####   #     #     #    #    #   # ",
    "#   # #   # ##  # #      #    #   # #   # # # #  # #  #   #    #   #      #      #  # # # #   # ",
    "#   # #   # #      ###   #    #   # #   # # # #   #   #   #   #     #     #     #      #  #   # ",
    "#   # #   # #         #  #  # #   #  # #  # # #  # #  #   #  #      #     #     #         #   # ",
    "####   #### #     ####    ##   ####   #    # #  #   #  #### #####    #    #    #          ##### ",
    "#         #                                               #                                     ",
    "#         #                                            ###                                      ",
};
// clang-format on

bool is_set(char letter, int row, int column) {
  const int index = letter - ' ';
  return kFont[index / kPerBlock * kCellHeight + row][index % kPerBlock * kCellWidth + column] == '#';
}

// UTF-8 to letters of the font: one for each code point, with 127, the box, for those it does not have.
std::string letters_of(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;  // the second and later bytes of a code point
    letters += byte >= ' ' && byte < 127 ? c : '\x7F';
  }
  return letters;
}

// Calls dot(row, column) for each pixel of the text at scale 1.
template <class Dot> void each_dot(std::string_view text, const Dot& dot) {
  const std::string letters = letters_of(text);
  for (size_t i = 0; i < letters.size(); ++i)
    for (int row = 0; row < kCellHeight; ++row)
      for (int column = 0; column < kCellWidth; ++column)
        if (is_set(letters[i], row, column)) dot(row, static_cast<int>(i) * kCellWidth + column);
}

}  // namespace

int text_width(std::string_view text, int scale) { return static_cast<int>(letters_of(text).size()) * kCellWidth * scale; }

int text_height(int scale) { return kCellHeight * scale; }

void draw_text(data::Image& image, int y, int x, std::string_view text, data::Color color, int scale) {
  each_dot(text, [&](int row, int column) { fill_rectangle(image, y + row * scale, x + column * scale, scale, scale, color); });
}

void draw_text_upwards(data::Image& image, int y, int x, std::string_view text, data::Color color, int scale) {
  each_dot(text,
           [&](int row, int column) { fill_rectangle(image, y - (column + 1) * scale, x + row * scale, scale, scale, color); });
}

std::string shorten_text(std::string_view text, int width, int scale) {
  if (text_width(text, scale) <= width) return std::string(text);
  const size_t letters = static_cast<size_t>(std::max(0, width / (kCellWidth * scale)));
  return letters < 3 ? letters_of(text).substr(0, letters) : letters_of(text).substr(0, letters - 2) + "..";
}

void fill_rectangle(data::Image& image, int y, int x, int height, int width, data::Color color) {
  const int left = std::max(x, 0), right = std::min(x + width, image.width);
  for (int row = std::max(y, 0); row < std::min(y + height, image.height); ++row)
    for (int column = left; column < right; ++column) std::copy(color.begin(), color.end(), image.at(row, column));
}

data::Color readable_on(data::Color background) {
  // Relative luminance and contrast as the Web Content Accessibility Guidelines 2.1 define them: white wins where
  // 1.05 / (L + 0.05) > (L + 0.05) / 0.05.
  constexpr std::array<double, 3> kWeights = {0.2126, 0.7152, 0.0722};
  double luminance = 0;
  for (int c = 0; c < 3; ++c) {
    const double v = background[c] / 255.0;
    luminance += kWeights[c] * (v <= 0.03928 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4));
  }
  const bool white = (luminance + 0.05) * (luminance + 0.05) < 1.05 * 0.05;
  return white ? data::Color{255, 255, 255} : data::Color{0, 0, 0};
}

}  // namespace tessera::tools
