#include "tools/command.h"

int main(int argc, char** argv) { return tessera::tools::run(argc, argv); }
