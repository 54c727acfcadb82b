#include "core/view_history.h"

#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"

namespace tessera::autograd {
namespace {

// Where a view lies in its base.
struct Place {
  Layout whole;  // of the base, offset 0
  Layout part;   // of the view, from the base's first element
};

Place place_of(const Tensor& view) {
  const TensorImpl& base = *view.impl()->base;
  Place place{base.layout, view.layout()};
  place.part.offset -= base.layout.offset;
  place.whole.offset = 0;
  check<AutogradError>(place.whole.is_dense(),
                       "a view of shape {} was written in place, but the tensor it was taken of has gaps or overlaps in memory. "
                       "Use clone() first.",
                       view.sizes());
  return place;
}

Layout moved(Layout layout, int64_t offset) {
  layout.offset += offset;
  return layout;
}

// A tensor over x's memory with neither history nor base.
Tensor plain_view(const Tensor& x, const Layout& layout) { return make_view(x.detach(), moved(layout, x.storage_offset())); }

// A copy of x in the memory order of `layout`.
Tensor laid_out(const Tensor& x, const Layout& layout) {
  NoGradGuard no_grad;
  Tensor copy = make_tensor(layout, x.dtype(), x.device());
  copy.copy_(x);
  return copy;
}

Tensor scatter_part(const Tensor& part, const Place& place);

// The part of `whole` at the place. Its gradient: zeros with the gradient there.
Tensor gather_part(const Tensor& whole, const Place& place) {
  const bool fits = IntArrayRef(whole.strides()) == IntArrayRef(place.whole.strides);
  const Tensor out = plain_view(fits ? whole : laid_out(whole, place.whole), place.part);
  return record("as_strided", {whole}, out, {},
                [place](const BackwardContext& ctx) -> variable_list { return {scatter_part(ctx.grad(), place)}; });
}

// Zeros of the whole's shape with `part` at the place, summed where the view repeats memory.
Tensor scatter_part(const Tensor& part, const Place& place) {
  Layout once = place.part;
  DimVector repeated;
  for (size_t d = 0; d < once.sizes.size(); ++d) {
    if (once.strides[d] != 0 || once.sizes[d] == 1) continue;
    repeated.push_back(static_cast<int64_t>(d));
    once.sizes[d] = 1;
  }
  Tensor out;
  {
    NoGradGuard no_grad;
    out = make_tensor(place.whole, part.dtype(), part.device());
    out.zero_();
    plain_view(out, once).copy_(repeated.empty() ? part : sum(part, repeated, /*keepdim=*/true));
  }
  return record("as_strided_scatter", {part}, out, {},
                [place](const BackwardContext& ctx) -> variable_list { return {gather_part(ctx.grad(), place)}; });
}

// `whole` with zeros at the place: its own gradient too.
Tensor clear_part(const Tensor& whole, const Place& place) {
  const Tensor out = laid_out(whole, place.whole);
  {
    NoGradGuard no_grad;
    plain_view(out, place.part).zero_();
  }
  return record("clear_part", {whole}, out, {},
                [place](const BackwardContext& ctx) -> variable_list { return {clear_part(ctx.grad(), place)}; });
}

}  // namespace

void refresh_view(const Tensor& view) {
  TensorImpl& impl = *view.impl();
  if (impl.base == nullptr || impl.recorded_writes == impl.storage->recorded_writes()) return;
  const Tensor base(impl.base);
  if (!base.requires_grad()) return;
  check<AutogradError>(impl.origin == ViewOrigin::Recorded,
                       "A view was created in {} mode and its base or another view of its base has been modified inplace with "
                       "grad mode enabled. Take the view again (its shape: {}).",
                       impl.origin == ViewOrigin::NoGradMode ? "no_grad" : "inference", view.sizes());
  const AutoGradMode recording(true);
  record("as_strided", {base}, view, {},
         [place = place_of(view)](const BackwardContext& ctx) -> variable_list { return {scatter_part(ctx.grad(), place)}; });
}

void rebase_view(const Tensor& view, const std::shared_ptr<Node>& node, size_t output_nr) {
  const Tensor base(view.impl()->base);
  // What the node made, as an input of the node that follows. Its history is the node's; it has no base.
  const Tensor part = view.detach();
  set_history(part, node, output_nr);
  const AutoGradMode recording(true);
  record("copy_slices", {base, part}, base, {}, [place = place_of(view)](const BackwardContext& ctx) -> variable_list {
    return {ctx.needs_grad(0) ? clear_part(ctx.grad(), place) : Tensor(),
            ctx.needs_grad(1) ? gather_part(ctx.grad(), place) : Tensor()};
  });
  view.impl()->recorded_writes = 0;  // out of date: the count that includes this write is at least 1
  refresh_view(view);
}

}  // namespace tessera::autograd
