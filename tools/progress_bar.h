// A progress bar on stderr in the style of tqdm:
//     Epoch 3/50:  42%|####      | 154/367 [00:12<00:17, 12.4img/s, loss=0.81]
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tessera::tools {

// "00:12", "1:02:03"; "??:??" for what is not known (negative or not finite).
std::string clock_time(double seconds);

// The line above: `done` of `total` units after `seconds`, at `speed` units a second; `note` ("loss=0.81") may be empty.
std::string progress_line(const std::string& label, int64_t done, int64_t total, double seconds, double speed,
                          const std::string& unit, const std::string& note);

// Redraws at most ten times a second, and leaves an empty line when it goes. Where stderr is no terminal it writes the line once a
// minute, so that a log shows that a long epoch goes on.
class ProgressBar {
 public:
  // `done` units were finished before: they count in the bar, not in the speed.
  ProgressBar(std::string label, int64_t total, int64_t done = 0, std::string unit = "img");
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(int64_t units, const std::string& note = "");
  double speed() const;  // units a second since the start

 private:
  using Clock = std::chrono::steady_clock;

  const std::string label_, unit_;
  const int64_t total_, done_before_;
  const bool visible_;
  const Clock::time_point start_ = Clock::now();
  int64_t done_;
  Clock::time_point drawn_;
};

}  // namespace tessera::tools
