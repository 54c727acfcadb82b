// `tessera upsample IMAGE --scale 2`: the notes' demonstration that a transposed convolution with a bilinear kernel interpolates.
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_upsample(CLI::App& app);

}  // namespace tessera::tools
