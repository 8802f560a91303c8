/*
 * What a fragment of C in a page may use without showing where it comes from: the reader's own data. It is compiled,
 * never linked, so that a declaration is enough; a fragment may declare any of these names itself.
 */
#ifndef NADIR_README_PRELUDE_H
#define NADIR_README_PRELUDE_H

#include <math.h>
#include <nadir/nadir.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const float xs[5], ts[5];
extern float unseen, answer, value;

extern nadir_graph *g, *graph;
extern nadir_node x, t, w, b, y, loss;
extern nadir_session *session, *train, *predict;

#endif
