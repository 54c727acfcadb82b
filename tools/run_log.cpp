#include "tools/run_log.h"

#include "tools/command.h"

namespace tessera::tools {

namespace {

constexpr const char* kTrainLoss = "train/loss";

}  // namespace

RunLog::RunLog(bool enabled, const std::string& folder, int64_t step, bool within_epoch, int64_t log_every)
    : log_every_(log_every), step_(step) {
  if (!enabled) return;
  try {
    cut_back_events(folder, step > 0 ? step : -1, within_epoch ? kTrainLoss : "");
    file_.emplace(folder, step > 0 ? step + 1 : 0);
  } catch (const FileError& error) {
    report_error("tessera", error.what());
  }
}

template <class Write> void RunLog::attempt(const Write& write) {
  if (!file_) return;
  try {
    write(*file_);
    file_->flush();
  } catch (const FileError& error) {
    report_error("tessera", fmt::format("{} The run goes on without.", error.what()));
    file_.reset();
  }
}

void RunLog::losses(const std::vector<double>& losses) {
  const int64_t first = step_ + 1;
  step_ += static_cast<int64_t>(losses.size());
  if (step_ / log_every_ == (first - 1) / log_every_) return;  // no point lies among them
  attempt([&](EventFile& file) {
    for (size_t i = 0; i < losses.size(); ++i)
      if (const int64_t step = first + static_cast<int64_t>(i); step % log_every_ == 0)
        file.scalar(kTrainLoss, losses[i], step);
  });
}

void RunLog::epoch(const EpochRecord& r, const data::ClassInfo& classes) {
  attempt([&](EventFile& file) {
    file.scalar("lr", r.lr, r.step);
    if (!r.is_validated()) return;
    file.scalar("val/loss", r.val_loss, r.step);
    file.scalar("val/mIoU", r.mean_iou, r.step);
    file.scalar("val/pixel_acc", r.pixel_accuracy, r.step);
    for (size_t i = 0; i < r.class_iou.size(); ++i) file.scalar("IoU/" + classes.names[i], r.class_iou[i], r.step);
  });
}

void RunLog::validation(const data::Image& pictures, const nn::Module& network, int64_t step) {
  attempt([&](EventFile& file) {
    file.image("val/pred", pictures, step);
    for (const auto& parameter : network.named_parameters()) file.histogram(parameter.key(), parameter.value(), step);
  });
}

}  // namespace tessera::tools
