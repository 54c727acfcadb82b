#include "core/ops/random.h"

#include <numeric>

#include "core/autograd.h"
#include "core/generator_guard.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "kernels/cuda/graph.h"
#include "kernels/random/random.h"

namespace tessera {
namespace {

const Kernel<kernels::RandomUniform> random_uniform = TESSERA_KERNEL(random_uniform);
const Kernel<kernels::RandomNormal> random_normal = TESSERA_KERNEL(random_normal);
const Kernel<kernels::RandomIntegers> random_integers = TESSERA_KERNEL(random_integers);
const Kernel<kernels::RandomBernoulli> random_bernoulli = TESSERA_KERNEL(random_bernoulli);

// Fills a tensor that nobody else has seen, with the next draw of `generator`.
template <class K, class... Args>
Tensor draw(const K& kernel, Tensor out, Generator& generator, bool requires_grad, Args... args) {
  check<DeviceError>(
      !out.is_cuda() || &generator == &default_generator() || !kernels::cuda::is_capturing(),
      "random: a CUDA graph is being recorded, whose replays move the default generator on and no other. Draw from that one.");
  const uint64_t offset = generator.next_offset();
  kernel(out.device(), out.as_view(), generator.seed(), offset, args...);
  return requires_grad ? out.requires_grad_() : out;
}

template <class K, class... Args> const Tensor& draw_into(const char* name, const K& kernel, const Tensor& x, Args... args) {
  autograd::check_inplace(name, x);
  draw(kernel, x, default_generator(), false, args...);
  return autograd::record_inplace(name, x, {x}, {}, [](const auto& ctx) -> variable_list { return {zeros_like(ctx.grad())}; });
}

void check_floating(const char* name, const TensorOptions& options) {
  check<TypeError>(is_floating_point(options.dtype()), "{}: {} is no floating-point type. Use randint for integers.", name,
                   options.dtype());
}

TensorOptions integers(const TensorOptions& options) {
  return (options.has_dtype() ? options : options.dtype(kInt64)).requires_grad(false);
}

thread_local Generator* guarded_generator = nullptr;

}  // namespace

Generator& default_generator() {
  static Generator generator;
  return guarded_generator != nullptr ? *guarded_generator : generator;
}

GeneratorGuard::GeneratorGuard(uint64_t seed) : generator_(seed), previous_(guarded_generator) {
  guarded_generator = &generator_;
}

GeneratorGuard::~GeneratorGuard() { guarded_generator = previous_; }

void manual_seed(uint64_t seed) { default_generator().manual_seed(seed); }

Tensor rand(IntArrayRef sizes, Generator& generator, const TensorOptions& options) {
  check_floating("rand", options);
  return draw(random_uniform, empty(sizes, options.requires_grad(false)), generator, options.requires_grad(), 0.0, 1.0);
}

Tensor randn(IntArrayRef sizes, Generator& generator, const TensorOptions& options) {
  check_floating("randn", options);
  return draw(random_normal, empty(sizes, options.requires_grad(false)), generator, options.requires_grad(), 0.0, 1.0);
}

Tensor rand(IntArrayRef sizes, const TensorOptions& options) { return rand(sizes, default_generator(), options); }
Tensor randn(IntArrayRef sizes, const TensorOptions& options) { return randn(sizes, default_generator(), options); }

Tensor randint(int64_t low, int64_t high, IntArrayRef sizes, const TensorOptions& options) {
  check<ValueError>(low < high, "randint: no integer lies in [{}, {})", low, high);
  return draw(random_integers, empty(sizes, integers(options)), default_generator(), false, low, high);
}

Tensor randint(int64_t high, IntArrayRef sizes, const TensorOptions& options) { return randint(0, high, sizes, options); }

Tensor randperm(int64_t n, const TensorOptions& options) {
  Tensor order = empty({n}, kInt64);
  int64_t* p = order.data_ptr<int64_t>();
  std::iota(p, p + n, 0);
  // Fisher-Yates; the i-th of n random 62-bit numbers picks the partner of element i.
  const Tensor picks = draw(random_integers, empty({n}, kInt64), default_generator(), false, int64_t{0}, int64_t{1} << 62);
  for (int64_t i = n - 1; i > 0; --i) std::swap(p[i], p[picks.data_ptr<int64_t>()[i] % (i + 1)]);
  return order.to(integers(options).dtype()).to(options.device());
}

Tensor rand_like(const Tensor& x, const TensorOptions& options) {
  return draw(random_uniform, empty_like(x, options.requires_grad(false)), default_generator(), options.requires_grad(), 0.0,
              1.0);
}

Tensor randn_like(const Tensor& x, const TensorOptions& options) {
  return draw(random_normal, empty_like(x, options.requires_grad(false)), default_generator(), options.requires_grad(), 0.0, 1.0);
}

const Tensor& uniform_(const Tensor& x, double low, double high) { return draw_into("uniform_", random_uniform, x, low, high); }
const Tensor& normal_(const Tensor& x, double mean, double std) { return draw_into("normal_", random_normal, x, mean, std); }
const Tensor& bernoulli_(const Tensor& x, double p) {
  check<ValueError>(p >= 0 && p <= 1, "bernoulli_: the probability {} does not lie in [0, 1]", p);
  return draw_into("bernoulli_", random_bernoulli, x, p);
}

Tensor dropout(const Tensor& x, double p, bool training) {
  check<ValueError>(p >= 0 && p <= 1, "dropout: the probability {} does not lie in [0, 1]", p);
  check<TypeError>(x.is_floating_point(), "dropout: {} is no floating-point type. Convert with to(kFloat).", x.dtype());
  if (!training || p == 0) return x;
  Tensor mask = draw(random_bernoulli, empty_like(x), default_generator(), false, 1 - p);
  if (p < 1) {
    NoGradGuard no_grad;
    mask = mul(mask, full({}, 1 / (1 - p), mask.options()));
  }
  return mul(x, mask);
}

const Tensor& Tensor::uniform_(double low, double high) const { return tessera::uniform_(*this, low, high); }
const Tensor& Tensor::bernoulli_(double p) const { return tessera::bernoulli_(*this, p); }
const Tensor& Tensor::normal_(double mean, double std) const { return tessera::normal_(*this, mean, std); }

}  // namespace tessera
