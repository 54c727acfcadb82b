// The history of tensors that share memory.
//
// A view is a part of its base. When the base, or any view of it, is written in place in the graph, the base gets a new history,
// and each view's own is taken anew from the base when it is next asked for. A write to a view is recorded as two nodes: the op
// itself, which makes the part, and "copy_slices", which puts the part into the base:
//     base_new = base_old with `part` in the place of the view
//     grad of base_old = grad of base_new with zeros there;   grad of part = grad of base_new there
#pragma once

#include "core/autograd.h"

namespace tessera::autograd {

// Brings a view's history up to date. Throws AutogradError if the view was made without recording and its base was written since.
void refresh_view(const Tensor& view);

// Records that the view shows what output `output_nr` of `node` made, and that its base does in that part.
void rebase_view(const Tensor& view, const std::shared_ptr<Node>& node, size_t output_nr);

}  // namespace tessera::autograd
