// `tessera bench`: the speed of training steps and of inference, of any network on any device.
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_bench(CLI::App& app);

}  // namespace tessera::tools
