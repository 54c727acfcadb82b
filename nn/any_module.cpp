#include "nn/any_module.h"

namespace tessera::nn {

void any_forward::throw_wrong_count(const Module& module, size_t count) {
  throw ValueError(fmt::format("AnyModule: forward of {} does not take {} arguments", module.name(), count));
}

void any_forward::throw_wrong_type(size_t index, const std::type_info& expected, const std::type_info& given) {
  throw TypeError(fmt::format("AnyModule: argument {} of forward must be {}, but is {}. Types must be the same; nothing is converted.",
                              index, type_name(expected), type_name(given)));
}

const std::shared_ptr<Module>& AnyModule::ptr() const {
  check<ValueError>(module_ != nullptr, "AnyModule: it is empty");
  return module_;
}

AnyValue AnyModule::call(any_forward::Values& values) const {
  check<ValueError>(module_ != nullptr, "AnyModule: it is empty");
  return forward_(values);
}

}  // namespace tessera::nn
