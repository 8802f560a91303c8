/* Steps of small networks written by hand: what Nadir is measured against. Weights lie as in Nadir, [out, in]. */
#ifndef BY_HAND_H
#define BY_HAND_H

#ifdef __cplusplus
extern "C" {
#endif

enum { xor_batch = 4, xor_in = 2, xor_hidden = 16 };

/* 2-16-1, tanh and sigmoid, with the mean squared error. */
typedef struct xor_net {
  float w1[xor_hidden][xor_in], b1[xor_hidden], w2[xor_hidden], b2;
} xor_net;

/* A step on four rows by gradient descent; returns the loss before it. */
float xor_step(xor_net *net, const float x[xor_batch][xor_in], const float t[xor_batch], float rate);

/* The same with functions that a compiler can vectorise in place of the C library's. */
float xor_step_fast(xor_net *net, const float x[xor_batch][xor_in], const float t[xor_batch], float rate);

/* The result for one row. */
float xor_predict(const xor_net *net, const float x[xor_in]);

enum { digits_in = 784, digits_hidden = 128, digits_out = 10 };

/* 784-128-10 with ReLU: y for one row. */
typedef struct digits_net {
  float w1[digits_hidden][digits_in], b1[digits_hidden], w2[digits_out][digits_hidden], b2[digits_out];
} digits_net;
void digits_predict(const digits_net *net, const float x[digits_in], float y[digits_out]);

#ifdef __cplusplus
}
#endif

#endif
