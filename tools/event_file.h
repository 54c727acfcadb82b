// TensorBoard event files: what a run logs, for `tensorboard --logdir RUN`.
//
// A file is a sequence of records (TensorFlow's TFRecord):
//   8 bytes  length n, little-endian       4 bytes  masked CRC-32C of these 8
//   n bytes  an Event message (protobuf)   4 bytes  masked CRC-32C of these n
// The fields of Event and Summary that are used here stand beside the code that writes them. Sources: tensorflow/core/lib/io
// (record format), tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto. Writing these few messages by hand
// takes less text than their .proto files and needs no protobuf compiler.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "core/tensor.h"
#include "data/image.h"

namespace tessera::tools {

// Cuts what is said about steps after `step` off the event files in a folder, and records that are damaged: a run that was killed
// may have written them after the checkpoint that it now goes on from. Of `step` itself all stays, or, if a tag is given, what has
// that tag. With `step` -1 the files are removed. Throws FileError.
void cut_back_events(const std::string& folder, int64_t step, std::string_view last_tag = "");

class EventFile {
 public:
  // Makes FOLDER/events.out.tfevents.SECONDS.HOST.PID. A run that goes on at `first_step` > 0 gets a file of its own, which tells
  // a running TensorBoard to forget what earlier files say about that step and later ones. Throws FileError.
  EventFile(const std::string& folder, int64_t first_step);

  void scalar(const std::string& tag, double value, int64_t step);
  void image(const std::string& tag, const data::Image& image, int64_t step);
  // The distribution of a tensor's elements in 64 bins of equal width. Elements that are not finite are left out.
  void histogram(const std::string& tag, const Tensor& values, int64_t step);
  // Hands all to the system. Throws FileError if it could not be written, for example on a full disk.
  void flush();

 private:
  void write(const std::string& event);
  void summary(const std::string& tag, const std::string& value_field, int64_t step);

  std::string file_;
  std::ofstream stream_;
};

}  // namespace tessera::tools
