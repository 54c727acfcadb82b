// Runs a reference case of one op: its outputs, then the gradients for the cotangent in the file.
#include <functional>

#include "core/autograd.h"
#include "core/ops.h"
#include "tools/verify/reference_case.h"

namespace tessera::tools {
namespace {

using Inputs = std::map<std::string, Tensor>;
using Run = std::function<TensorList(Inputs&, Arguments&)>;

Reduction reduction(Arguments& args) {
  const std::string name = args.get<std::string>("reduction", "mean");
  if (name == "none") return kNone;
  if (name == "mean") return kMean;
  if (name == "sum") return kSum;
  check<ValueError>(name == "batchmean", "reduction \"{}\" is unknown", name);
  return kBatchMean;
}

std::optional<Scalar> number(Arguments& args, const char* name) {
  return args.has(name) ? std::optional<Scalar>(args.get(name, 0.0)) : std::nullopt;
}

TensorList pair(const std::tuple<Tensor, Tensor>& values) { return {std::get<0>(values), std::get<1>(values)}; }

// A row of the table below for a function of one tensor, of two tensors, of a tensor and (dim, keepdim), of a loss.
Run unary(Tensor (*f)(const Tensor&)) {
  return [f](Inputs& in, Arguments&) -> TensorList { return {f(in["input"])}; };
}
Run binary(std::function<Tensor(const Tensor&, const Tensor&)> f) {
  return [f](Inputs& in, Arguments&) -> TensorList { return {f(in["input"], in["other"])}; };
}
Run reduce(std::function<Tensor(const Tensor&, IntArrayRef, bool)> f) {
  return [f](Inputs& in, Arguments& args) -> TensorList { return {f(in["input"], args.ints("dim"), args.get("keepdim", false))}; };
}
Run loss(std::function<Tensor(const Tensor&, const Tensor&, Reduction)> f) {
  return [f](Inputs& in, Arguments& args) -> TensorList { return {f(in["input"], in["target"], reduction(args))}; };
}
Run along(std::function<Tensor(const Tensor&, int64_t)> f) {
  return [f](Inputs& in, Arguments& args) -> TensorList { return {f(in["input"], args.get<int64_t>("dim", -1))}; };
}

TensorList list(Inputs& in, const ReferenceCase& c) {
  TensorList tensors;
  for (const std::string& name : c.inputs) tensors.push_back(in[name]);
  return tensors;
}

Tensor run_interpolate(Inputs& in, Arguments& args) {
  InterpolateOptions options;
  const std::string mode = args.get<std::string>("mode", "nearest");
  check<ValueError>(mode == "nearest" || mode == "bilinear", "interpolate: mode \"{}\" is unknown", mode);
  options.mode = mode == "nearest" ? InterpolateMode::Nearest : InterpolateMode::Bilinear;
  if (args.has("size")) options.size = args.ints("size");
  if (args.has("scale_factor")) options.scale_factor = args.get<std::vector<double>>("scale_factor", {});
  if (args.has("align_corners")) options.align_corners = args.get("align_corners", false);
  return interpolate(in["input"], options);
}

const std::map<std::string, Run>& table() {
  static const std::map<std::string, Run> runs = {
      {"abs", unary(abs)}, {"neg", unary(neg)}, {"sign", unary(sign)}, {"square", unary(square)}, {"sqrt", unary(sqrt)},
      {"rsqrt", unary(rsqrt)}, {"reciprocal", unary(reciprocal)}, {"exp", unary(exp)}, {"expm1", unary(expm1)}, {"log", unary(log)},
      {"log1p", unary(log1p)}, {"sin", unary(sin)}, {"cos", unary(cos)}, {"tanh", unary(tanh)}, {"sigmoid", unary(sigmoid)},
      {"relu", unary(relu)}, {"gelu", unary(gelu)}, {"silu", unary(silu)}, {"erf", unary(erf)}, {"floor", unary(floor)},
      {"ceil", unary(ceil)}, {"round", unary(round)},
      {"leaky_relu", [](Inputs& in, Arguments& a) -> TensorList { return {leaky_relu(in["input"], a.get("negative_slope", 0.01))}; }},
      {"elu", [](Inputs& in, Arguments& a) -> TensorList { return {elu(in["input"], a.get("alpha", 1.0))}; }},
      {"softplus", [](Inputs& in, Arguments& a) -> TensorList {
         return {softplus(in["input"], a.get("beta", 1.0), a.get("threshold", 20.0))};
       }},
      {"clamp", [](Inputs& in, Arguments& a) -> TensorList { return {clamp(in["input"], number(a, "min"), number(a, "max"))}; }},
      {"pow", [](Inputs& in, Arguments& a) -> TensorList {
         return {in.count("exponent") ? pow(in["input"], in["exponent"]) : pow(in["input"], Scalar(a.get("exponent", 2.0)))};
       }},
      {"add", binary([](const Tensor& a, const Tensor& b) { return add(a, b); })},
      {"sub", binary([](const Tensor& a, const Tensor& b) { return sub(a, b); })},
      {"mul", binary([](const Tensor& a, const Tensor& b) { return mul(a, b); })},
      {"div", binary([](const Tensor& a, const Tensor& b) { return div(a, b); })},
      {"maximum", binary(maximum)}, {"minimum", binary(minimum)}, {"matmul", binary(matmul)},
      {"where", [](Inputs& in, Arguments&) -> TensorList { return {where(in["condition"], in["input"], in["other"])}; }},

      {"sum", reduce([](const Tensor& x, IntArrayRef d, bool k) { return sum(x, d, k); })},
      {"mean", reduce([](const Tensor& x, IntArrayRef d, bool k) { return mean(x, d, k); })},
      {"amax", reduce(amax)}, {"amin", reduce(amin)}, {"logsumexp", reduce(logsumexp)},
      {"var", [](Inputs& in, Arguments& a) -> TensorList {
         return {var(in["input"], a.ints("dim"), a.get("unbiased", true), a.get("keepdim", false))};
       }},
      {"std", [](Inputs& in, Arguments& a) -> TensorList {
         return {std(in["input"], a.ints("dim"), a.get("unbiased", true), a.get("keepdim", false))};
       }},
      {"norm", [](Inputs& in, Arguments& a) -> TensorList {
         return {norm(in["input"], a.get("p", 2.0), a.ints("dim"), a.get("keepdim", false))};
       }},
      {"max", [](Inputs& in, Arguments& a) -> TensorList {
         if (!a.has("dim")) return {max(in["input"])};
         return pair(max(in["input"], a.get<int64_t>("dim", 0), a.get("keepdim", false)));
       }},
      {"min", [](Inputs& in, Arguments& a) -> TensorList {
         if (!a.has("dim")) return {min(in["input"])};
         return pair(min(in["input"], a.get<int64_t>("dim", 0), a.get("keepdim", false)));
       }},
      {"argmax", [](Inputs& in, Arguments& a) -> TensorList {
         if (!a.has("dim")) return {argmax(in["input"])};
         return {argmax(in["input"], a.get<int64_t>("dim", 0), a.get("keepdim", false))};
       }},
      {"argmin", [](Inputs& in, Arguments& a) -> TensorList {
         if (!a.has("dim")) return {argmin(in["input"])};
         return {argmin(in["input"], a.get<int64_t>("dim", 0), a.get("keepdim", false))};
       }},
      {"cumsum", along(cumsum)}, {"softmax", along(softmax)}, {"log_softmax", along(log_softmax)},

      {"gather", [](Inputs& in, Arguments& a) -> TensorList { return {gather(in["input"], a.get<int64_t>("dim", 0), in["index"])}; }},
      {"index_select", [](Inputs& in, Arguments& a) -> TensorList {
         return {index_select(in["input"], a.get<int64_t>("dim", 0), in["index"])};
       }},
      {"flip", [](Inputs& in, Arguments& a) -> TensorList { return {flip(in["input"], a.ints("dims"))}; }},
      {"pad", [](Inputs& in, Arguments& a) -> TensorList {
         return {pad(in["input"], a.ints("pad"), a.get<std::string>("mode", "constant"), a.get("value", 0.0))};
       }},
      {"bincount", [](Inputs& in, Arguments& a) -> TensorList {
         return {bincount(in["input"], in["weights"], a.get<int64_t>("minlength", 0))};
       }},
      {"confusion_matrix", [](Inputs& in, Arguments& a) -> TensorList {
         return {confusion_matrix(in["target"], in["input"], a.get<int64_t>("num_classes", 0))};
       }},
      {"one_hot", [](Inputs& in, Arguments& a) -> TensorList { return {one_hot(in["input"], a.get<int64_t>("num_classes", -1))}; }},

      {"reshape", [](Inputs& in, Arguments& a) -> TensorList {
         const Tensor x = a.has("permute_first") ? permute(in["input"], a.ints("permute_first")) : in["input"];
         return {reshape(x, a.ints("shape"))};
       }},
      {"permute", [](Inputs& in, Arguments& a) -> TensorList { return {permute(in["input"], a.ints("dims"))}; }},
      {"transpose", [](Inputs& in, Arguments& a) -> TensorList {
         return {transpose(in["input"], a.get<int64_t>("dim0", 0), a.get<int64_t>("dim1", 1))};
       }},
      {"expand", [](Inputs& in, Arguments& a) -> TensorList { return {expand(in["input"], a.ints("size"))}; }},
      {"slice", [](Inputs& in, Arguments& a) -> TensorList {
         return {slice(in["input"], a.get<int64_t>("dim", 0), a.get<int64_t>("start", 0),
                       a.get<int64_t>("end", std::numeric_limits<int64_t>::max()), a.get<int64_t>("step", 1))};
       }},

      {"linear", [](Inputs& in, Arguments&) -> TensorList { return {linear(in["input"], in["weight"], in["bias"])}; }},
      {"conv2d", [](Inputs& in, Arguments& a) -> TensorList {
         return {conv2d(in["input"], in["weight"], in["bias"], a.ints("stride", {1}), a.ints("padding", {0}), a.ints("dilation", {1}),
                        a.get<int64_t>("groups", 1))};
       }},
      {"conv_transpose2d", [](Inputs& in, Arguments& a) -> TensorList {
         return {conv_transpose2d(in["input"], in["weight"], in["bias"], a.ints("stride", {1}), a.ints("padding", {0}),
                                  a.ints("output_padding", {0}), a.get<int64_t>("groups", 1), a.ints("dilation", {1}))};
       }},
      {"max_pool2d", [](Inputs& in, Arguments& a) -> TensorList {
         return {max_pool2d(in["input"], a.ints("kernel_size"), a.ints("stride"), a.ints("padding", {0}), a.ints("dilation", {1}),
                            a.get("ceil_mode", false))};
       }},
      {"avg_pool2d", [](Inputs& in, Arguments& a) -> TensorList {
         return {avg_pool2d(in["input"], a.ints("kernel_size"), a.ints("stride"), a.ints("padding", {0}), a.get("ceil_mode", false),
                            a.get("count_include_pad", true))};
       }},
      {"adaptive_avg_pool2d", [](Inputs& in, Arguments& a) -> TensorList {
         return {adaptive_avg_pool2d(in["input"], a.ints("output_size"))};
       }},
      {"interpolate", [](Inputs& in, Arguments& a) -> TensorList { return {run_interpolate(in, a)}; }},
      {"batch_norm", [](Inputs& in, Arguments& a) -> TensorList {
         const Tensor mean = in["running_mean"].clone(), variance = in["running_var"].clone();
         const Tensor out = batch_norm(in["input"], in["weight"], in["bias"], mean, variance, a.get("training", false),
                                       a.get("momentum", 0.1), a.get("eps", 1e-5));
         return {out, mean, variance};
       }},
      {"layer_norm", [](Inputs& in, Arguments& a) -> TensorList {
         return {layer_norm(in["input"], a.ints("normalized_shape"), in["weight"], in["bias"], a.get("eps", 1e-5))};
       }},
      {"group_norm", [](Inputs& in, Arguments& a) -> TensorList {
         return {group_norm(in["input"], a.get<int64_t>("num_groups", 1), in["weight"], in["bias"], a.get("eps", 1e-5))};
       }},

      {"nll_loss", [](Inputs& in, Arguments& a) -> TensorList {
         const Tensor x = a.get("log_softmax_first", false) ? log_softmax(in["input"], 1) : in["input"];
         return {nll_loss(x, in["target"], in["weight"], reduction(a), a.get<int64_t>("ignore_index", -100))};
       }},
      {"cross_entropy", [](Inputs& in, Arguments& a) -> TensorList {
         return {cross_entropy(in["input"], in["target"], in["weight"], reduction(a), a.get<int64_t>("ignore_index", -100),
                               a.get("label_smoothing", 0.0))};
       }},
      {"focal_loss", [](Inputs& in, Arguments& a) -> TensorList {
         const auto alpha = a.has("alpha") ? std::optional(a.get("alpha", 0.0)) : std::nullopt;
         return {focal_loss(in["input"], in["target"], in["weight"], alpha, a.get("gamma", 2.0), a.get<int64_t>("ignore_index", -100))};
       }},
      {"dice_loss", [](Inputs& in, Arguments& a) -> TensorList {
         return {dice_loss(in["input"], in["target"], a.get("beta", 1.0), a.get("smooth", 1e-5))};
       }},
      {"mse_loss", loss(mse_loss)}, {"l1_loss", loss(l1_loss)},
      {"smooth_l1_loss", [](Inputs& in, Arguments& a) -> TensorList {
         return {smooth_l1_loss(in["input"], in["target"], reduction(a), a.get("beta", 1.0))};
       }},
      {"binary_cross_entropy", [](Inputs& in, Arguments& a) -> TensorList {
         return {binary_cross_entropy(in["input"], in["target"], in["weight"], reduction(a))};
       }},
      {"binary_cross_entropy_with_logits", [](Inputs& in, Arguments& a) -> TensorList {
         return {binary_cross_entropy_with_logits(in["input"], in["target"], in["weight"], reduction(a), in["pos_weight"])};
       }},
      {"kl_div", [](Inputs& in, Arguments& a) -> TensorList {
         const Tensor x = a.get("log_softmax_input", false) ? log_softmax(in["input"], -1) : in["input"];
         const Tensor t = a.get("softmax_target", false) ? softmax(in["target"], -1) : in["target"];
         return {kl_div(x, t, reduction(a), a.get("log_target", false))};
       }},
      {"attention", [](Inputs& in, Arguments& a) -> TensorList {
         return {attention(in["query"], in["key"], in["value"], a.get<std::string>("similarity", "dot"))};
       }},
      {"cosine_similarity", [](Inputs& in, Arguments& a) -> TensorList {
         return {cosine_similarity(in["x1"], in["x2"], a.get<int64_t>("dim", 1), a.get("eps", 1e-8))};
       }},
      {"normalize", [](Inputs& in, Arguments& a) -> TensorList {
         return {normalize(in["input"], a.get("p", 2.0), a.get<int64_t>("dim", 1), a.get("eps", 1e-12))};
       }},
  };
  return runs;
}

// cat and stack take a list, in the order of the file.
TensorList run(const ReferenceCase& c, Inputs& in, Arguments& args) {
  if (c.op == "cat") return {cat(list(in, c), args.get<int64_t>("dim", 0))};
  if (c.op == "stack") return {stack(list(in, c), args.get<int64_t>("dim", 0))};
  return table().at(c.op)(in, args);
}

}  // namespace

CaseResult verify_op(const ReferenceCase& c, const VerifyOptions& options) {
  if (c.op != "cat" && c.op != "stack" && table().count(c.op) == 0)
    return {CaseResult::Status::Unknown, 0, 0, fmt::format("op {} is unknown", c.op)};
  Inputs in;
  TensorList wanted;
  std::vector<std::string> wanted_names;
  for (const std::string& name : c.inputs) {
    Tensor x = c.content.at(name);
    if (x.is_floating_point()) x = x.to(options.dtype);
    x = x.to(options.device);
    if (c.content.find("grad." + name) != nullptr) {
      x.requires_grad_();
      wanted.push_back(x);
      wanted_names.push_back("grad." + name);
    }
    in[name] = x;
  }
  Arguments args(c.args);
  const TensorList outs = run(c, in, args);
  if (const auto unread = args.unread(); !unread.empty())
    return {CaseResult::Status::Unknown, 0, 0, fmt::format("argument {} is unknown", unread.front())};

  Comparison comparison(options.dtype == kFloat64 ? 1e-9 : 2e-5);
  const bool several = c.content.find("out.0") != nullptr;
  for (size_t i = 0; i < outs.size(); ++i) {
    const std::string name = several ? fmt::format("out.{}", i) : "out";
    comparison.tensor(name, outs[i], c.content.at(name));
  }
  if (several && c.content.find(fmt::format("out.{}", outs.size())) != nullptr) comparison.fail("too few outputs");
  if (!wanted.empty()) {
    const Tensor cotangent = c.content.at("grad_out").to(options.dtype).to(options.device);
    const variable_list grads = autograd::grad({outs[0]}, wanted, {cotangent}, {}, false, /*allow_unused=*/true);
    for (size_t i = 0; i < grads.size(); ++i) comparison.tensor(wanted_names[i], grads[i], c.content.at(wanted_names[i]));
  }
  return comparison.result();
}

}  // namespace tessera::tools
