// tessera info
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_info(CLI::App& app);

}  // namespace tessera::tools
