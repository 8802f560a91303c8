#include "linear_fit_by_hand.h"

void line_step(line *fit, const float *x, const float *t, float learning_rate) {
  const float difference = fit->w * *x + fit->b - *t;
  const float gradient = 2 * difference;
  fit->loss = difference * difference;
  fit->w -= learning_rate * (gradient * *x);
  fit->b -= learning_rate * gradient;
}
