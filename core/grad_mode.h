// Whether ops record themselves in the graph, per thread.
#pragma once

namespace tessera {

struct GradMode {
  static bool is_enabled();
  static void set_enabled(bool enabled);
};

// Sets the mode for the life of the object.
class AutoGradMode {
 public:
  explicit AutoGradMode(bool enabled) : previous_(GradMode::is_enabled()) { GradMode::set_enabled(enabled); }
  ~AutoGradMode() { GradMode::set_enabled(previous_); }
  AutoGradMode(const AutoGradMode&) = delete;
  AutoGradMode& operator=(const AutoGradMode&) = delete;

 private:
  bool previous_;
};

struct NoGradGuard : AutoGradMode {
  NoGradGuard() : AutoGradMode(false) {}
};
struct InferenceMode : AutoGradMode {
  explicit InferenceMode(bool enabled = true) : AutoGradMode(enabled ? false : GradMode::is_enabled()) {}
};

}  // namespace tessera
