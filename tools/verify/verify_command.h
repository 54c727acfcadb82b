// `tessera verify DIR`: runs every reference case found below DIR.
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_verify(CLI::App& app);

}  // namespace tessera::tools
