#include "tools/options/loader_options.h"

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> loader_settings(LoaderSettings& o) {
  return {
      {.flags = "-j,--workers", .field = &o.workers, .help = "Threads that read and prepare pictures", .free_on_resume = true},
      {"--drop-last", &o.drop_last, "Leave out an epoch's last batch where it is not full [no]"},
  };
}

void resolve(const LoaderSettings& o) {
  check<UsageError>(o.workers >= 0 && o.workers <= 1024, "--workers: {}. From 0 to 1024.", o.workers);
}

}  // namespace tessera::tools
