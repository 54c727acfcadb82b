// tessera report
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_report(CLI::App& app);

}  // namespace tessera::tools
