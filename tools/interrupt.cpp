#include "tools/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string_view>

#include "tools/command.h"

namespace tessera::tools {
namespace {

std::atomic<bool> flag = false;  // lock-free, so a signal handler may use it
struct sigaction previous_int, previous_term;

void on_signal(int) {
  if (flag.exchange(true)) _exit(kInterrupted);
  constexpr std::string_view message = "\nStopping after this step. Press Ctrl-C again to stop at once, without saving.\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
}

}  // namespace

InterruptGuard::InterruptGuard() {
  flag = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // files being read or written go on
  sigaction(SIGINT, &action, &previous_int);
  sigaction(SIGTERM, &action, &previous_term);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_int, nullptr);
  sigaction(SIGTERM, &previous_term, nullptr);
}

bool interrupted() {
  return flag;
}

}  // namespace tessera::tools
