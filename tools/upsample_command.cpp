// A transposed convolution of stride s whose kernel [2 s - s % 2] holds the bilinear weights spreads each input pixel over its
// neighbours; what arrives at an output pixel is the interpolation of the nearest four. At the border it differs from the
// interpolation kernel: there the missing neighbours count as black, and not as the border's own pixels.
#include "tools/upsample_command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>

#include "core/autograd.h"
#include "core/ops.h"
#include "data/image.h"
#include "nn/init.h"
#include "tools/command.h"

namespace tessera::tools {
namespace {

struct UpsampleOptions {
  std::string image, method = "both", output = ".";
  int64_t scale = 2;
};

// [1, 3, H, W] in 0..1
Tensor to_tensor(const data::Image& image) {
  Tensor pixels = empty({1, image.height, image.width, 3}, kUInt8);
  std::copy(image.pixels.begin(), image.pixels.end(), pixels.data_ptr<uint8_t>());
  return div(pixels.permute({0, 3, 1, 2}).to(kFloat32), 255);
}

data::Image to_image(const Tensor& x) {
  const Tensor pixels = round(clamp(mul(x, 255), 0, 255)).to(kUInt8)[0].permute({1, 2, 0}).contiguous();  // [H, W, 3]
  data::Image image(static_cast<int>(x.size(2)), static_cast<int>(x.size(3)));
  std::copy_n(pixels.data_ptr<uint8_t>(), image.pixels.size(), image.pixels.begin());
  return image;
}

Tensor by_conv_transpose(const Tensor& x, int64_t scale) {
  const int64_t kernel = 2 * scale - scale % 2;
  const Tensor weight = nn::init::bilinear_(empty({3, 3, kernel, kernel}));
  return conv_transpose2d(x, weight, {}, scale, scale / 2);  // padding s / 2 cuts the result to s times the size
}

Tensor by_interpolate(const Tensor& x, int64_t scale) {
  return upsample_bilinear2d(x, {x.size(2) * scale, x.size(3) * scale}, /*align_corners=*/false);
}

class Demonstration {
 public:
  explicit Demonstration(const UpsampleOptions& o) : options_(o), input_(to_tensor(data::read_image(o.image))) {
    check<UsageError>(input_.size(2) * o.scale <= 16384 && input_.size(3) * o.scale <= 16384,
                      "--scale: {} makes a picture of {} x {} pixels. At most 16384 x 16384.", o.scale,
                      input_.size(2) * o.scale, input_.size(3) * o.scale);
    make_folder("upsample", o.output);
    fmt::print("{}: {} x {} pixels to {} x {}\n", o.image, input_.size(2), input_.size(3), input_.size(2) * o.scale,
               input_.size(3) * o.scale);
  }

  template <class Method> Tensor run(const char* name, const Method& method) const {
    const auto start = std::chrono::steady_clock::now();
    const Tensor out = method(input_, options_.scale);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    fmt::print("{:<15} {:8.1f} ms   {}\n", name, time.count(), write(name, to_image(out)));
    return out;
  }

  // The difference as a picture, its largest value white, and in numbers inside and at the border.
  void compare(const Tensor& a, const Tensor& b) const {
    const Tensor difference = abs(sub(a, b));  // [1, 3, sH, sW]
    const double largest = max(difference).item<double>();
    const int64_t edge = options_.scale / 2, h = difference.size(2) - 2 * edge, w = difference.size(3) - 2 * edge;
    const double inside = h > 0 && w > 0 ? max(difference.narrow(2, edge, h).narrow(3, edge, w)).item<double>() : 0;
    const std::string file = write("difference", to_image(largest > 0 ? div(difference, largest) : difference));
    fmt::print("{:<15}               {}\n", "difference", file);
    fmt::print("Largest difference, of values in 0..1: {:.2g} inside, {:.3g} in the outer {} pixels, where the transposed "
               "convolution takes what lies outside for black.\n",
               inside, largest, edge);
  }

 private:
  std::string write(const char* what, const data::Image& image) const {
    const std::filesystem::path stem = std::filesystem::path(options_.image).stem();
    const std::filesystem::path file =
        std::filesystem::path(options_.output) / fmt::format("{}_x{}_{}.png", stem.string(), options_.scale, what);
    data::write_png(file, image);
    return file.string();
  }

  const UpsampleOptions& options_;
  const Tensor input_;
};

void upsample(const UpsampleOptions& options) {
  const NoGradGuard no_grad;
  const Demonstration demonstration(options);
  Tensor convolved, interpolated;
  if (options.method != "interpolate") convolved = demonstration.run("conv_transpose", by_conv_transpose);
  if (options.method != "conv_transpose") interpolated = demonstration.run("interpolate", by_interpolate);
  if (convolved.defined() && interpolated.defined()) demonstration.compare(convolved, interpolated);
}

}  // namespace

void register_upsample(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("upsample", "Enlarge a picture by a bilinear transposed convolution and by interpolation; compare.");
  const auto options = std::make_shared<UpsampleOptions>();
  UpsampleOptions& o = *options;
  command->add_option("image", o.image, "A picture")->type_name("IMAGE")->required();
  command->add_option("--scale", o.scale, "Times as high and wide")->check(CLI::Range(2, 64));
  command->add_option("--method", o.method, "conv_transpose, interpolate, or both and their difference")
      ->check(CLI::IsMember({"both", "conv_transpose", "interpolate"}));
  command->add_option("-o,--output", o.output, "Folder for NAME_xSCALE_METHOD.png")->type_name("DIR");
  command->callback([options] { upsample(*options); });
}

}  // namespace tessera::tools
