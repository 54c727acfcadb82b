// Activations as layers. Formulas: nn/functional/activation.h, core/ops/unary.h, core/ops/softmax.h.
#pragma once

#include "nn/functional/activation.h"
#include "nn/layers/layer.h"

namespace tessera::nn {

class ReLUImpl : public OptionsLayer<ReLUImpl, ReLUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ReLU);

class ReLU6Impl : public OptionsLayer<ReLU6Impl, ReLU6Options> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ReLU6);

class LeakyReLUImpl : public OptionsLayer<LeakyReLUImpl, LeakyReLUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(LeakyReLU);

class ELUImpl : public OptionsLayer<ELUImpl, ELUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ELU);

class SELUImpl : public OptionsLayer<SELUImpl, SELUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(SELU);

class CELUImpl : public OptionsLayer<CELUImpl, CELUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(CELU);

class HardtanhImpl : public OptionsLayer<HardtanhImpl, HardtanhOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Hardtanh);

class ThresholdImpl : public OptionsLayer<ThresholdImpl, ThresholdOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  ThresholdImpl(double threshold, double value) : ThresholdImpl(ThresholdOptions(threshold, value)) {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Threshold);

class HardshrinkImpl : public OptionsLayer<HardshrinkImpl, HardshrinkOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Hardshrink);

class SoftshrinkImpl : public OptionsLayer<SoftshrinkImpl, SoftshrinkOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Softshrink);

class SoftplusImpl : public OptionsLayer<SoftplusImpl, SoftplusOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Softplus);

class GELUImpl : public OptionsLayer<GELUImpl, GELUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(GELU);

class GLUImpl : public OptionsLayer<GLUImpl, GLUOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(GLU);

class SoftmaxImpl : public OptionsLayer<SoftmaxImpl, SoftmaxOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Softmax);

class SoftminImpl : public OptionsLayer<SoftminImpl, SoftminOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Softmin);

class LogSoftmaxImpl : public OptionsLayer<LogSoftmaxImpl, LogSoftmaxOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(LogSoftmax);

class SigmoidImpl : public PlainLayer<SigmoidImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Sigmoid);

class LogSigmoidImpl : public PlainLayer<LogSigmoidImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(LogSigmoid);

class TanhImpl : public PlainLayer<TanhImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Tanh);

class TanhshrinkImpl : public PlainLayer<TanhshrinkImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Tanhshrink);

class SoftsignImpl : public PlainLayer<SoftsignImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Softsign);

class SiLUImpl : public PlainLayer<SiLUImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(SiLU);

class MishImpl : public PlainLayer<MishImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Mish);

// Softmax over the channels of [N, C, H, W] or [C, H, W]; ShapeError for other ranks.
class Softmax2dImpl : public PlainLayer<Softmax2dImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Softmax2d);

class PReLUOptions {
 public:
  PReLUOptions(int64_t num_parameters = 1) : num_parameters_(num_parameters) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(int64_t, num_parameters);                                          // 1, or the number of channels
  TESSERA_ARG(double, init) = 0.25;
};

// weight [num_parameters], learned (He et al., 2015).
class PReLUImpl : public Cloneable<PReLUImpl> {
 public:
  explicit PReLUImpl(const PReLUOptions& options = {}) : options(options) { PReLUImpl::reset(); }
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  PReLUOptions options;
  Tensor weight;
};
TESSERA_MODULE(PReLU);

}  // namespace tessera::nn
