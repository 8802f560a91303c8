#include "with_openblas.h"

#include <cblas.h>
#include <math.h>

static void forward(mlp *net) {
  const float *w = net->parameters;
  for (int l = 0; l < net->layers; ++l) {
    const int in = net->widths[l], out = net->widths[l + 1];
    const float *b = w + in * out;
    float *restrict y = net->values[l + 1];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, net->batch, out, in, 1, net->values[l], in, w, in, 0, y, out);
    if (l + 1 < net->layers) {
      for (int r = 0; r < net->batch; ++r) {
        for (int j = 0; j < out; ++j) {
          const float sum = y[r * out + j] + b[j];
          y[r * out + j] = sum > 0 ? sum : 0;
        }
      }
    } else {
      for (int r = 0; r < net->batch; ++r) {
        for (int j = 0; j < out; ++j) y[r * out + j] += b[j];
      }
    }
    w = b + out;
  }
}

/* From the deltas of the last layer. */
static void backward(mlp *net) {
  int offset = net->count;
  for (int l = net->layers - 1; l >= 0; --l) {
    const int in = net->widths[l], out = net->widths[l + 1], batch = net->batch;
    offset -= in * out + out;
    float *gw = net->gradients + offset;
    float *restrict gb = gw + in * out;
    const float *restrict d = net->deltas[l + 1];
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, batch, 1, d, out, net->values[l], in, 0, gw, in);
    for (int j = 0; j < out; ++j) gb[j] = 0;
    for (int r = 0; r < batch; ++r) {
      for (int j = 0; j < out; ++j) gb[j] += d[r * out + j];
    }
    if (l == 0) break;
    float *restrict below = net->deltas[l];
    const float *restrict y = net->values[l];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, batch, in, out, 1, d, out, net->parameters + offset, in, 0,
                below, in);
    for (int i = 0; i < batch * in; ++i) below[i] = y[i] > 0 ? below[i] : 0;
  }
}

float mlp_cross_entropy(mlp *net, const int *labels) {
  const int classes = net->widths[net->layers];
  const float share = 1.0f / (float)net->batch;
  float loss = 0;
  forward(net);
  for (int r = 0; r < net->batch; ++r) {
    const float *y = net->values[net->layers] + r * classes;
    float *d = net->deltas[net->layers] + r * classes;
    float most = y[0], sum = 0;
    for (int c = 1; c < classes; ++c) most = y[c] > most ? y[c] : most;
    for (int c = 0; c < classes; ++c) sum += d[c] = expf(y[c] - most);
    for (int c = 0; c < classes; ++c) d[c] *= share / sum;
    d[labels[r]] -= share;
    loss += logf(sum) + most - y[labels[r]];
  }
  backward(net);
  return loss * share;
}

float mlp_square(mlp *net, const float *targets) {
  const int count = net->batch * net->widths[net->layers];
  const float *y = net->values[net->layers];
  float *d = net->deltas[net->layers];
  float loss = 0;
  forward(net);
  for (int i = 0; i < count; ++i) {
    const float difference = y[i] - targets[i];
    loss += difference * difference;
    d[i] = 2 / (float)count * difference;
  }
  backward(net);
  return loss / (float)count;
}

void mlp_sgd(mlp *net, float rate) {
  float *restrict w = net->parameters;
  const float *restrict g = net->gradients;
  for (int i = 0; i < net->count; ++i) w[i] -= rate * g[i];
}

void mlp_adam(mlp *net, float rate) {
  /* 1 - beta is rounded once, as the libraries do it. */
  const float beta1 = 0.9f, rest1 = (float)(1 - 0.9), beta2 = 0.999f, rest2 = (float)(1 - 0.999), eps = 1e-8f;
  float *restrict w = net->parameters, *restrict m = net->m, *restrict v = net->v;
  const float *restrict g = net->gradients;
  ++net->steps;
  const float step = (float)(rate / (1 - pow(0.9, net->steps)));
  const float root = (float)(1 / sqrt(1 - pow(0.999, net->steps)));
  for (int i = 0; i < net->count; ++i) {
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    w[i] -= step * m[i] / (sqrtf(v[i]) * root + eps);
  }
}
