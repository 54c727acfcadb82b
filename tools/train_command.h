// tessera train
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_train(CLI::App& app);

}  // namespace tessera::tools
