// Sizes in memory as people write them.
#pragma once

#include <cstddef>
#include <string>

namespace tessera::tools {

// The bytes of --cache: a number, with KB, MB, GB (powers of 1000) or K, M, G, KiB, MiB, GiB (powers of 1024) behind it or not;
// "auto" is a quarter of the memory that is free now. Throws UsageError.
size_t cache_size(const std::string& text);

}  // namespace tessera::tools
