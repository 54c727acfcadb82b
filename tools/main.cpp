#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/command.h"

// OpenMP's threads wait for each other by spinning, which takes the cores from the loader's threads and from other programs: on
// two busy cores training ran 20 times slower than with threads that sleep. The library reads this setting before main() starts,
// so the program starts itself again with it. Who sets either variable is left alone.
int main(int argc, char** argv) {
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, as a full disk is
  if (!getenv("OMP_WAIT_POLICY") && !getenv("GOMP_SPINCOUNT")) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);  // returns only if it fails, and then all works, only slower
  }
  return tessera::tools::run(argc, argv);
}
