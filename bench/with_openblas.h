/* Training steps of multi-layer perceptrons in plain C, with OpenBLAS for the matrix products. */
#ifndef WITH_OPENBLAS_H
#define WITH_OPENBLAS_H

#ifdef __cplusplus
extern "C" {
#endif

enum { mlp_most_layers = 4 };

/* A network with ReLU between its layers. Arrays belong to whoever makes it; `parameters`, `gradients` and, for Adam, `m` and
 * `v` hold weight [out, in] and bias [out] of each layer, one after the other. */
typedef struct mlp {
  int layers, batch;
  int widths[mlp_most_layers + 1];
  float *parameters, *gradients, *m, *v;
  float *values[mlp_most_layers + 1]; /* [batch, width]; the first is x */
  float *deltas[mlp_most_layers + 1]; /* gradients of the values */
  int count;                          /* of parameters */
  int steps;                          /* so far, of Adam */
} mlp;

/* Each makes the forward and the backward pass and returns the loss. */
float mlp_cross_entropy(mlp *net, const int *labels);
float mlp_square(mlp *net, const float *targets);

void mlp_sgd(mlp *net, float rate);
void mlp_adam(mlp *net, float rate);

#ifdef __cplusplus
}
#endif

#endif
