// tessera check-data
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_check_data(CLI::App& app);

}  // namespace tessera::tools
