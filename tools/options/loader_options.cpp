#include "tools/options/loader_options.h"

#include <algorithm>
#include <thread>

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> loader_settings(LoaderSettings& o) {
  return {
      {.flags = "-j,--workers",
       .field = &o.workers,
       .help = "Threads that read and prepare pictures [2; for a GPU up to 8]",
       .free_on_resume = true},
      {"--drop-last", &o.drop_last, "Leave out an epoch's last batch where it is not full [no]"},
  };
}

void resolve(LoaderSettings& o, bool gpu) {
  if (!o.workers) o.workers = gpu ? std::clamp<int64_t>(std::thread::hardware_concurrency(), 2, 8) : 2;
  check<UsageError>(*o.workers >= 0 && *o.workers <= 1024, "--workers: {}. From 0 to 1024.", *o.workers);
}

}  // namespace tessera::tools
