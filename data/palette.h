// Colours and names of classes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tessera::data {

struct Image;
struct Label;

using Color = std::array<uint8_t, 3>;  // red, green, blue
using Palette = std::vector<Color>;    // the colour of class i is palette[i]

// The palette of Pascal VOC: bit k of red, green and blue is bit 3j, 3j+1 and 3j+2 of the index, for j = 7 - k. Neighbouring
// indices differ strongly; 0 is black and 255, the ignore index, is (224, 224, 192). count in 1..256.
Palette voc_palette(int count = 256);

// The 21 classes of Pascal VOC: background, aeroplane, bicycle, ...
const std::vector<std::string>& voc_class_names();

// CamVid's 11 classes (sky, building, ..., bicyclist) with the colours of its authors' 32-class set, in the order of the
// SegNet lists; the palette's entry 11 is the black of void.
const std::vector<std::string>& camvid_class_names();
Palette camvid_palette();

// A palette for any number of classes: class 0 is a dark grey, the others step around the colour circle by the golden ratio, so
// that any first few are far apart, with lightness and saturation changing from turn to turn.
Palette distinct_palette(int count);

// The label map in the colours of its classes; ids outside the palette are black.
Image colorize(const Label& label, const Palette& palette);

// (1 - alpha) * image + alpha * colour of the class, alpha in 0..1. Pixels whose id is outside the palette (the ignore index)
// keep the image. Sizes must agree.
Image overlay(const Image& image, const Label& label, const Palette& palette, double alpha = 0.5);

}  // namespace tessera::data
