// tessera eval
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_eval(CLI::App& app);

}  // namespace tessera::tools
