// The worked example of the notes, and the README's first sample: the negative log-likelihood of 2 classes on 2 x 3 pixels.
#include <cmath>
#include <iostream>
#include <tessera/tessera.h>

using namespace tessera;

int main() {
  // Log-probabilities [N = 1, C = 2, H = 2, W = 3], and the class of each pixel [N, H, W].
  Tensor log_p = tensor({{{{-0.2070, -1.0661, -0.6972}, {-0.1605, -0.6022, -0.4681}},
                          {{-1.6767, -0.4221, -0.6891}, {-1.9085, -0.7933, -0.9839}}}},
                        requires_grad());
  Tensor target = tensor({{{0, 1, 1}, {0, 0, 0}}});

  std::cout << nll_loss(log_p, target, {}, kNone) << "\n\n";  // each pixel: minus the log-probability of its class
  Tensor loss = nll_loss(log_p, target);                      // their mean: 0.4248
  std::cout << loss << "\n\n";

  loss.backward();                                            // -1/6 where a pixel's class is, 0 elsewhere
  std::cout << log_p.grad() << '\n';
  return std::abs(loss.item<double>() - 0.4248) < 5e-5 ? 0 : 1;
}
