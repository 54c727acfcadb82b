// Any bytes as a configuration file: settings, or refused with Error. Settings that were accepted are written and read as the
// same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "tools/train_options.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (json.is_discarded()) return 0;
  try {
    tessera::tools::TrainOptions options, again;
    from_json(json, options);
    resolve(options);
    const nlohmann::json written = options;
    from_json(written, again);
    if (nlohmann::json(again) != written) std::abort();
  } catch (const tessera::Error&) {
  }
  return 0;
}
