#include "core/type_promotion.h"

namespace tessera {
namespace {

int category(ScalarType type) { return type == kBool ? 0 : is_floating_point(type) ? 2 : 1; }

// The dtype that an operand without dimensions stands for if nothing else of its category is present.
ScalarType unsized(ScalarType type) { return type == kFloat64 ? get_default_dtype() : type; }

// `priority` are operands with dimensions, `rest` without: the rest count only if their category is higher.
ScalarType combine(ScalarType priority, ScalarType rest) { return category(rest) > category(priority) ? rest : priority; }

}  // namespace

bool is_integral(ScalarType type) { return category(type) == 1; }

ScalarType promote_types(ScalarType a, ScalarType b) {
  if (a == b) return a;
  if (category(a) != category(b)) return category(a) > category(b) ? a : b;
  if (category(a) == 1) {
    const bool mixed_signs = a == kUInt8 || b == kUInt8;  // with int8: int16 holds both
    const ScalarType wider = element_size(a) > element_size(b) ? a : b;
    return mixed_signs && element_size(wider) == 1 ? kInt16 : wider;
  }
  return a == kFloat64 || b == kFloat64 ? kFloat64 : kFloat32;
}

ScalarType result_type(const Tensor& a, const Tensor& b) {
  if ((a.dim() == 0) == (b.dim() == 0)) return promote_types(a.dtype(), b.dtype());
  return a.dim() == 0 ? combine(b.dtype(), a.dtype()) : combine(a.dtype(), b.dtype());
}

ScalarType result_type(const Tensor& a, const Scalar& b) {
  return category(b.type()) > category(a.dtype()) ? unsized(b.type()) : a.dtype();
}

}  // namespace tessera
