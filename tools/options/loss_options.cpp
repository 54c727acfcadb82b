#include "tools/options/loss_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tools/command.h"
#include "tools/nearest_name.h"

namespace tessera::tools {
namespace {

// The parts of a text between the separators, without blanks around them.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == separator)
      parts.emplace_back();
    else if (c != ' ')
      parts.back() += c;
  return parts;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return good ? std::optional(value) : std::nullopt;
}

}  // namespace

std::vector<Setting> loss_settings(LossOptions& o) {
  return {
      {.flags = "--loss",
       .field = &o.loss,
       .help = "ce (cross-entropy), focal, dice, or a sum of these: ce+0.5*dice",
       .type_name = "LOSS"},
      {.flags = "--class-weights",
       .field = &o.class_weights,
       .help = "Weights of the classes in ce and focal: none, median (by median frequency), or a number for each: 1,2.5,0.5",
       .type_name = "WEIGHTS"},
      {"--class-weights-max", &o.class_weights_max, "No class weighs more than this; 0: as it comes"},
      {"--label-smoothing", &o.label_smoothing, "Of ce: this share of each label goes to all classes alike"},
      {"--focal-gamma", &o.focal_gamma, "Of focal: how far pixels that are right fall behind"},
      {"--focal-alpha", &o.focal_alpha, "Of focal: its factor"},
      {"--dice-beta", &o.dice_beta, "Of dice: above 1, pixels that are missed count more than those put in wrongly"},
  };
}

void resolve(const LossOptions& o) {
  parse_loss(o.loss);
  parse_class_weights(o.class_weights);
  check<UsageError>(o.class_weights_max >= 0, "--class-weights-max: {}. Not negative.", o.class_weights_max);
  check<UsageError>(o.label_smoothing >= 0 && o.label_smoothing < 1, "--label-smoothing: {}. From 0 to below 1.",
                    o.label_smoothing);
  check<UsageError>(o.focal_gamma >= 0 && std::isfinite(o.focal_gamma), "--focal-gamma: {}. Not negative.", o.focal_gamma);
  check<UsageError>(o.focal_alpha > 0 && std::isfinite(o.focal_alpha), "--focal-alpha: {}. A positive number.", o.focal_alpha);
  check<UsageError>(o.dice_beta > 0 && std::isfinite(o.dice_beta), "--dice-beta: {}. A positive number.", o.dice_beta);
}

std::vector<LossTerm> parse_loss(const std::string& text) {
  std::vector<LossTerm> terms;
  for (const std::string& part : split(text, '+')) {
    const std::vector<std::string> factors = split(part, '*');
    const std::optional<double> weight = factors.size() == 2 ? number(factors[0]) : 1.0;
    const std::string& name = factors.back();
    check<UsageError>(factors.size() <= 2 && weight && *weight > 0 && !name.empty(),
                      "--loss: '{}' in '{}' is no loss. Write NAME or FACTOR*NAME, the factor above 0: ce+0.5*dice.", part, text);
    check<UsageError>(std::find(kLosses.begin(), kLosses.end(), name) != kLosses.end(),
                      "--loss: '{}' is no loss; there are {}{}.", name, fmt::join(kLosses, ", "), did_you_mean(name, kLosses));
    terms.push_back({*weight, name});
  }
  return terms;
}

std::vector<float> parse_class_weights(const std::string& text) {
  if (text == "none" || text == "median") return {};
  std::vector<float> weights;
  for (const std::string& part : split(text, ',')) {
    const std::optional<double> weight = number(part);
    check<UsageError>(weight && *weight >= 0,
                      "--class-weights: '{}' is no weight. Write none, median, or a number for each class: "
                      "1,2.5,0.5.",
                      part);
    weights.push_back(static_cast<float>(*weight));
  }
  check<UsageError>(std::any_of(weights.begin(), weights.end(), [](float w) { return w > 0; }),
                    "--class-weights: all are 0, so that nothing would be learnt.");
  return weights;
}

}  // namespace tessera::tools
