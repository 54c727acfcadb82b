// `tessera models [NAME]`: the networks by name; of one network, its settings.
#pragma once

namespace CLI {
class App;
}

namespace tessera::tools {

void register_models(CLI::App& app);

}  // namespace tessera::tools
