// `tessera summary MODEL --input 1x3x320x480`: the layers of a network with shapes, parameters, multiply-adds and memory.
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_summary(CLI::App& app);

}  // namespace tessera::tools
