// tessera predict
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_predict(CLI::App& app);

}  // namespace tessera::tools
