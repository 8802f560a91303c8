#include "by_hand.h"

#include <math.h>
#include <string.h>

/* What the two versions of the step share: everything but the functions. The four rows lie one after the other, hidden units
 * innermost, so that all loops over them are over neighbours. */

/* h = x w1ᵀ + b1 */
static inline void hidden_sums(const xor_net *net, const float x[xor_batch][xor_in], float h[xor_batch][xor_hidden]) {
  float w[xor_in][xor_hidden];
  for (int j = 0; j < xor_hidden; ++j) {
    for (int i = 0; i < xor_in; ++i) w[i][j] = net->w1[j][i];
  }
  for (int r = 0; r < xor_batch; ++r) {
    for (int j = 0; j < xor_hidden; ++j) h[r][j] = net->b1[j] + x[r][0] * w[0][j] + x[r][1] * w[1][j];
  }
}

/* s = h · w2 + b2 */
static inline void output_sums(const xor_net *net, const float h[xor_batch][xor_hidden], float s[xor_batch]) {
  for (int r = 0; r < xor_batch; ++r) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < xor_hidden; ++j) sum += h[r][j] * net->w2[j];
    s[r] = sum + net->b2;
  }
}

/* The loss, and the step. */
static inline float descend(xor_net *net, const float x[xor_batch][xor_in], const float t[xor_batch], float rate,
                            const float h[xor_batch][xor_hidden], const float y[xor_batch]) {
  float loss = 0, d[xor_batch], gb2 = 0;
  float gw2[xor_hidden] = {0}, gb1[xor_hidden] = {0}, gw1[xor_in][xor_hidden] = {{0}};
  for (int r = 0; r < xor_batch; ++r) {
    const float difference = y[r] - t[r];
    loss += difference * difference;
    d[r] = 2.0f / xor_batch * difference * y[r] * (1 - y[r]);
    gb2 += d[r];
  }
  for (int r = 0; r < xor_batch; ++r) {
    for (int j = 0; j < xor_hidden; ++j) {
      const float e = d[r] * net->w2[j] * (1 - h[r][j] * h[r][j]);
      gw2[j] += d[r] * h[r][j];
      gb1[j] += e;
      gw1[0][j] += e * x[r][0];
      gw1[1][j] += e * x[r][1];
    }
  }
  for (int j = 0; j < xor_hidden; ++j) net->w2[j] -= rate * gw2[j];
  for (int j = 0; j < xor_hidden; ++j) net->b1[j] -= rate * gb1[j];
  for (int j = 0; j < xor_hidden; ++j) {
    for (int i = 0; i < xor_in; ++i) net->w1[j][i] -= rate * gw1[i][j];
  }
  net->b2 -= rate * gb2;
  return loss / xor_batch;
}

float xor_step(xor_net *net, const float x[xor_batch][xor_in], const float t[xor_batch], float rate) {
  float h[xor_batch][xor_hidden], y[xor_batch];
  hidden_sums(net, x, h);
  for (int r = 0; r < xor_batch; ++r) {
    for (int j = 0; j < xor_hidden; ++j) h[r][j] = tanhf(h[r][j]);
  }
  output_sums(net, h, y);
  for (int r = 0; r < xor_batch; ++r) y[r] = 1 / (1 + expf(-y[r]));
  return descend(net, x, t, rate, h, y);
}

float xor_predict(const xor_net *net, const float x[xor_in]) {
  float sum = net->b2;
  for (int j = 0; j < xor_hidden; ++j) {
    sum += net->w2[j] * tanhf(net->b1[j] + net->w1[j][0] * x[0] + net->w1[j][1] * x[1]);
  }
  return 1 / (1 + expf(-sum));
}

/* exp and tanh in the structure, and with the coefficients, of the vector functions that Nadir uses (those of Cephes), without
 * a branch. Arguments are bounded so that 2^k is a normal number, as one can where they are sums of a few weights. */
static inline float fast_exp(float x) {
  x = x > 87.0f ? 87.0f : x < -87.0f ? -87.0f : x;
  const float k = rintf(1.44269504f * x);
  x = fmaf(-k, 0.693359375f, x);
  x = fmaf(-k, -2.12194440e-4f, x);
  float p = 1.3997796e-3f;
  p = fmaf(p, x, 8.3955629e-3f);
  p = fmaf(p, x, 4.1665401e-2f);
  p = fmaf(p, x, 1.6666277e-1f);
  p = fmaf(p, x, 0.5f);
  p = fmaf(p, x * x, x) + 1;
  const int bits = ((int)k + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

static inline float fast_tanh(float x) {
  const float size = fabsf(x), square = x * x;
  float p = -5.70498872745e-3f;
  p = fmaf(p, square, 2.06390887954e-2f);
  p = fmaf(p, square, -5.37397155531e-2f);
  p = fmaf(p, square, 1.33314422036e-1f);
  p = fmaf(p, square, -3.33332819422e-1f);
  const float near = fmaf(p * square, size, size);
  const float far = 1 - 2 / (1 + fast_exp(size + size));
  return copysignf(size < 0.625f ? near : far, x);
}

float xor_step_fast(xor_net *net, const float x[xor_batch][xor_in], const float t[xor_batch], float rate) {
  float h[xor_batch][xor_hidden], y[xor_batch];
  hidden_sums(net, x, h);
  float *all = &h[0][0];
  for (int i = 0; i < xor_batch * xor_hidden; ++i) all[i] = fast_tanh(all[i]);
  output_sums(net, h, y);
  for (int r = 0; r < xor_batch; ++r) y[r] = 1 / (1 + fast_exp(-y[r]));
  return descend(net, x, t, rate, h, y);
}

void digits_predict(const digits_net *net, const float x[digits_in], float y[digits_out]) {
  float h[digits_hidden];
  for (int j = 0; j < digits_hidden; ++j) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < digits_in; ++i) sum += net->w1[j][i] * x[i];
    sum += net->b1[j];
    h[j] = sum > 0 ? sum : 0;
  }
  for (int o = 0; o < digits_out; ++o) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < digits_hidden; ++j) sum += net->w2[o][j] * h[j];
    y[o] = sum + net->b2[o];
  }
}
