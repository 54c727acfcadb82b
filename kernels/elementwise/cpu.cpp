#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cpu {
void unary(const View& out, const View& in, UnaryOp op, const UnaryParams& params) { reference::unary(out, in, op, params); }
void binary(const View& out, const View& a, const View& b, BinaryOp op, double alpha) { reference::binary(out, a, b, op, alpha); }
void where_select(const View& out, const View& c, const View& a, const View& b) { reference::where_select(out, c, a, b); }
void copy(const View& out, const View& in) { reference::copy(out, in); }
void fill(const View& out, FillValue value) { reference::fill(out, value); }
}  // namespace tessera::kernels::cpu
