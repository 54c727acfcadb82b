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

// While enabled, nothing is recorded and the tensors that are made are inference tensors: they count no versions, and outside
// the mode they are neither written in place nor saved for backward. InferenceMode(false) records again inside such a scope.
class InferenceMode {
 public:
  explicit InferenceMode(bool enabled = true) : grad_mode_(!enabled), previous_(is_enabled()) { set_enabled(enabled); }
  ~InferenceMode() { set_enabled(previous_); }
  InferenceMode(const InferenceMode&) = delete;
  InferenceMode& operator=(const InferenceMode&) = delete;
  static bool is_enabled();

 private:
  static void set_enabled(bool enabled);
  AutoGradMode grad_mode_;
  bool previous_;
};

}  // namespace tessera
