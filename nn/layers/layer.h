// What layers without parameters and children share: their options.
#pragma once

#include <concepts>

#include "nn/module_holder.h"
#include "nn/options.h"

namespace tessera::nn {

template <class Derived, class Options> class OptionsLayer : public Cloneable<Derived> {
 public:
  OptionsLayer() requires std::default_initializable<Options>
  = default;
  explicit OptionsLayer(const Options& options) : options(options) {}
  void reset() override {}
  Options options;
};

// A layer that needs no options either.
template <class Derived> class PlainLayer : public Cloneable<Derived> {
 public:
  void reset() override {}
};

}  // namespace tessera::nn
