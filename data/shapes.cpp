// Procedural scenes, in integer arithmetic throughout. Lengths are counted in sixteenths of a pixel, directions and the unit
// shapes in 1/16384, colours and blending factors in 1/256.
#include "data/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"

namespace tessera::data {
namespace {

enum ShapeClass { kBackground, kDisc, kSquare, kTriangle, kStar, kRing, kBar, kClasses };

constexpr int64_t kPixel = 16, kUnit = 16384;

struct Point {
  int64_t x, y;
};

// --- Geometry ----------------------------------------------------------------------------------------------------------------

// Outlines around the origin, with radii chosen so that all classes cover similar areas. Disc and ring need none.
const std::vector<Point>& unit_outline(int shape) {
  static const std::vector<Point> none, square = {{-13107, -13107}, {13107, -13107}, {13107, 13107}, {-13107, 13107}},
                                        triangle = {{0, -19661}, {17027, 9830}, {-17027, 9830}},
                                        star = {{0, -19661}, {4815, -6628},   {18699, -6076}, {7791, 2532},    {11557, 15906},
                                                {0, 8192},   {-11557, 15906}, {-7791, 2532},  {-18699, -6076}, {-4815, -6628}},
                                        bar = {{-18842, -6881}, {18842, -6881}, {18842, 6881}, {-18842, 6881}};
  switch (shape) {
    case kSquare: return square;
    case kTriangle: return triangle;
    case kStar: return star;
    case kBar: return bar;
    default: return none;
  }
}

struct Shape {
  int shape_class;
  Point center;
  int64_t radius;
  Point direction;  // (cos, sin) of the rotation
  std::vector<Point> outline;

  Shape(int shape_class, Point center, int64_t radius, Point direction)
      : shape_class(shape_class), center(center), radius(radius), direction(direction) {
    for (const Point& p : unit_outline(shape_class))
      outline.push_back({center.x + radius * (p.x * direction.x - p.y * direction.y) / (kUnit * kUnit),
                         center.y + radius * (p.x * direction.y + p.y * direction.x) / (kUnit * kUnit)});
  }

  int64_t reach() const { return radius * 5 / 4; }  // nothing of the shape is farther than this from its centre

  bool contains(Point p) const {
    const int64_t dx = p.x - center.x, dy = p.y - center.y, distance = dx * dx + dy * dy, square = radius * radius;
    if (shape_class == kDisc) return 16 * distance <= 14 * square;
    if (shape_class == kRing) return 16 * distance <= 18 * square && 16 * distance >= 6 * square;
    bool inside = false;  // even-odd rule: count the edges to the right of p
    for (size_t i = 0, j = outline.size() - 1; i < outline.size(); j = i++) {
      const Point &a = outline[i], &b = outline[j];
      if ((a.y > p.y) == (b.y > p.y)) continue;
      const int64_t side = (b.x - a.x) * (p.y - a.y) - (p.x - a.x) * (b.y - a.y);
      if (b.y > a.y ? side > 0 : side < 0) inside = !inside;
    }
    return inside;
  }
};

// The direction of the angle 2 atan(t / 1024) is (1 - t^2, 2t) / (1 + t^2): near to uniform while t is small.
Point direction_of(int64_t t) {
  const int64_t d = 1024, square = d * d + t * t;
  return {(d * d - t * t) * kUnit / square, 2 * d * t * kUnit / square};
}

// Within 30 degrees of upright.
Point small_turn(RandomStream& stream) {
  return direction_of(stream.integer(-274, 274));
}

// All around: one of four quadrants, and a turn within 45 degrees.
Point any_direction(RandomStream& stream) {
  const Point p = direction_of(stream.integer(-424, 424));
  switch (stream.integer(0, 3)) {
    case 0: return p;
    case 1: return {-p.y, p.x};
    case 2: return {-p.x, -p.y};
    default: return {p.y, -p.x};
  }
}

// --- Texture -----------------------------------------------------------------------------------------------------------------

struct Rgb {
  int64_t r, g, b;
};

Rgb blend(Rgb a, Rgb b, int64_t weight) {  // weight of b in 0..256
  return {(a.r * (256 - weight) + b.r * weight) / 256, (a.g * (256 - weight) + b.g * weight) / 256,
          (a.b * (256 - weight) + b.b * weight) / 256};
}

Rgb scale(Rgb color, int64_t factor) {
  return {color.r * factor / 256, color.g * factor / 256, color.b * factor / 256};
}

// Hue in 0..1535 around the circle, saturation and value in 0..255.
Rgb from_hsv(int64_t hue, int64_t saturation, int64_t value) {
  const auto channel = [&](int64_t shift) {
    const int64_t position = (hue + shift) % 1536;
    const int64_t ramp = std::clamp<int64_t>(std::abs(position - 768) - 256, 0, 255);
    return value * (255 * 255 - saturation * (255 - ramp)) / (255 * 255);
  };
  return {channel(0), channel(1024), channel(512)};
}

// Value noise in 0..255: random numbers on a lattice of `cell` pixels, blended smoothly (weight 3t^2 - 2t^3) in between.
int64_t value_noise(uint64_t key, int64_t x, int64_t y, int64_t cell) {
  const auto lattice = [&](int64_t i, int64_t j) {
    const uint64_t point = static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15 + static_cast<uint64_t>(j) * 0xC2B2AE3D27D4EB4F;
    return static_cast<int64_t>(RandomStream{key ^ point}.next() >> 56);
  };
  const auto smooth = [&](int64_t t) { return t * t * (3 * cell - 2 * t) * 256 / (cell * cell * cell); };
  const int64_t i = x / cell, j = y / cell, u = smooth(x % cell), v = smooth(y % cell);
  const int64_t upper = lattice(i, j) * (256 - u) + lattice(i + 1, j) * u;
  const int64_t lower = lattice(i, j + 1) * (256 - u) + lattice(i + 1, j + 1) * u;
  return (upper * (256 - v) + lower * v) / 65536;
}

int64_t fractal_noise(uint64_t key, int64_t x, int64_t y, int64_t cell) {  // three octaves, 0..255
  return (4 * value_noise(key, x, y, cell) + 2 * value_noise(key + 1, x, y, std::max<int64_t>(cell / 2, 1)) +
          value_noise(key + 2, x, y, std::max<int64_t>(cell / 4, 1))) /
         7;
}

// A fill of two colours, mixed by a pattern that turns with the shape.
struct Fill {
  Rgb first, second;
  int pattern;     // 0 plain, 1 stripes, 2 checks, 3 dots, 4 clouds
  int64_t period;  // sixteenths of a pixel
  uint64_t key;

  Rgb at(int64_t u, int64_t v) const {  // position in the shape's own axes
    const auto wave = [&](int64_t w) { return std::abs(((w % period) + period) % period * 2 - period) * 256 / period; };
    int64_t mix = 0;
    switch (pattern) {
      case 1: mix = std::clamp<int64_t>(4 * wave(u) - 384, 0, 256); break;
      case 2: mix = std::clamp<int64_t>((wave(u) - 128) * (wave(v) - 128) / 8 + 128, 0, 256); break;
      case 3: mix = std::clamp<int64_t>(4 * (wave(u) + wave(v)) - 1280, 0, 256); break;
      case 4: mix = fractal_noise(key, u / kPixel + 8192, v / kPixel + 8192, std::max<int64_t>(period / 8, 4)); break;
      default: break;
    }
    return blend(first, second, mix);
  }
};

// The class only leans towards a hue and a pattern: a network that looks at colour alone is often wrong.
Fill random_fill(int shape_class, int64_t size, RandomStream& stream) {
  Fill fill;
  const int64_t home = (shape_class - 1) * 256;
  const int64_t hue = stream.chance(0.65) ? home + stream.integer(-140, 140) + 1536 : stream.integer(0, 1535);
  const int64_t saturation = stream.integer(110, 230), value = stream.integer(165, 250);
  fill.first = from_hsv(hue % 1536, saturation, value);
  fill.second = from_hsv((hue + stream.integer(10, 90)) % 1536, saturation * stream.integer(65, 100) / 100,
                         value * stream.integer(66, 84) / 100);
  fill.pattern = stream.chance(0.5) ? 0 : static_cast<int>(stream.chance(0.5) ? shape_class % 5 : stream.integer(1, 4));
  fill.period = kPixel * size * stream.integer(7, 13) / 100;
  fill.key = stream.next();
  return fill;
}

// --- Scene -------------------------------------------------------------------------------------------------------------------

// How much of each pixel a shape covers: 0..16 samples on a 4 x 4 grid, and whether it holds the pixel's centre. The samples are
// taken only where a neighbour's centre says otherwise than the pixel's own: elsewhere no edge is near.
struct Coverage {
  int height, width;
  std::vector<uint8_t> samples, center;

  Coverage(const Shape& shape, int height, int width)
      : height(height), width(width), samples(static_cast<size_t>(height) * width), center(samples.size()) {
    const auto range = [&](int64_t middle, int size) {
      return std::pair{std::max<int64_t>(0, (middle - shape.reach()) / kPixel),
                       std::min<int64_t>(size - 1, (middle + shape.reach()) / kPixel)};
    };
    const auto [top, bottom] = range(shape.center.y, height);
    const auto [left, right] = range(shape.center.x, width);
    for (int64_t y = top; y <= bottom; ++y)
      for (int64_t x = left; x <= right; ++x)
        center[y * width + x] = shape.contains({x * kPixel + kPixel / 2, y * kPixel + kPixel / 2});
    for (int64_t y = top; y <= bottom; ++y)
      for (int64_t x = left; x <= right; ++x) {
        int64_t inside = 0, neighbours = 0;
        for (int64_t v = std::max<int64_t>(0, y - 1); v <= std::min<int64_t>(height - 1, y + 1); ++v)
          for (int64_t u = std::max<int64_t>(0, x - 1); u <= std::min<int64_t>(width - 1, x + 1); ++u, ++neighbours)
            inside += center[v * width + u];
        int count = inside == neighbours ? 16 : 0;
        if (inside > 0 && inside < neighbours)
          for (int64_t sub = 0; sub < 16; ++sub)
            count += shape.contains({x * kPixel + 2 + sub % 4 * 4, y * kPixel + 2 + sub / 4 * 4});
        samples[y * width + x] = static_cast<uint8_t>(count);
      }
  }

  // The mean over 3 x 3 pixels, in 0..144: the soft edge of a shadow.
  int64_t blurred(int64_t y, int64_t x) const {
    int64_t sum = 0;
    for (int64_t v = std::max<int64_t>(0, y - 1); v <= std::min<int64_t>(height - 1, y + 1); ++v)
      for (int64_t u = std::max<int64_t>(0, x - 1); u <= std::min<int64_t>(width - 1, x + 1); ++u) sum += samples[v * width + u];
    return sum;
  }
};

class Scene {
 public:
  Scene(uint64_t seed, uint64_t index, int height, int width)
      : stream_{seed, index},
        height_(height),
        width_(width),
        size_(std::min(height, width)),
        light_(any_direction(stream_)),
        label_(height, width),
        owner_(static_cast<size_t>(height) * width, -1) {
    paint_background();
    const int64_t shapes = stream_.integer(2, 4);
    for (int64_t i = 0; i < shapes; ++i) place_shape();
  }

  Sample finish() {
    Image image(height_, width_);
    for (size_t i = 0; i < pixels_.size(); ++i) {
      const int64_t y = static_cast<int64_t>(i) / width_, x = static_cast<int64_t>(i) % width_;
      const int64_t across = (2 * x - width_) * light_.x + (2 * y - height_) * light_.y;
      const int64_t lit = 256 - 40 * across / (size_ * kUnit);  // the side away from the light is darker
      const int64_t grain = stream_.integer(-7, 7);
      const Rgb color = scale(pixels_[i], lit);
      const std::array<int64_t, 3> channels = {color.r, color.g, color.b};
      for (int c = 0; c < 3; ++c)
        image.pixels[3 * i + c] = static_cast<uint8_t>(std::clamp<int64_t>(channels[c] + grain, 0, 255));
    }
    return {std::move(image), std::move(label_), ""};
  }

 private:
  void paint_background() {
    const int64_t hue = stream_.integer(0, 1535), value = stream_.integer(90, 170);
    const Rgb first = from_hsv(hue, stream_.integer(20, 90), value);
    const Rgb second =
        from_hsv((hue + stream_.integer(0, 300)) % 1536, stream_.integer(20, 90), value * stream_.integer(45, 75) / 100);
    const uint64_t key = stream_.next();
    const int64_t cell = std::max<int64_t>(size_ * stream_.integer(12, 40) / 100, 4);
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x) pixels_.push_back(blend(first, second, fractal_noise(key, x, y, cell)));
  }

  // Finds a place where the new shape leaves at least 75 % of every earlier one to be seen; after 20 misses there is none.
  void place_shape() {
    const int shape_class = static_cast<int>(stream_.integer(1, kClasses - 1));
    for (int attempt = 0; attempt < 20; ++attempt) {
      const int64_t radius = kPixel * size_ * stream_.integer(155, 235) / 1000;
      const Point center = {stream_.integer(radius * 3 / 4, kPixel * width_ - radius * 3 / 4),
                            stream_.integer(radius * 3 / 4, kPixel * height_ - radius * 3 / 4)};
      const Shape shape(shape_class, center, radius, small_turn(stream_));
      const Coverage coverage(shape, height_, width_);
      std::vector<int64_t> visible = visible_;
      for (size_t i = 0; i < owner_.size(); ++i)
        if (coverage.center[i] && owner_[i] >= 0) --visible[owner_[i]];
      bool hides_too_much = false;
      for (size_t k = 0; k < visible.size(); ++k) hides_too_much |= 100 * visible[k] < 75 * area_[k];
      if (hides_too_much) continue;
      visible_ = std::move(visible);
      paint_shape(shape, coverage);
      return;
    }
  }

  void paint_shape(const Shape& shape, const Coverage& coverage) {
    const Fill fill = random_fill(shape.shape_class, size_, stream_);
    const int64_t drop = std::max<int64_t>(size_ / 32, 1);  // the shadow falls away from the light
    const int64_t shift_x = drop * light_.x / (kUnit / 2), shift_y = drop * light_.y / (kUnit / 2);
    int64_t area = 0;
    for (int64_t y = 0; y < height_; ++y)
      for (int64_t x = 0; x < width_; ++x) {
        const size_t i = y * width_ + x;
        Rgb& pixel = pixels_[i];
        if (y >= shift_y && x >= shift_x && y - shift_y < height_ && x - shift_x < width_)
          pixel = scale(pixel, 256 - coverage.blurred(y - shift_y, x - shift_x) * 110 / 144);
        if (coverage.samples[i] > 0) {
          const int64_t dx = x * kPixel + kPixel / 2 - shape.center.x, dy = y * kPixel + kPixel / 2 - shape.center.y;
          const Rgb color = fill.at((dx * shape.direction.x + dy * shape.direction.y) / kUnit,
                                    (dy * shape.direction.x - dx * shape.direction.y) / kUnit);
          const int64_t shade = 256 - 48 * (dx * light_.x + dy * light_.y) / (shape.radius * kUnit);
          pixel = blend(pixel, scale(color, shade), coverage.samples[i] * 16);
        }
        if (coverage.center[i]) {
          label_.ids[i] = shape.shape_class;
          owner_[i] = static_cast<int>(area_.size());
          ++area;
        }
      }
    area_.push_back(area);
    visible_.push_back(area);
  }

  RandomStream stream_;
  int height_, width_;
  int64_t size_;
  Point light_;  // the way the light travels
  Label label_;
  std::vector<int> owner_;               // the shape that a pixel shows, -1 for the background
  std::vector<int64_t> area_, visible_;  // of each shape, in pixels: when drawn, and now
  std::vector<Rgb> pixels_;
};

}  // namespace

const std::vector<std::string>& shape_class_names() {
  static const std::vector<std::string> names = {"background", "disc", "square", "triangle", "star", "ring", "bar"};
  return names;
}

Sample draw_scene(uint64_t seed, uint64_t index, int height, int width) {
  check<ValueError>(height >= 16 && width >= 16 && height <= 4096 && width <= 4096,
                    "draw_scene: a scene of {}x{}. Sides must be 16 to 4096.", height, width);
  return Scene(seed, index, height, width).finish();
}

ShapesDataset::ShapesDataset(Split split, const ShapesOptions& options) : split_(split), options_(options) {
  check<ValueError>(options.count >= 0, "ShapesDataset: {} scenes. The number cannot be negative.", options.count);
  classes_.names = shape_class_names();
  classes_.palette = distinct_palette(kClasses);
  classes_.mean = {0.45f, 0.45f, 0.45f};
  classes_.std = {0.23f, 0.23f, 0.23f};
}

Sample ShapesDataset::read(int64_t index) const {
  check<IndexError>(index >= 0 && index < options_.count, "ShapesDataset: index {} of {} scenes.", index, options_.count);
  Sample sample =
      draw_scene(RandomStream{options_.seed, static_cast<uint64_t>(split_)}.next(), index, options_.height, options_.width);
  sample.name = fmt::format("shapes_{}_{:06}", to_string(split_), index);
  return sample;
}

}  // namespace tessera::data
