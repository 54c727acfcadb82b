// What a run tells TensorBoard: `tensorboard --logdir RUN`. Steps are the optimizer's.
//   train/loss     of single steps, every --log-every            lr             after each epoch
//   val/loss  val/mIoU  val/pixel_acc  IoU/CLASS                  after each validation
//   val/pred       held-out pictures: picture | truth | prediction    NAME       distribution of each parameter; after each validation
#pragma once

#include <optional>

#include "data/dataset.h"
#include "nn/module.h"
#include "tools/epoch_record.h"
#include "tools/event_file.h"

namespace tessera::tools {

// A log that cannot be written is no reason to lose a run: the first error is reported on stderr, and nothing more is written.
class RunLog {
 public:
  // Into `folder`, which exists. A run that goes on after `step` > 0 keeps what was logged up to there; a new one removes what an
  // earlier one left. `within_epoch`: the epoch of that step is not over, so of the step only its loss is kept; the end of the epoch
  // will be logged again. Not `enabled`, it does nothing.
  RunLog(bool enabled, const std::string& folder, int64_t step, bool within_epoch, int64_t log_every);

  // The losses of the next steps, in order.
  void losses(const std::vector<double>& losses);
  void epoch(const EpochRecord& record, const data::ClassInfo& classes);
  // After a validation, at `step`.
  void validation(const data::Image& pictures, const nn::Module& network, int64_t step);

 private:
  template <class Write> void attempt(const Write& write);

  int64_t log_every_, step_;  // step_: of the last loss
  std::optional<EventFile> file_;
};

}  // namespace tessera::tools
