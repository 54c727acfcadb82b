// tessera convert
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_convert(CLI::App& app);

}  // namespace tessera::tools
