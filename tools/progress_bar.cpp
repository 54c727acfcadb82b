#include "tools/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace tessera::tools {
namespace {

// The terminal's width, so that a long line is cut instead of wrapped: a wrapped one cannot be redrawn in place.
size_t terminal_columns() {
  winsize window{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1u : 79u;
}

}  // namespace

std::string clock_time(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "??:??";
  const auto whole = static_cast<int64_t>(seconds);
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60) : fmt::format("{:02}:{:02}", minutes, whole % 60);
}

std::string progress_line(const std::string& label, int64_t done, int64_t total, double seconds, double speed,
                          const std::string& unit, const std::string& note) {
  constexpr int64_t kWidth = 10;
  const int64_t filled = total > 0 ? std::min(kWidth, done * kWidth / total) : kWidth;
  const int64_t percent = total > 0 ? done * 100 / total : 100;
  const double remaining = speed > 0 ? static_cast<double>(total - done) / speed : -1;
  return fmt::format("{}: {:3}%|{:<{}}| {}/{} [{}<{}, {:.1f}{}/s{}{}]", label, percent, std::string(filled, '#'), kWidth, done,
                     total, clock_time(seconds), clock_time(remaining), speed, unit, note.empty() ? "" : ", ", note);
}

ProgressBar::ProgressBar(std::string label, int64_t total, int64_t done, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      done_before_(done),
      visible_(isatty(STDERR_FILENO) == 1),
      done_(done),
      drawn_(visible_ ? Clock::time_point() : start_) {}

ProgressBar::~ProgressBar() {
  if (visible_) fmt::print(stderr, "\r\033[K");
}

double ProgressBar::speed() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  return seconds > 0 ? static_cast<double>(done_ - done_before_) / seconds : 0;
}

void ProgressBar::advance(int64_t units, const std::string& note) {
  done_ += units;
  const Clock::time_point now = Clock::now();
  if (visible_ ? now - drawn_ < std::chrono::milliseconds(100) && done_ < total_ : now - drawn_ < std::chrono::minutes(1)) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line = progress_line(label_, done_, total_, seconds, speed(), unit_, note);
  if (visible_)
    fmt::print(stderr, "\r{}\033[K", line.substr(0, terminal_columns()));
  else
    fmt::print(stderr, "{}\n", line);
}

}  // namespace tessera::tools
