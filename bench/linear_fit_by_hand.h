/* A step of the linear fit, written by hand: what Nadir is measured against. */
#ifndef LINEAR_FIT_BY_HAND_H
#define LINEAR_FIT_BY_HAND_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct line {
  float w, b, loss;
} line;

/* Forward, backward and update for one sample, in a file of its own so that no caller inlines it. */
void line_step(line *fit, const float *x, const float *t, float learning_rate);

#ifdef __cplusplus
}
#endif

#endif
