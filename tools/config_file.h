// Settings from a configuration file and from --set, under the flags.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/train_options.h"

namespace tessera::tools {

struct ConfigSources {
  std::string file;                      // JSON as config.json is written; // comments may be in it. Empty for none
  std::vector<std::string> assignments;  // NAME=VALUE, VALUE as in JSON or plain text; setting.KEY=VALUE for one of the network's
};

// The defaults, changed by the file, then by the assignments, then by the flags that are `given`. Names are those of config.json,
// or the flags' other names. Adds what was assigned to `given`. Throws FileError for a file that cannot be read, UsageError for
// text that is no JSON, for names that do not exist, with the nearest one, and for values of another type.
TrainOptions configured(const TrainOptions& flags, std::set<std::string>& given, const ConfigSources& sources);

}  // namespace tessera::tools
