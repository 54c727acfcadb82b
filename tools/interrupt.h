// Ctrl-C (SIGINT) and SIGTERM as a request, not as an end.
#pragma once

namespace tessera::tools {

// While one lives, the first signal only sets a flag, which the running loop looks at between steps; the second ends the process
// at once with exit code 130. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

bool interrupted();

}  // namespace tessera::tools
