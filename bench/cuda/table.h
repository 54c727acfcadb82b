// The table of results: what was measured in this run beside the anchors, in Markdown.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/cuda/row.h"

namespace tessera::bench {

struct Measured {
  double us = 0;        // median, by Tessera's kernels
  double cudnn_us = 0;  // median, by cuDNN in the same run; 0 where it has no such op, or is not there
};

// Writes `file`. `anchors` is the file of PyTorch's figures, or empty. `command` is what made the figures. Rows that were not
// measured are left out. A percentage is that of the ceiling's row in this run, or of PyTorch's where that is higher and was measured
// on a GPU of this name.
// Throws FileError if `anchors` cannot be read or `file` cannot be written.
void write_table(const std::string& file, const std::vector<Row>& rows, const std::map<std::string, Measured>& measured,
                 const std::string& anchors, const std::string& command);

}  // namespace tessera::bench
