/*
 * Nadir: a training library that lives inside other programs.
 *
 * A graph is written once with the functions below, differentiated symbolically, compiled into a session, and then
 * run as often as the host likes. A step of a session allocates nothing, waits for nobody and makes no system call.
 *
 * Conventions, which every docstring relies on:
 *
 *  1. Objects are opaque. What a function named `_new` returns is freed by the `_free` of the same object; every
 *     `_free` accepts NULL. A child keeps its parents alive, so objects may be freed in any order.
 *  2. Pointers are borrowed for the duration of the call unless a docstring says otherwise. Strings are UTF-8 and end
 *     in 0. Arrays come with a count, memory with its size in bytes, which must be exact.
 *  3. What has a default is an option: the last argument, a text of `key=value` pairs separated by spaces, NULL or ""
 *     for the defaults. Numbers are written with a point in every locale; switches are 0 or 1.
 *  4. A function that returns `nadir_status` answers NADIR_OK (0) or an error code. A builder returns a node, or
 *     NADIR_NONE on failure; given NADIR_NONE it returns NADIR_NONE, so that calls can be chained and checked once, with
 *     `nadir_graph_status`. A constructor returns NULL, and the reason stands on its parent.
 *  5. A call that fails changes nothing. Nothing prints, aborts, exits, throws, sets errno or touches the locale.
 *  6. Threads: a graph is built by one thread at a time. A session has one caller at a time; a second one is answered
 *     NADIR_E_BUSY at once. Of a graph's values, readers run together (forward, backward, gets) and a writer
 *     (a step, sets) alone; a clash is NADIR_E_BUSY at once. Nobody ever waits. Before the graph's first session its values
 *     belong to the thread that builds. The first call of a second thread on a graph makes a system call (a memory barrier
 *     for the process); where a sandbox forbids that, it is NADIR_E_BUSY.
 *  7. Two tensors broadcast as in NumPy: shapes are aligned at their last dimension, and a missing dimension or one of
 *     length 1 is repeated.
 *
 *  8. Nodes are numbered, and unnamed ones named, in the order of the calls. C leaves open the order in which the arguments
 *     of a call are evaluated: nested builder calls give the same results but may give other numbers.
 *
 * This header is C99 and C++11 and later.
 */
#ifndef NADIR_NADIR_H
#define NADIR_NADIR_H

#include <stddef.h>
#include <stdint.h>

#if defined(NADIR_STATIC)
#define NADIR_API
#elif defined(_WIN32)
#if defined(NADIR_BUILDING)
#define NADIR_API __declspec(dllexport)
#else
#define NADIR_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define NADIR_API __attribute__((visibility("default")))
#else
#define NADIR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------ constants */

/** A result: NADIR_OK or one of the codes below. New codes may be added at the end. */
typedef int32_t nadir_status;

#define NADIR_OK 0
#define NADIR_E_ARGUMENT 1    /* a null, a bad name, option, count or byte count, a node of another graph */
#define NADIR_E_SHAPE 2       /* shapes, ranks, axes or batches that do not fit */
#define NADIR_E_DTYPE 3       /* a wrong or mixed element type */
#define NADIR_E_NO_MEMORY 4   /* the host's allocator gave none, or a limit was reached */
#define NADIR_E_STATE 5       /* a call that is not possible now; the message says what is missing */
#define NADIR_E_BUSY 6        /* another caller is inside; nothing was done, try again later */
#define NADIR_E_UNSUPPORTED 7 /* not possible in this build or for this operation */
#define NADIR_E_IO 8          /* a file could not be read or written */
#define NADIR_E_FORMAT 9      /* a file or text is malformed */
#define NADIR_E_CALLBACK 10   /* a host callback reported failure */
#define NADIR_E_CANCELLED 11  /* the host asked to stop */
#define NADIR_E_NOT_FINITE 12 /* a loss or gradient is NaN or infinite */
#define NADIR_E_VERSION 13    /* made by an incompatible version */
#define NADIR_E_INTERNAL 14   /* a defect of Nadir: please report it */
#define NADIR_E_MISMATCH 15   /* a gradient differs from its finite differences */

/** An element type. Zero is none. */
typedef int32_t nadir_dtype;

#define NADIR_F32 1 /* IEEE 754 binary32, C's float */
#define NADIR_F64 2 /* IEEE 754 binary64, C's double */
#define NADIR_I32 3 /* int32_t: indices and labels */
#define NADIR_I64 4 /* int64_t: indices and labels */
#define NADIR_U8 5  /* uint8_t: a mask, where 0 is false and anything else true */

/**
 * A value of a graph: an input, a parameter, a constant or the result of an operation. Nodes belong to their graph and
 * need no freeing. A node of another graph is detected by its tag (unless tags coincide, 1 in 255) and is always safe.
 */
typedef uint32_t nadir_node;

#define NADIR_NONE 0u

/** The batch, as a dimension in a shape; `3 * NADIR_BATCH` is three times the batch. */
#define NADIR_BATCH (-INT64_C(4294967296))

#define NADIR_MAX_RANK 8

/** An end of a slice that is not given, as in x[:5] or x[::-1]. */
#define NADIR_OPEN INT64_MIN

typedef struct nadir_host nadir_host;           /* what the host lends: an allocator and a log */
typedef struct nadir_graph nadir_graph;         /* the definition, the parameters and their values */
typedef struct nadir_session nadir_session;     /* a compiled plan of one graph, its memory and its gradients */
typedef struct nadir_optimizer nadir_optimizer; /* a rule compiled onto one session, its settings and its state */

/* ------------------------------------------------------------------------------------------- version, names */

#define NADIR_VERSION_MAJOR 0
#define NADIR_VERSION_MINOR 1
#define NADIR_VERSION_PATCH 0

/** The version of the loaded library as "major.minor.patch"; a static string. Any thread. */
NADIR_API const char *nadir_version_string(void);

/** The version of the loaded library as one number: major * 1000000 + minor * 1000 + patch. Any thread. */
NADIR_API int32_t nadir_version_number(void);

/** The number of the binary interface. Libraries of equal number can replace each other. Any thread. */
NADIR_API int32_t nadir_abi_version(void);

/**
 * Whether the library, on this processor, has a feature: the name of a set of kernels ("sse2", "avx2", "avx512", "neon"; "scalar"
 * where there is no other), or "simd" for any but scalar. Returns 1 or 0; 0 for NULL and for an unknown name. Any thread.
 */
NADIR_API int32_t nadir_has_feature(const char *name);

/**
 * The name of the kernels in use; a static string. They are chosen once, the best that the processor has, unless the
 * environment variable NADIR_ISA names another that it has as well (an unknown or impossible name is ignored). Any
 * thread.
 */
NADIR_API const char *nadir_isa(void);

/** The name of a status, such as "NADIR_E_SHAPE"; "NADIR_E_UNKNOWN" for any other number; a static string. Any thread. */
NADIR_API const char *nadir_status_name(nadir_status status);

/** The size of an element of `dtype` in bytes; 0 for a number that is no dtype. Any thread. */
NADIR_API size_t nadir_dtype_size(nadir_dtype dtype);

/** The name of a dtype, "f32", "f64", "i32", "i64" or "u8"; "none" for a number that is no dtype; a static string. Any thread. */
NADIR_API const char *nadir_dtype_name(nadir_dtype dtype);

/* ----------------------------------------------------------------------------------------------------- host */

/**
 * The host's allocator. `allocate` returns `bytes` (never 0) aligned to `alignment` (a power of two), or NULL;
 * `deallocate` is given the same three values. Both may be called from any thread that calls Nadir. `destroy`, if not
 * NULL, is called once with `user` after the last memory was returned. Callbacks must not unwind through Nadir.
 */
typedef struct nadir_allocator {
  size_t struct_size; /* sizeof(nadir_allocator) */
  void *user;
  void *(*allocate)(void *user, size_t bytes, size_t alignment);
  void (*deallocate)(void *user, void *memory, size_t bytes, size_t alignment);
  void (*destroy)(void *user);
} nadir_allocator;

#define NADIR_LOG_ERROR 1
#define NADIR_LOG_WARNING 2
#define NADIR_LOG_INFO 3

/**
 * The host's log. `write` is given a level and a message without a line end, borrowed for the call, on the thread that
 * called Nadir. `destroy`, if not NULL, is called once with `user` when the log is no longer needed.
 */
typedef struct nadir_log_sink {
  size_t struct_size; /* sizeof(nadir_log_sink) */
  void *user;
  void (*write)(void *user, int32_t level, const char *message);
  void (*destroy)(void *user);
} nadir_log_sink;

/**
 * Makes a host from an allocator, whose table is copied; NULL stands for the C++ runtime's. The host itself lies in
 * the allocator's memory.
 *
 * Returns NULL when a table is malformed (its size too small, a function missing) or memory is short; `destroy` is not
 * called then. Graphs made with the host keep it alive. Any thread.
 */
NADIR_API nadir_host *nadir_host_new(const nadir_allocator *allocator);

/**
 * Gives the host a log sink, whose table is copied; NULL takes it away. The former sink's `destroy` is called. Call it
 * before the host's first graph is made.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL host or a malformed table (`destroy` is not called then); NADIR_E_STATE when a
 * graph uses the host already.
 */
NADIR_API nadir_status nadir_host_set_log(nadir_host *host, const nadir_log_sink *sink);

/**
 * The host's threads. `parallel_for` calls `body(context, index)` once for every index from 0 to count - 1, on any threads and in
 * any order, one after another too, and returns when all calls have. It is called by the thread that called Nadir, inside a
 * step; `body` does not block, allocate or fail. `destroy`, if not NULL, is called once with `user` when it is no longer needed.
 */
typedef struct nadir_executor {
  size_t struct_size; /* sizeof(nadir_executor) */
  void *user;
  void (*parallel_for)(void *user, int32_t count, void (*body)(void *context, int32_t index), void *context);
  void (*destroy)(void *user);
} nadir_executor;

/**
 * Gives the host threads of its own, whose table is copied, for sessions that are made with the option `threads`; NULL takes them
 * away, and such sessions start threads themselves. The former executor's `destroy` is called. Call it before the host's
 * first graph is made.
 *
 * Errors: as for `nadir_host_set_log`.
 */
NADIR_API nadir_status nadir_host_set_executor(nadir_host *host, const nadir_executor *executor);

/** Gives up the caller's hold on a host. It ends with its last graph. */
NADIR_API void nadir_host_free(nadir_host *host);

/* ---------------------------------------------------------------------------------------------------- graph */

/** Makes an empty graph. `host` may be NULL for the defaults. Returns NULL only when memory is short. Any thread. */
NADIR_API nadir_graph *nadir_graph_new(const nadir_host *host);

/** Gives up the caller's hold on a graph. It ends with its last session. */
NADIR_API void nadir_graph_free(nadir_graph *graph);

/**
 * Sets the seed of the graph's random numbers, 0 unless set. The initial value of an element is a function of the
 * seed, the parameter's name and the element's index alone, so that adding a layer does not change the others.
 *
 * Errors: NADIR_E_STATE once the graph has a parameter.
 */
NADIR_API nadir_status nadir_graph_set_seed(nadir_graph *graph, uint64_t seed);

/**
 * The number of steps taken, on which random numbers depend: each update of the parameters, such as `nadir_sgd_step`, adds 1.
 * 0 for NULL. Any thread; while another changes the graph's values, the answer may be off by that change.
 */
NADIR_API uint64_t nadir_graph_step(const nadir_graph *graph);

/**
 * Sets the number of steps taken, as when training goes on from a saved state. Threads: a writer of the graph. Errors:
 * NADIR_E_ARGUMENT for NULL; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_graph_set_step(nadir_graph *graph, uint64_t step);

/**
 * The graph's first build error, or, if there is none, the result of the last other call on the graph. NADIR_E_ARGUMENT
 * for NULL.
 */
NADIR_API nadir_status nadir_graph_status(const nadir_graph *graph);

/** The message that belongs to `nadir_graph_status`, "" for NADIR_OK; borrowed until the next call on the graph. */
NADIR_API const char *nadir_graph_error(const nadir_graph *graph);

/**
 * Forgets the graph's errors, so that a builder that failed can be called again: it had changed nothing.
 *
 * Errors: NADIR_E_ARGUMENT for NULL.
 */
NADIR_API nadir_status nadir_graph_clear_error(nadir_graph *graph);

/** The node of that name; NADIR_NONE if there is none or an argument is NULL. Stores no message. */
NADIR_API nadir_node nadir_graph_find(const nadir_graph *graph, const char *name);

/** The name of a node, given or derived ("matmul#3"); NULL for a node that is not of this graph; the graph's, stable. */
NADIR_API const char *nadir_graph_node_name(const nadir_graph *graph, nadir_node node);

/** The dtype of a node; 0 for a node that is not of this graph. */
NADIR_API nadir_dtype nadir_graph_node_dtype(const nadir_graph *graph, nadir_node node);

/**
 * Copies the shape of a node: its rank to `*rank` and its dimensions, NADIR_BATCH and its multiples included, to
 * `shape`, which holds `capacity` of them.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL or a node that is not of this graph, or when `capacity` is smaller than the rank
 * (`*rank` is set then); `shape` may be NULL when the rank is 0.
 */
NADIR_API nadir_status nadir_graph_node_shape(const nadir_graph *graph, nadir_node node, int64_t *shape,
                                              int32_t capacity, int32_t *rank);

/**
 * Gives an unnamed node a name, by which messages, dumps and `nadir_graph_find` know it. A name is not empty, has no
 * '#' and is not taken.
 *
 * Errors: NADIR_E_ARGUMENT for a bad name or node; NADIR_E_STATE for a node that was named already.
 */
NADIR_API nadir_status nadir_graph_node_set_name(nadir_graph *graph, nadir_node node, const char *name);

/**
 * Writes the graph as a text for people: `format` is "text" (a line a node: name, operation, operands, dtype and shape)
 * or "dot" (for Graphviz). The text, ended by 0, goes to `buffer` of `capacity` bytes and its size in bytes, the 0
 * included, to `*needed`. With a `capacity` of 0, `buffer` may be NULL and only the size is told; either of `buffer`
 * and `needed` may be NULL, not both.
 *
 * Errors: NADIR_E_ARGUMENT for NULL, an unknown format, or a capacity that is neither 0 nor enough (nothing is written
 * but `*needed`).
 */
NADIR_API nadir_status nadir_graph_dump(const nadir_graph *graph, const char *format, char *buffer, size_t capacity,
                                        size_t *needed);

/* -------------------------------------------------------------------------------- inputs, parameters, constants */

/**
 * Adds an input, whose values the host gives each session. `shape` has `rank` dimensions (0 to NADIR_MAX_RANK), each
 * not negative or a multiple of NADIR_BATCH, at most one of the latter; it may be NULL for rank 0, here and below. A NULL
 * name gets a derived one.
 *
 * Errors: NADIR_E_ARGUMENT for a name that is empty, taken or has a '#'; NADIR_E_SHAPE; NADIR_E_DTYPE; NADIR_E_STATE
 * once the graph has a session.
 */
NADIR_API nadir_node nadir_input_add(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape,
                                     int32_t rank);

/**
 * Adds a parameter: values, of a float dtype, that a step changes. They live in the graph, shared by its sessions, in one
 * block a dtype in the order of declaration. `shape` has no batch.
 *
 * Options: `init`, one of these, with their own options, which the others refuse; as in PyTorch's torch.nn.init:
 *   zeros (default), ones
 *   constant           `value` (0)
 *   uniform            low + (high - low) * u: from `low` (0) to below `high` (1)
 *   normal             `mean` (0) + `std` (1) * n, n standard normal by Box and Muller 1958
 *   trunc_normal       the same, but of the numbers from `low` (-2) to `high` (2): by the inverse of their distribution
 *   xavier_uniform, xavier_normal     mean 0, std `gain` (1) * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)
 *   kaiming_uniform, kaiming_normal   mean 0, std g / sqrt(fan) (He et al. 2015), with `fan_mode` = fan_in (default) or fan_out;
 *                      `nonlinearity` = leaky_relu (default): g = sqrt(2 / (1 + a²)) with `a` (0), its slope below 0; relu: sqrt(2);
 *                      tanh: 5/3; selu: 3/4; sigmoid, linear: 1
 *   orthogonal         as a matrix [shape[0], the rest]: orthonormal rows, or columns if they are fewer, times `gain` (1), evenly
 *                      distributed (Saxe et al. 2014)
 * A uniform number of mean 0 and std s lies in ±sqrt(3) * s. fan_in = shape[1] * k and fan_out = shape[0] * k, where k is the product of
 * the further dimensions, a kernel's. Random numbers are by Philox 4x32-10 (Salmon et al. 2011), functions of the graph's seed, the
 * name and the element's index: another parameter more changes none. Values of the caller's own: `nadir_param_set`.
 *
 * Errors: as for `nadir_input_add`, NADIR_E_ARGUMENT for a bad option, and NADIR_E_SHAPE for xavier, kaiming and orthogonal of fewer
 * than 2 dimensions.
 */
NADIR_API nadir_node nadir_param_add(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape,
                                     int32_t rank, const char *options);

/**
 * Adds a constant, a copy of `bytes` bytes of elements at `data` in row-major order. `shape` has no batch.
 *
 * Errors: as for `nadir_input_add`, but for NADIR_E_STATE, and NADIR_E_ARGUMENT for a byte count that is not the shape's.
 */
NADIR_API nadir_node nadir_constant_add(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape,
                                        int32_t rank, const void *data, size_t bytes);

/**
 * One value in every element of `shape`, NADIR_BATCH allowed; it takes the memory of one element. `value` is rounded to
 * `dtype`, as nadir_cast does. Errors: NADIR_E_SHAPE; NADIR_E_DTYPE.
 */
NADIR_API nadir_node nadir_full(nadir_graph *graph, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                                double value);

/* ----------------------------------------------------------------------------------------------- expressions */

/*
 * Errors of all expressions: NADIR_E_ARGUMENT for a node of another graph or a bad option; NADIR_E_DTYPE for operands of
 * different dtypes, and for integers and masks where not said otherwise; NADIR_E_SHAPE for shapes that do not fit, or for
 * a result over NADIR_MAX_RANK or 2^63 - 1 bytes. In the gradients, `gy` is the gradient of the result y; where an operand
 * was broadcast, its gradient is summed accordingly.
 */

/** y = a + b, broadcasting. Gradients: da = gy, db = gy. */
NADIR_API nadir_node nadir_add(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = a - b, broadcasting. Gradients: da = gy, db = -gy. */
NADIR_API nadir_node nadir_sub(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = a * b, elementwise and broadcasting. Gradients: da = gy * b, db = gy * a. */
NADIR_API nadir_node nadir_mul(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = a / b, elementwise and broadcasting; x / 0 is infinite, 0 / 0 NaN. Gradients: da = gy / b, db = -gy * y / b. */
NADIR_API nadir_node nadir_div(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = max(a, b), elementwise and broadcasting; NaN if either is. Gradient: gy to the greater, half of it to each of equals. */
NADIR_API nadir_node nadir_maximum(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = min(a, b), elementwise and broadcasting; NaN if either is. Gradient: gy to the lesser, half of it to each of equals. */
NADIR_API nadir_node nadir_minimum(nadir_graph *graph, nadir_node a, nadir_node b);

/**
 * y = the greatest whole number that is not over a / b, broadcasting: by the exact remainder, so that 1 over 0.1 (which is a
 * little more than a tenth) is 9. x / 0 is infinite, 0 / 0 NaN. Gradient: 0.
 */
NADIR_API nadir_node nadir_floor_div(nadir_graph *graph, nadir_node a, nadir_node b);

/**
 * y = a - b * floor_div(a, b), broadcasting: the remainder with the sign of b (PyTorch's `remainder`), from the exact one of C's
 * fmod; NaN for b = 0 and for an infinite a. Gradients: da = gy, db = -gy * floor_div(a, b).
 */
NADIR_API nadir_node nadir_mod(nadir_graph *graph, nadir_node a, nadir_node b);

/**
 * y = a to the power of b, broadcasting, as pow of C: 1 for b = 0 or a = 1, were the other NaN; NaN for a < 0 and a b that is no
 * whole number. Gradients: da = gy * b * pow(a, b - 1), 0 for b = 0; db = gy * y * log(a), 0 for a = 0 and b >= 0.
 */
NADIR_API nadir_node nadir_pow(nadir_graph *graph, nadir_node a, nadir_node b);

/**
 * y = the angle in [-pi, pi] of the point (b, a), a its height, broadcasting. Gradients: da = gy * b / (a² + b²), db = -gy * a /
 * (a² + b²), NaN at the origin.
 */
NADIR_API nadir_node nadir_atan2(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = factor * x, with `factor` rounded to x's dtype. Gradient: dx = factor * gy. */
NADIR_API nadir_node nadir_scale(nadir_graph *graph, nadir_node x, double factor);

/** y = x + number, with `number` rounded to x's dtype. Gradient: dx = gy. */
NADIR_API nadir_node nadir_add_scalar(nadir_graph *graph, nadir_node x, double number);

/** y = x / number, with `number` rounded to x's dtype. Gradient: dx = gy / number. */
NADIR_API nadir_node nadir_div_scalar(nadir_graph *graph, nadir_node x, double number);

/** y = number / x. Gradient: dx = -gy * y / x. */
NADIR_API nadir_node nadir_scalar_div(nadir_graph *graph, double number, nadir_node x);

/** y = number - x. Gradient: dx = -gy. */
NADIR_API nadir_node nadir_scalar_sub(nadir_graph *graph, double number, nadir_node x);

/** y = floor_div(x, number). Gradient: 0. */
NADIR_API nadir_node nadir_floor_div_scalar(nadir_graph *graph, nadir_node x, double number);

/** y = mod(x, number). Gradient: dx = gy. */
NADIR_API nadir_node nadir_mod_scalar(nadir_graph *graph, nadir_node x, double number);

/** y = x to the power of `number`. Gradient: dx = gy * number * pow(x, number - 1), 0 for number = 0. */
NADIR_API nadir_node nadir_pow_scalar(nadir_graph *graph, nadir_node x, double number);

/** y = `number` to the power of x. Gradient: dx = gy * y * log(number), 0 for number = 0 and x >= 0. */
NADIR_API nadir_node nadir_scalar_pow(nadir_graph *graph, double number, nadir_node x);

/** y = min(max(x, low), high); NaN stays NaN. Gradient: dx = gy where low <= x <= high, else 0. */
NADIR_API nadir_node nadir_clamp(nadir_graph *graph, nadir_node x, double low, double high);

/** y = -x. Gradient: dx = -gy. */
NADIR_API nadir_node nadir_neg(nadir_graph *graph, nadir_node x);

/** y = x * x. Gradient: dx = 2 * gy * x. */
NADIR_API nadir_node nadir_square(nadir_graph *graph, nadir_node x);

/** y = |x|. Gradient: dx = gy * sign(x), which is 0 at 0. */
NADIR_API nadir_node nadir_abs(nadir_graph *graph, nadir_node x);

/** y = 1 for x > 0, -1 for x < 0, else 0, for NaN too. Gradient: 0. */
NADIR_API nadir_node nadir_sign(nadir_graph *graph, nadir_node x);

/** y = the square root of x; NaN for x < 0. Gradient: dx = gy / (2 * y), infinite at 0. */
NADIR_API nadir_node nadir_sqrt(nadir_graph *graph, nadir_node x);

/** y = 1 / the square root of x. Gradient: dx = -gy * y / (2 * x). */
NADIR_API nadir_node nadir_rsqrt(nadir_graph *graph, nadir_node x);

/** y = 1 / x. Gradient: dx = -gy * y². */
NADIR_API nadir_node nadir_reciprocal(nadir_graph *graph, nadir_node x);

/** y = the greatest whole number that is not over x. Gradient: 0. */
NADIR_API nadir_node nadir_floor(nadir_graph *graph, nadir_node x);

/** y = the least whole number that is not under x. Gradient: 0. */
NADIR_API nadir_node nadir_ceil(nadir_graph *graph, nadir_node x);

/** y = the whole number nearest to x, of two equally near the even one. Gradient: 0. */
NADIR_API nadir_node nadir_round(nadir_graph *graph, nadir_node x);

/** y = x without its fraction. Gradient: 0. */
NADIR_API nadir_node nadir_trunc(nadir_graph *graph, nadir_node x);

/* How near the following come to the true values is in docs/accuracy.md. */

/** y = e to the power of x. Gradient: dx = gy * y. */
NADIR_API nadir_node nadir_exp(nadir_graph *graph, nadir_node x);

/** y = exp(x) - 1, to full accuracy near 0. Gradient: dx = gy * (y + 1). */
NADIR_API nadir_node nadir_expm1(nadir_graph *graph, nadir_node x);

/** y = the natural logarithm of x; -inf at 0, NaN below. Gradient: dx = gy / x. */
NADIR_API nadir_node nadir_log(nadir_graph *graph, nadir_node x);

/** y = log(1 + x), to full accuracy near 0. Gradient: dx = gy / (1 + x). */
NADIR_API nadir_node nadir_log1p(nadir_graph *graph, nadir_node x);

/** y = the logarithm of x to base 2. Gradient: dx = gy / (x * ln 2). */
NADIR_API nadir_node nadir_log2(nadir_graph *graph, nadir_node x);

/** y = sin(x), x in radians. Gradient: dx = gy * cos(x). */
NADIR_API nadir_node nadir_sin(nadir_graph *graph, nadir_node x);

/** y = cos(x), x in radians. Gradient: dx = -gy * sin(x). */
NADIR_API nadir_node nadir_cos(nadir_graph *graph, nadir_node x);

/** y = tan(x), x in radians. Gradient: dx = gy * (1 + y²). */
NADIR_API nadir_node nadir_tan(nadir_graph *graph, nadir_node x);

/** y = the angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1]. Gradient: dx = gy / sqrt(1 - x²). */
NADIR_API nadir_node nadir_asin(nadir_graph *graph, nadir_node x);

/** y = the angle in [0, pi] whose cosine is x; NaN outside [-1, 1]. Gradient: dx = -gy / sqrt(1 - x²). */
NADIR_API nadir_node nadir_acos(nadir_graph *graph, nadir_node x);

/** y = the angle in (-pi/2, pi/2) whose tangent is x. Gradient: dx = gy / (1 + x²). */
NADIR_API nadir_node nadir_atan(nadir_graph *graph, nadir_node x);

/** y = sinh(x). Gradient: dx = gy * cosh(x). */
NADIR_API nadir_node nadir_sinh(nadir_graph *graph, nadir_node x);

/** y = cosh(x). Gradient: dx = gy * sinh(x). */
NADIR_API nadir_node nadir_cosh(nadir_graph *graph, nadir_node x);

/** y = tanh(x). Gradient: dx = gy * (1 - y²). */
NADIR_API nadir_node nadir_tanh(nadir_graph *graph, nadir_node x);

/** y = erf(x) = 2 / sqrt(pi) * the integral of exp(-t²) from 0 to x. Gradient: dx = gy * 2 / sqrt(pi) * exp(-x²). */
NADIR_API nadir_node nadir_erf(nadir_graph *graph, nadir_node x);

/** y = erfc(x) = 1 - erf(x), to full accuracy for large x. Gradient: dx = -gy * 2 / sqrt(pi) * exp(-x²). */
NADIR_API nadir_node nadir_erfc(nadir_graph *graph, nadir_node x);

/* Activations: NaN stays NaN. */

/** y = 1 / (1 + exp(-x)). Gradient: dx = gy * y * (1 - y). */
NADIR_API nadir_node nadir_sigmoid(nadir_graph *graph, nadir_node x);

/** y = log(1 / (1 + exp(-x))), without overflow. Gradient: dx = gy * sigmoid(-x). */
NADIR_API nadir_node nadir_log_sigmoid(nadir_graph *graph, nadir_node x);

/** y = x * sigmoid(x). Gradient: dx = gy * (s + y * (1 - s)) with s = sigmoid(x). */
NADIR_API nadir_node nadir_silu(nadir_graph *graph, nadir_node x);

/**
 * y = x * P(x) with the normal distribution P(x) = erfc(-x / sqrt(2)) / 2 (Hendrycks and Gimpel, "Gaussian Error Linear Units",
 * 2016), to full accuracy for large negative x. Gradient: dx = gy * (P(x) + x * exp(-x² / 2) / sqrt(2 * pi)).
 */
NADIR_API nadir_node nadir_gelu(nadir_graph *graph, nadir_node x);

/**
 * y = x * s with s = sigmoid(2 * u), u = sqrt(2 / pi) * (x + 0.044715 * x³): the approximation of `gelu` by tanh, PyTorch's
 * approximate="tanh". Gradient: dx = gy * (s + x * s * (1 - s) * 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x²)).
 */
NADIR_API nadir_node nadir_gelu_tanh(nadir_graph *graph, nadir_node x);

/** y = x * tanh(softplus(x)). Gradient: dx = gy * (t + x * (1 - t²) * sigmoid(x)) with t = tanh(softplus(x)). */
NADIR_API nadir_node nadir_mish(nadir_graph *graph, nadir_node x);

/**
 * y = log(1 + exp(beta * x)) / beta, without overflow; x itself where beta * x > threshold. Options: `beta` (1), `threshold`
 * (20). Gradient: dx = gy * sigmoid(beta * x), gy beyond the threshold.
 */
NADIR_API nadir_node nadir_softplus(nadir_graph *graph, nadir_node x, const char *options);

/** y = x for x > 0, else alpha * (exp(x) - 1). Option: `alpha` (1). Gradient: dx = gy for x > 0, else gy * (y + alpha). */
NADIR_API nadir_node nadir_elu(nadir_graph *graph, nadir_node x, const char *options);

/**
 * y = scale * x for x > 0, else scale * alpha * (exp(x) - 1), with scale 1.05070098… and alpha 1.67326324… of Klambauer et
 * al., "Self-Normalizing Neural Networks", 2017. Gradient: dx = gy * scale for x > 0, else gy * (y + scale * alpha).
 */
NADIR_API nadir_node nadir_selu(nadir_graph *graph, nadir_node x);

/** y = max(x, 0). Gradient: dx = gy for x > 0, 0 for x <= 0. */
NADIR_API nadir_node nadir_relu(nadir_graph *graph, nadir_node x);

/** y = min(max(x, 0), 6). Gradient: dx = gy for 0 < x < 6, else 0. */
NADIR_API nadir_node nadir_relu6(nadir_graph *graph, nadir_node x);

/** y = x for x > 0, else slope * x. Option: `negative_slope` (0.01). Gradient: dx = gy for x > 0, else slope * gy. */
NADIR_API nadir_node nadir_leaky_relu(nadir_graph *graph, nadir_node x, const char *options);

/** y = x / (1 + |x|). Gradient: dx = gy / (1 + |x|)². */
NADIR_API nadir_node nadir_softsign(nadir_graph *graph, nadir_node x);

/** y = min(max(x + 3, 0), 6) / 6. Gradient: dx = gy / 6 for -3 < x < 3, else 0. */
NADIR_API nadir_node nadir_hard_sigmoid(nadir_graph *graph, nadir_node x);

/** y = x * min(max(x + 3, 0), 6) / 6. Gradient: dx = 0 for x < -3, gy * (x / 3 + 1/2) up to 3, gy beyond. */
NADIR_API nadir_node nadir_hard_swish(nadir_graph *graph, nadir_node x);

/*
 * Masks have the dtype NADIR_U8, 1 for true and 0 for false; where one is read, anything but 0 is true. They have no
 * gradient. A comparison with NaN is false, but for `ne`.
 */

/** y = whether x is NaN. */
NADIR_API nadir_node nadir_is_nan(nadir_graph *graph, nadir_node x);

/** y = whether x is neither NaN nor infinite. */
NADIR_API nadir_node nadir_is_finite(nadir_graph *graph, nadir_node x);

/** y = whether a = b, for two of any one dtype, broadcasting. */
NADIR_API nadir_node nadir_eq(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether a and b differ, for two of any one dtype, broadcasting. */
NADIR_API nadir_node nadir_ne(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether a < b, for two of any one dtype, broadcasting. */
NADIR_API nadir_node nadir_lt(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether a <= b, for two of any one dtype, broadcasting. */
NADIR_API nadir_node nadir_le(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether a > b, for two of any one dtype, broadcasting. */
NADIR_API nadir_node nadir_gt(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether a >= b, for two of any one dtype, broadcasting. */
NADIR_API nadir_node nadir_ge(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether both masks are true, broadcasting. */
NADIR_API nadir_node nadir_logical_and(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether one of the masks, or both, are true, broadcasting. */
NADIR_API nadir_node nadir_logical_or(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether one of the masks is true and the other is not, broadcasting. */
NADIR_API nadir_node nadir_logical_xor(nadir_graph *graph, nadir_node a, nadir_node b);

/** y = whether the mask is false. */
NADIR_API nadir_node nadir_logical_not(nadir_graph *graph, nadir_node x);

/**
 * y = a where `mask` is true, else b; all three are broadcast, a and b are of any one dtype. Gradients: da = gy where the
 * mask is true, else 0; db the other way round: what was not chosen gets 0, were gy or it NaN.
 */
NADIR_API nadir_node nadir_where(nadir_graph *graph, nadir_node mask, nadir_node a, nadir_node b);

/**
 * x in another dtype. To a smaller float: rounded to nearest; from a float to an integer: towards 0, to the nearest that there
 * is, 0 for NaN; to a smaller integer: its lower bits; to a mask: whether it is not 0; from a mask: 1 or 0.
 * Gradient: between floats, gy in x's dtype; else 0.
 */
NADIR_API nadir_node nadir_cast(nadir_graph *graph, nadir_node x, nadir_dtype dtype);

/** y = x. Gradient: 0, so that what x was computed from is held fixed. */
NADIR_API nadir_node nadir_stop_gradient(nadir_graph *graph, nadir_node x);

/**
 * The matrix product y = op(a) · op(b): y[…, i, j] = sum over k of op(a)[…, i, k] * op(b)[…, k, j], in ascending order of k; op
 * transposes the last two dimensions where the option says so.
 *
 * Shapes: op(a) […, m, k], op(b) […, k, n], y […, m, n], where the leading dimensions broadcast. An a of rank 1 is a row [1, k]
 * and a b of rank 1 a column [k, 1], without transposition, and y lacks the dimension of 1.
 *
 * Options: `transpose_a` (0), `transpose_b` (0). Gradients, without transposition: da = gy · bᵀ, db = aᵀ · gy.
 */
NADIR_API nadir_node nadir_matmul(nadir_graph *graph, nadir_node a, nadir_node b, const char *options);

/** y = the sum over k of a[k] * b[k], a scalar, of two of shape [k]. Gradients: da = gy * b, db = gy * a. */
NADIR_API nadir_node nadir_dot(nadir_graph *graph, nadir_node a, nadir_node b);

/** y[i, j] = a[i] * b[j], of a [m] and b [n]. Gradients: da = gy · b, db = gyᵀ · a. */
NADIR_API nadir_node nadir_outer(nadir_graph *graph, nadir_node a, nadir_node b);

/**
 * The sum over `axes`, `axis_count` distinct ones of x, negative ones counted from the end; over all with NULL or a
 * count of 0. The sum of nothing is 0. It is taken in a fixed tree, so that its error grows with log n, not with n.
 *
 * Shapes: x's without the axes, or with 1 in their places by the option `keepdim` = 1 (default 0).
 * Gradient: dx = gy, broadcast over the axes.
 */
NADIR_API nadir_node nadir_sum(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/**
 * The mean over `axes`: the sum divided by the number of its terms, which counts the actual batch; NaN of nothing.
 * Axes, option and shapes as for `nadir_sum`. Gradient: dx = gy / (number of terms), broadcast over the axes.
 */
NADIR_API nadir_node nadir_mean(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                                const char *options);

/**
 * The product over `axes`, in a fixed tree; 1 of nothing. Axes, option and shapes as for `nadir_sum`, but for the batch, over
 * which there is no product (NADIR_E_SHAPE); over a length of 0 it depends on nothing. Gradient: dx[i] = gy * the product of the
 * others, right also where some are 0.
 */
NADIR_API nadir_node nadir_prod(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                                const char *options);

/**
 * The maximum over `axes`; NaN if any is NaN. Axes, option and shapes as for `nadir_sum`. A maximum over a length of 0 is
 * NADIR_E_SHAPE; over a batch of 0 it is -inf. Gradient: gy to where x = y, in equal shares if to several (as PyTorch's amax);
 * a NaN to the NaNs.
 */
NADIR_API nadir_node nadir_max(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/** The minimum over `axes`: as `nadir_max`; over a batch of 0 it is inf. */
NADIR_API nadir_node nadir_min(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/**
 * The variance over `axes`: the sum of (x - mean)² divided by (number of terms - correction), which counts the actual batch.
 * Axes and shapes as for `nadir_sum`. Options: `keepdim` (0), `correction` (1). Where it would divide by 0 or less, it is NaN
 * (or infinite). Gradient: dx = gy * 2 * (x - mean) / (number of terms - correction).
 */
NADIR_API nadir_node nadir_var(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/** The standard deviation: the square root of `nadir_var`, options likewise. Gradient: dvar = gy / (2 * y), 0 where y = 0. */
NADIR_API nadir_node nadir_std(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/**
 * The norm over `axes`. Options: `p` = 2 (default: the square root of the sum of squares), 1 (the sum of |x|) or inf (the
 * maximum of |x|); `keepdim` (0). Axes and shapes as for `nadir_sum`. Gradients: gy * x / y (0 where y = 0), gy * sign(x), and
 * gy * sign(x) to the greatest |x|, in equal shares if there are several.
 */
NADIR_API nadir_node nadir_norm(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                                const char *options);

/**
 * y = log(sum over `axes` of exp(x)), without overflow. Axes, option and shapes as for `nadir_max`. Gradient: dx = gy *
 * exp(x - y).
 */
NADIR_API nadir_node nadir_logsumexp(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                                     const char *options);

/** y = whether any of the mask x is true over `axes`; false of nothing. Axes, option and shapes as for `nadir_sum`. */
NADIR_API nadir_node nadir_any(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/** y = whether all of the mask x are true over `axes`; true of nothing. Axes, option and shapes as for `nadir_sum`. */
NADIR_API nadir_node nadir_all(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count,
                               const char *options);

/**
 * The index along `axis` (negative: from the end) of the maximum, the first of equals; NaN counts as the greatest. y is i64, 0
 * over a batch of 0. Option: `keepdim` (0). Errors: NADIR_E_SHAPE for a length of 0. No gradient.
 */
NADIR_API nadir_node nadir_argmax(nadir_graph *graph, nadir_node x, int32_t axis, const char *options);

/** The index along `axis` of the minimum, the first of equals; NaN counts as the least. As `nadir_argmax`. */
NADIR_API nadir_node nadir_argmin(nadir_graph *graph, nadir_node x, int32_t axis, const char *options);

/**
 * y[i] = x[0] + … + x[i] along `axis`, in this order, of floats. Option: `reverse` (0): y[i] = x[i] + … + x[n - 1], from the end.
 * Gradient: dx = the sum of gy the other way round.
 */
NADIR_API nadir_node nadir_cumsum(nadir_graph *graph, nadir_node x, int32_t axis, const char *options);

/**
 * y = exp(x) / the sum of exp(x) along `axis`, without overflow: computed from x less its maximum. Gradient: dx = y * (gy - the
 * sum of gy * y along `axis`).
 */
NADIR_API nadir_node nadir_softmax(nadir_graph *graph, nadir_node x, int32_t axis);

/** y = x - logsumexp(x) along `axis`. Gradient: dx = gy - exp(y) * the sum of gy along `axis`. */
NADIR_API nadir_node nadir_log_softmax(nadir_graph *graph, nadir_node x, int32_t axis);

/* --------------------------------------------------------------------------------------------- shapes and slices */

/*
 * These take any dtype. An `axis` may be negative and is counted from the end then. What only tells how elements are arranged
 * (reshape, permute, slice and those made of them) moves none, as long as what uses the result can read them where they are.
 */

/** x broadcast to `shape` (`rank` dimensions; NADIR_BATCH allowed). Gradient: dx = the sum over what was repeated. */
NADIR_API nadir_node nadir_broadcast_to(nadir_graph *graph, nadir_node x, const int64_t *shape, int32_t rank);

/**
 * The elements of x in row-major order as another `shape` of equally many; one dimension may be -1 and is inferred.
 * The batch stays one dimension, or a multiple of one: [batch, 3, 4] may become [3 * NADIR_BATCH, 4]. Gradient: dx = gy
 * in x's shape.
 */
NADIR_API nadir_node nadir_reshape(nadir_graph *graph, nadir_node x, const int64_t *shape, int32_t rank);

/** The dimensions from `start_axis` to `end_axis`, both included, as one; [1] for a scalar. Gradient: as for `nadir_reshape`. */
NADIR_API nadir_node nadir_flatten(nadir_graph *graph, nadir_node x, int32_t start_axis, int32_t end_axis);

/**
 * x without those of `axes` whose length is 1; without any such axis with NULL or a count of 0. Gradient: as for
 * `nadir_reshape`.
 */
NADIR_API nadir_node nadir_squeeze(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count);

/** x with a new dimension of length 1, which is number `axis` of the result. Gradient: as for `nadir_reshape`. */
NADIR_API nadir_node nadir_unsqueeze(nadir_graph *graph, nadir_node x, int32_t axis);

/**
 * The dimensions of x in another order: dimension i of y is dimension `axes[i]` of x. `axis_count` is x's rank. Gradient: dx = gy
 * with the dimensions back in their order.
 */
NADIR_API nadir_node nadir_permute(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count);

/** x with two of its dimensions exchanged. Gradient: dx = gy with the same two exchanged. */
NADIR_API nadir_node nadir_transpose(nadir_graph *graph, nadir_node x, int32_t axis_a, int32_t axis_b);

/** x in the opposite order along `axes`, `axis_count` distinct ones, the batch too; along all with NULL or a count of 0.
 *  Gradient: dx = gy in the opposite order. */
NADIR_API nadir_node nadir_flip(nadir_graph *graph, nadir_node x, const int32_t *axes, int32_t axis_count);

/**
 * The elements start, start + step, … before `stop` along `axis`, as x[start:stop:step] of Python: negative ends count from the
 * end, those outside are moved to it, NADIR_OPEN stands for an end that is not given. `step` is not 0; a negative one goes
 * backwards. On the batch, ends are multiples of NADIR_BATCH (negative by their sign in C, counted from the start), 0 or
 * NADIR_OPEN, and the step is 1, or -1 over the whole. Gradient: dx = 0 with gy in the slice.
 */
NADIR_API nadir_node nadir_slice(nadir_graph *graph, nadir_node x, int32_t axis, int64_t start, int64_t stop,
                                 int64_t step);

/**
 * A new value: x with the slice of `nadir_slice` replaced by `value`, which is broadcast to the slice's shape. x stays as it was; a
 * later slice_set of the result overwrites an earlier one. Gradients: dx = gy with 0 in the slice, dvalue = gy of the slice.
 */
NADIR_API nadir_node nadir_slice_set(nadir_graph *graph, nadir_node x, int32_t axis, int64_t start, int64_t stop,
                                     int64_t step, nadir_node value);

/**
 * Those of `xs`, `count` of them (1 or more), one after the other along `axis`. Shapes are equal but for that axis; along the batch
 * multiples of it can be joined. Gradients: each gets its part of gy.
 */
NADIR_API nadir_node nadir_concat(nadir_graph *graph, const nadir_node *xs, int32_t count, int32_t axis);

/** Those of `xs`, `count` of them (1 or more) of one shape, along a new dimension `axis`. Gradients: each gets its part of gy. */
NADIR_API nadir_node nadir_stack(nadir_graph *graph, const nadir_node *xs, int32_t count, int32_t axis);

/**
 * x cut along `axis` into `count` pieces of `lengths` (multiples of NADIR_BATCH along the batch), which sum to its length; they go
 * to `out`. Errors as for all expressions, by status; `out` is all NADIR_NONE then. Gradient: as for `nadir_slice`.
 */
NADIR_API nadir_status nadir_split(nadir_graph *graph, nadir_node x, int32_t axis, const int64_t *lengths,
                                   int32_t count, nadir_node *out);

/**
 * x with `before` and `after` more elements (0 or more) along `axis`, not the batch. Options: `mode` = constant (default: each is
 * `value`, default 0), reflect (mirrored at the first and last element, which is not repeated: at most length - 1 of them) or
 * replicate (each is the first or last element). Gradient: dx = the sum over what an element became.
 */
NADIR_API nadir_node nadir_pad(nadir_graph *graph, nadir_node x, int32_t axis, int64_t before, int64_t after,
                               const char *options);

/**
 * x `repeats[i]` times (0 or more) one after the other along each dimension i, as PyTorch's repeat: `rank` is x's rank or more, with
 * new leading dimensions. Gradient: dx = the sum over the copies.
 */
NADIR_API nadir_node nadir_repeat(nadir_graph *graph, nadir_node x, const int64_t *repeats, int32_t rank);

/** y[(i + shift) mod n] = x[i] along `axis`, not the batch. Gradient: dx = gy rolled back. */
NADIR_API nadir_node nadir_roll(nadir_graph *graph, nadir_node x, int32_t axis, int64_t shift);

/* --------------------------------------------------------------------------------------------------------- indices */

/*
 * An index is i32 or i64, from 0 to the length less 1. One that is outside when the session runs makes nadir_forward answer
 * NADIR_E_ARGUMENT with the index, its row and the node in its message.
 */

/**
 * The slices of x along `axis` that the index numbers, in its order: y[…, i…, …] = x[…, index[i…], …], where the index, of any
 * shape, takes the place of the axis. With axis 0 these are rows of a table: an embedding. Gradient: dx = the sum of gy over the
 * places where an element went, by `nadir_index_add`.
 */
NADIR_API nadir_node nadir_index_select(nadir_graph *graph, nadir_node x, int32_t axis, nadir_node index);

/**
 * x with the slices of `values` added along `axis` where the index numbers them, in its order; the shape of `values` is that of
 * index_select(x, axis, index). Gradients: dx = gy, dvalues = index_select(gy, axis, index).
 */
NADIR_API nadir_node nadir_index_add(nadir_graph *graph, nadir_node x, int32_t axis, nadir_node index,
                                     nadir_node values);

/**
 * y[i, j, k] = x[i, index[i, j, k], k], here with axis 1 of rank 3: an element of x for each of the index, whose dimensions but
 * `axis` are x's, or constants that are less. Gradient: dx = the sum of gy over the places where an element went, by
 * `nadir_scatter_add`.
 */
NADIR_API nadir_node nadir_gather(nadir_graph *graph, nadir_node x, int32_t axis, nadir_node index);

/**
 * x with the elements of `values` (of the index's shape) added: y[i, index[i, j, k], k] += values[i, j, k], here with axis 1 of
 * rank 3, in the order of j. Dimensions of the index as for `nadir_gather`. Gradients: dx = gy, dvalues = gather(gy, axis, index).
 */
NADIR_API nadir_node nadir_scatter_add(nadir_graph *graph, nadir_node x, int32_t axis, nadir_node index,
                                       nadir_node values);

/**
 * 1 where the index has its own number and else 0, along a new last dimension of `classes`, in `dtype`: of shape
 * [index's shape…, classes], classes from 1 to 2^31 - 1 (else NADIR_E_ARGUMENT). An index outside 0 to classes - 1 has no 1.
 * No gradient.
 */
NADIR_API nadir_node nadir_one_hot(nadir_graph *graph, nadir_node index, int64_t classes, nadir_dtype dtype);

/** x with 0 over the diagonal number `diagonal` of its last two dimensions: y[i, j] = x[i, j] where j <= i + diagonal. No batch in
 *  these dimensions. Gradient: dx = tril(gy). */
NADIR_API nadir_node nadir_tril(nadir_graph *graph, nadir_node x, int64_t diagonal);

/** x with 0 under the diagonal number `diagonal` of its last two dimensions: y[i, j] = x[i, j] where j >= i + diagonal. No batch in
 *  these dimensions. Gradient: dx = triu(gy). */
NADIR_API nadir_node nadir_triu(nadir_graph *graph, nadir_node x, int64_t diagonal);

/* --------------------------------------------------------------------------------------------------- random numbers */

/*
 * A random number is a function of the graph's seed, the node's name, the graph's step (`nadir_graph_step`) and the element's index
 * alone: by Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011). The same step gives the same
 * numbers, another step others. Outside training (`nadir_session_set_training`) each is its mean. `shape` may have NADIR_BATCH.
 * Errors: NADIR_E_DTYPE for anything but a float; NADIR_E_SHAPE; NADIR_E_ARGUMENT for a `low` over `high`, what is not finite, a
 * negative `std`, or a `probability` outside of 0 to 1.
 */

/** Numbers from `low` to below `high`. Options: `low` (0), `high` (1). */
NADIR_API nadir_node nadir_uniform(nadir_graph *graph, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                                   const char *options);

/** Normal numbers, by Box and Muller, 1958. Options: `mean` (0), `std` (1). */
NADIR_API nadir_node nadir_normal(nadir_graph *graph, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                                  const char *options);

/** 1 with `probability` (0 to 1), else 0. */
NADIR_API nadir_node nadir_bernoulli(nadir_graph *graph, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                                     double probability);

/**
 * y = x * m, where m is 1 / (1 - probability) with the probability 1 - `probability` (0 to 1), else 0, and 1 outside training. As
 * in PyTorch, 0 times what is NaN or infinite is NaN. Gradient: dx = gy * m.
 */
NADIR_API nadir_node nadir_dropout(nadir_graph *graph, nadir_node x, double probability);

/* ------------------------------------------------------------------------------------------------------ layers */

/**
 * Adds a fully connected layer: y = x · weightᵀ + bias, as PyTorch's Linear.
 *
 * Shapes: x [..., in] of rank 1 or more, `name`.weight [out_features, in], `name`.bias [out_features],
 * y [..., out_features]. Both parameters, of x's dtype, start uniform in (-1/sqrt(in), 1/sqrt(in)), which is He et al. 2015
 * ("Kaiming uniform") with a = sqrt(5), as in PyTorch. A NULL name is derived.
 *
 * Options: `bias` (1). Gradients: dx = gy · weight, dweight = gyᵀ · x, dbias = gy summed over all but the last dimension.
 * Errors: NADIR_E_ARGUMENT for a bad name, option or `out_features` below 1; NADIR_E_SHAPE for an x without a last
 * dimension of constant length; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_linear_add(nadir_graph *graph, const char *name, nadir_node x, int64_t out_features,
                                      const char *options);

/**
 * A convolution over one dimension, as PyTorch's conv1d: y[n, o, i] = bias[o] + the sum over c and k of
 * weight[o, c, k] * x[n, c', i * stride - padding + k * dilation], where x is 0 outside and c' goes over the channels of o's group.
 *
 * Shapes: x [batch, channels, length] or [channels, length]; weight [out_channels, channels / groups, kernel_size]; bias [out_channels] or
 * NADIR_NONE; y as x with out_channels and (length + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1, rounded down.
 *
 * Options: `stride` (1), `padding` (0; on both sides; valid: 0; same: as much as keeps the length, of an odd number the more after it;
 * wants a stride of 1), `dilation` (1), `groups` (1). Gradients: to x, the transposed convolution of gy; to weight and bias.
 * Errors: NADIR_E_ARGUMENT for a bad option, or groups that divide no channels; NADIR_E_SHAPE for shapes that do not fit, among them a
 * kernel larger than the padded x, and for a batch in any dimension but the first; NADIR_E_DTYPE.
 */
NADIR_API nadir_node nadir_conv1d(nadir_graph *graph, nadir_node x, nadir_node weight, nadir_node bias,
                                  const char *options);

/**
 * The same over two dimensions, as PyTorch's conv2d: x [batch, channels, height, width] or without batch, weight [out_channels,
 * channels / groups, kernel_h, kernel_w]. Options: also `stride_h`, `stride_w`, `padding_h`, `padding_w`, `dilation_h`, `dilation_w`, for one
 * dimension alone.
 */
NADIR_API nadir_node nadir_conv2d(nadir_graph *graph, nadir_node x, nadir_node weight, nadir_node bias,
                                  const char *options);

/**
 * A transposed convolution, as PyTorch's conv_transpose1d: what a convolution with this weight does to the gradient of its result.
 *
 * Shapes: x [batch, channels, length] or [channels, length]; weight [channels, out_channels / groups, kernel_size]; bias [out_channels] or
 * NADIR_NONE; y as x with out_channels and (length - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1.
 *
 * Options: `stride` (1), `padding` (0), `output_padding` (0; less than the stride or the dilation), `dilation` (1), `groups` (1).
 * Errors: as for `nadir_conv1d`.
 */
NADIR_API nadir_node nadir_conv_transpose1d(nadir_graph *graph, nadir_node x, nadir_node weight, nadir_node bias,
                                            const char *options);

/** The same over two dimensions, with options for one dimension alone as for `nadir_conv2d`, also `output_padding_h` and `_w`. */
NADIR_API nadir_node nadir_conv_transpose2d(nadir_graph *graph, nadir_node x, nadir_node weight, nadir_node bias,
                                            const char *options);

/**
 * Adds a convolution with parameters of its own, as PyTorch's Conv1d: `nadir_conv1d` with `name`.weight and `name`.bias, of x's dtype, which
 * start uniform in ±1/sqrt(channels / groups * kernel_size). A NULL name is derived.
 *
 * Options: those of `nadir_conv1d`, and `bias` (1). Errors: as there, and NADIR_E_ARGUMENT for a bad name or a size below 1;
 * NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_conv1d_add(nadir_graph *graph, const char *name, nadir_node x, int64_t out_channels,
                                      int64_t kernel_size, const char *options);

/** The same of `nadir_conv2d`, as PyTorch's Conv2d. Options: also `kernel_h` and `kernel_w`, which override `kernel_size`. */
NADIR_API nadir_node nadir_conv2d_add(nadir_graph *graph, const char *name, nadir_node x, int64_t out_channels,
                                      int64_t kernel_size, const char *options);

/** The same of `nadir_conv_transpose1d`, as PyTorch's ConvTranspose1d: uniform in ±1/sqrt(out_channels / groups * kernel_size). */
NADIR_API nadir_node nadir_conv_transpose1d_add(nadir_graph *graph, const char *name, nadir_node x,
                                                int64_t out_channels, int64_t kernel_size, const char *options);

/** The same of `nadir_conv_transpose2d`, as PyTorch's ConvTranspose2d. Options: also `kernel_h` and `kernel_w`. */
NADIR_API nadir_node nadir_conv_transpose2d_add(nadir_graph *graph, const char *name, nadir_node x,
                                                int64_t out_channels, int64_t kernel_size, const char *options);

/**
 * The greatest element of each window over one dimension, as PyTorch's max_pool1d; NaN if there is one. Shapes: x [batch, channels, length]
 * or [channels, length], y as x with (length + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1, rounded down.
 *
 * Options: `stride` (kernel_size), `padding` (0; up to half of kernel_size; never the greatest), `dilation` (1), `ceil_mode` (0; 1: rounded up,
 * if the last window starts in x or the padding before it). Gradient: gy to the first of the greatest.
 * Errors: NADIR_E_ARGUMENT for a bad option or size; NADIR_E_SHAPE for a kernel larger than the padded x, a window that sees padding alone,
 * another rank, or a batch in any dimension but the first; NADIR_E_DTYPE.
 */
NADIR_API nadir_node nadir_max_pool1d(nadir_graph *graph, nadir_node x, int64_t kernel_size, const char *options);

/** The same over two dimensions, as PyTorch's max_pool2d: x [batch, channels, height, width] or without batch. Options: also `kernel_h`,
 *  `kernel_w`, `stride_h`, `stride_w`, `padding_h`, `padding_w`, `dilation_h`, `dilation_w`, for one dimension alone. */
NADIR_API nadir_node nadir_max_pool2d(nadir_graph *graph, nadir_node x, int64_t kernel_size, const char *options);

/**
 * The mean of each window, as PyTorch's avg_pool1d. Shapes and errors: as for `nadir_max_pool1d`. Options: `stride` (kernel_size),
 * `padding` (0; zeros), `ceil_mode` (0), `count_include_pad` (1; 0: divides by the number of elements of x alone).
 */
NADIR_API nadir_node nadir_avg_pool1d(nadir_graph *graph, nadir_node x, int64_t kernel_size, const char *options);

/** The same over two dimensions, as PyTorch's avg_pool2d, with options for one dimension alone as for `nadir_max_pool2d`. */
NADIR_API nadir_node nadir_avg_pool2d(nadir_graph *graph, nadir_node x, int64_t kernel_size, const char *options);

/** The greatest element of each of `out_length` windows, of which number i goes from i * length / out_length, rounded down, to (i + 1) *
 *  length / out_length, rounded up; as PyTorch's adaptive_max_pool1d. Errors: as for `nadir_max_pool1d`. */
NADIR_API nadir_node nadir_adaptive_max_pool1d(nadir_graph *graph, nadir_node x, int64_t out_length);

/** The same over two dimensions, as PyTorch's adaptive_max_pool2d. */
NADIR_API nadir_node nadir_adaptive_max_pool2d(nadir_graph *graph, nadir_node x, int64_t out_height, int64_t out_width);

/** The mean of such windows, as PyTorch's adaptive_avg_pool1d. */
NADIR_API nadir_node nadir_adaptive_avg_pool1d(nadir_graph *graph, nadir_node x, int64_t out_length);

/** The same over two dimensions, as PyTorch's adaptive_avg_pool2d. */
NADIR_API nadir_node nadir_adaptive_avg_pool2d(nadir_graph *graph, nadir_node x, int64_t out_height, int64_t out_width);

/** The mean of each channel of x [batch, channels, ...], in dimensions of length 1: PyTorch's adaptive average pooling to 1. Errors:
 *  NADIR_E_SHAPE for a rank below 3; NADIR_E_DTYPE. */
NADIR_API nadir_node nadir_global_avg_pool(nadir_graph *graph, nadir_node x);

/**
 * Adds a batch normalisation (Ioffe and Szegedy 2015), as PyTorch's BatchNorm1d, 2d and 3d: y = (x - mean) / sqrt(var + eps) * weight +
 * bias for each channel. In training mean and biased variance are those of the batch, over all dimensions but the channels; in
 * evaluation they are running statistics.
 *
 * Shapes: x [batch, channels, ...], y as x; `name`.weight and `name`.bias [channels], 1 and 0 at first; the states (see
 * `nadir_state_get`) `name`.running_mean and `name`.running_var [channels], 0 and 1 at first, which a step moves to
 * (1 - momentum) * running + momentum * that of the last forward pass, the unbiased variance. (PyTorch moves them in each forward pass.)
 * A single value a channel has the variance 0. A NULL name is derived.
 *
 * Options: `eps` (1e-5), `momentum` (0.1; 0 to 1), `affine` (1; 0: without weight and bias), `track_running_stats` (1; 0: the batch's
 * statistics in evaluation too). Gradients: to x, weight and bias; running statistics are constants.
 * Errors: NADIR_E_ARGUMENT for a bad name or option; NADIR_E_SHAPE for a rank below 2, or a dimension but the first that is a batch or 0;
 * NADIR_E_DTYPE; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_batch_norm_add(nadir_graph *graph, const char *name, nadir_node x, const char *options);

/**
 * Adds a layer normalisation (Ba, Kiros and Hinton 2016), as PyTorch's LayerNorm: y = (x - mean) / sqrt(var + eps) * weight + bias,
 * with the mean and the biased variance over the last `normalized_dims` dimensions of x.
 *
 * Shapes: x of that rank or more, y as x; `name`.weight and `name`.bias are shaped as those dimensions (PyTorch's normalized_shape), of
 * x's dtype, and start as 1 and 0. The batch is never among them. A NULL name is derived.
 *
 * Options: `eps` (1e-5), `elementwise_affine` (1; 0: without weight and bias), `bias` (1). Gradients: to x, weight and bias.
 * Errors: NADIR_E_ARGUMENT for a bad name, option or `eps` below 0; NADIR_E_SHAPE for `normalized_dims` outside 1 to the rank, or a
 * dimension that is the batch or 0; NADIR_E_DTYPE; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_layer_norm_add(nadir_graph *graph, const char *name, nadir_node x, int32_t normalized_dims,
                                          const char *options);

/**
 * Adds a normalisation by the root of the mean square (Zhang and Sennrich 2019), as PyTorch's RMSNorm: y = x / sqrt(mean(x²) + eps) *
 * weight, with the mean over the last `normalized_dims` dimensions. Shapes, the start of `name`.weight and errors: as for
 * `nadir_layer_norm_add`.
 *
 * Options: `eps` (the dtype's epsilon: 2^-23 for f32, 2^-52 for f64), `elementwise_affine` (1). Gradients: to x and weight.
 */
NADIR_API nadir_node nadir_rms_norm_add(nadir_graph *graph, const char *name, nadir_node x, int32_t normalized_dims,
                                        const char *options);

/**
 * Adds a group normalisation (Wu and He 2018), as PyTorch's GroupNorm: (x - mean) / sqrt(var + eps) * weight + bias, with the mean and
 * the biased variance, for each element of dimension 0, over a group of channels and all that follows them.
 *
 * Shapes: x [n, channels, ...], y as x; `name`.weight and `name`.bias [channels], of x's dtype, which start as 1 and 0. Only n may be
 * the batch. `num_groups` divides the channels. A NULL name is derived.
 *
 * Options: `eps` (1e-5), `affine` (1; 0: without weight and bias). Gradients: to x, weight and bias.
 * Errors: NADIR_E_ARGUMENT for a bad name, option, `eps` or `num_groups` below 1; NADIR_E_SHAPE for a rank below 2, a batch or 0 behind
 * n, or channels that `num_groups` does not divide; NADIR_E_DTYPE; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_group_norm_add(nadir_graph *graph, const char *name, nadir_node x, int64_t num_groups,
                                          const char *options);

/**
 * Adds an instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016), as PyTorch's InstanceNorm: a group normalisation with a group
 * for each channel. x [n, channels, ...] has a rank of 3 or more.
 *
 * Options: `eps` (1e-5), `affine` (0, as in PyTorch), `track_running_stats` (0) and `momentum` (0.1) as for `nadir_batch_norm_add`, of
 * statistics averaged over n. Otherwise as `nadir_group_norm_add`.
 */
NADIR_API nadir_node nadir_instance_norm_add(nadir_graph *graph, const char *name, nadir_node x, const char *options);

/**
 * Adds a table of learned vectors, as PyTorch's Embedding: y[i…] = weight[index[i…]]. An index of i32 or i64 has any shape; one that
 * is outside 0 to num_embeddings - 1 makes nadir_forward answer NADIR_E_ARGUMENT.
 *
 * Shapes: y [index's shape…, embedding_dim]; `name`.weight [num_embeddings, embedding_dim], normal with mean 0 and deviation 1 at
 * first. A NULL name is derived. For a table that is there already see `nadir_index_select`.
 *
 * Options: `padding_idx` (none): a row, from the end if negative, that is 0 at first and gets no gradient; `dtype` = f32 (default) or
 * f64. Gradient: dweight = the sum of gy over the places where a row went.
 * Errors: NADIR_E_ARGUMENT for a bad name, option, a size below 1 or a `padding_idx` outside the table; NADIR_E_DTYPE for an index of
 * another dtype; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_embedding_add(nadir_graph *graph, const char *name, nadir_node index, int64_t num_embeddings,
                                         int64_t embedding_dim, const char *options);

/**
 * Adds a simple recurrent layer (Elman 1990), as PyTorch's RNN: h = tanh(x[t] · weight_ihᵀ + bias_ih + h · weight_hhᵀ + bias_hh) for each
 * step t, and y[t] = h. Returns y; sets `*h_n`, which may be NULL, to the state after the last step. The length is a constant: each of
 * its steps is in the graph.
 *
 * With `num_layers` the y of a layer is the x of the next. With `bidirectional`, each has a second direction, from the last step to
 * the first, whose y is behind the first's.
 *
 * Shapes, d being 1 or 2 directions: x [length, n, in], or [n, length, in] with `batch_first`, or [length, in] without n, which may be
 * the batch; y as x but for the last dimension, d * hidden_size; `h0` (NADIR_NONE: zeros) and h_n [num_layers * d, n, hidden_size], whatever
 * batch_first is, or without n as x; `mask` (NADIR_NONE: all true), u8, [length, n], or [n, length] with `batch_first`, or [length].
 * Where the mask is false the state stays as it is and y is 0. So a batch of sequences of unequal lengths, filled up at their ends and
 * masked there, gives what PyTorch's packed sequences give, in both directions.
 *
 * Parameters, of x's dtype, for a layer k from 0 on: `name`.weight_ih_lk [hidden_size, in, or d * hidden_size], `name`.weight_hh_lk
 * [hidden_size, hidden_size], `name`.bias_ih_lk and `name`.bias_hh_lk [hidden_size], and the same with _reverse; all uniform in
 * (-1/sqrt(hidden_size), 1/sqrt(hidden_size)) at first. A NULL name is derived.
 *
 * Options: `num_layers` (1), `nonlinearity` = tanh (default) or relu, `bias` (1), `batch_first` (0), `dropout` (0): the probability of a
 * dropout between layers; `bidirectional` (0). Gradients: to x, h0 and the parameters, through all steps.
 * Errors: NADIR_E_ARGUMENT for a bad name, option, `hidden_size` below 1 or `dropout` outside 0 to 1; NADIR_E_SHAPE for another rank, a
 * length or an `in` that is the batch or 0, or another shape of h0 or mask; NADIR_E_DTYPE; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_rnn_add(nadir_graph *graph, const char *name, nadir_node x, nadir_node h0, nadir_node mask,
                                   int64_t hidden_size, const char *options, nadir_node *h_n);

/**
 * Adds a layer of gated recurrent units (Cho et al. 2014), as PyTorch's GRU. With i = x[t] · weight_ihᵀ + bias_ih and s = h · weight_hhᵀ +
 * bias_hh, each cut into three parts: r = sigmoid(i_r + s_r), z = sigmoid(i_z + s_z), n = tanh(i_n + r * s_n), h = (1 - z) * n + z * h.
 *
 * As `nadir_rnn_add`, but without `nonlinearity`; the first dimension of the parameters is 3 * hidden_size, with r, z, n in this order.
 */
NADIR_API nadir_node nadir_gru_add(nadir_graph *graph, const char *name, nadir_node x, nadir_node h0, nadir_node mask,
                                   int64_t hidden_size, const char *options, nadir_node *h_n);

/**
 * Adds a layer with long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000), as PyTorch's LSTM. With x[t] · weight_ihᵀ +
 * bias_ih + h · weight_hhᵀ + bias_hh cut into four parts i, f, g, o: c = sigmoid(f) * c + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c).
 *
 * As `nadir_rnn_add`, but without `nonlinearity`; the first dimension of the parameters is 4 * hidden_size, with i, f, g, o in this order;
 * `c0` and `*c_n` are of c what `h0` and `*h_n` are of h.
 */
NADIR_API nadir_node nadir_lstm_add(nadir_graph *graph, const char *name, nadir_node x, nadir_node h0, nadir_node c0,
                                    nadir_node mask, int64_t hidden_size, const char *options, nadir_node *h_n,
                                    nadir_node *c_n);

/**
 * Attention (Vaswani et al. 2017): y = softmax(query · keyᵀ * scale) · value, as PyTorch's function of this name.
 *
 * Shapes: query [..., l, e], key [..., s, e], value [..., s, v], y [..., l, v], where the leading dimensions broadcast. `attn_mask`
 * (NADIR_NONE: none) broadcasts to [..., l, s]: a u8 is true where a key counts for a query; of x's dtype it is added to the scores.
 * Where a u8 leaves a query without any key, its weights and its y are 0, as in PyTorch from 2.5 on.
 *
 * Options: `scale` (1/sqrt(e)), `is_causal` (0; 1: only keys up to the query's own number count, besides the mask), `dropout_p` (0): of
 * the weights, in training only. Gradients: to query, key, value and a mask that is added.
 * Errors: NADIR_E_ARGUMENT for a bad option or `dropout_p` outside 0 to 1; NADIR_E_SHAPE for shapes that do not fit, an e that is the
 * batch or 0, or is_causal over the batch; NADIR_E_DTYPE for operands that are not of one float dtype, or another mask.
 */
NADIR_API nadir_node nadir_scaled_dot_product_attention(nadir_graph *graph, nadir_node query, nadir_node key,
                                                        nadir_node value, nadir_node attn_mask, const char *options);

/**
 * Adds attention by several heads (Vaswani et al. 2017), as PyTorch's MultiheadAttention: query, key and value are each mapped
 * linearly, cut into `num_heads` parts, attended part by part with a scale of 1/sqrt(e / num_heads), joined and mapped by out_proj.
 * Returns y; sets `*attn_weights`, which may be NULL, to the weights, whose mean over the heads they are.
 *
 * Shapes: query [l, n, e], key [s, n, kdim], value [s, n, vdim], or [n, l, e] … with `batch_first`, or [l, e] … without n, which may be
 * the batch; y as query; weights [n, l, s]. Masks (NADIR_NONE: none) are true where a key does NOT count, as in PyTorch and opposite
 * to `nadir_scaled_dot_product_attention`: `key_padding_mask`, u8, [n, s]; `attn_mask`, u8 or of x's dtype, which is added to the scores,
 * [l, s] or [n * num_heads, l, s]. Where they leave a query without any key, its weights are 0, where PyTorch's are NaN.
 *
 * Parameters, of query's dtype: `name`.in_proj_weight [3 * e, e], for query, key and value in this order, or, unless e = kdim = vdim,
 * `name`.q_proj_weight [e, e], `name`.k_proj_weight [e, kdim] and `name`.v_proj_weight [e, vdim], by Glorot and Bengio 2010 ("Xavier
 * uniform") at first; `name`.out_proj.weight [e, e] as in `nadir_linear_add`; `name`.in_proj_bias [3 * e] and `name`.out_proj.bias [e], 0
 * at first. A NULL name is derived.
 *
 * Options: `bias` (1), `batch_first` (0), `dropout` (0): of the weights, in training only; `is_causal` (0; 1: only keys up to the query's own
 * number count, besides the masks), `average_attn_weights` (1; 0: weights [n, num_heads, l, s]). Gradients: to query, key, value, an
 * attn_mask that is added, and the parameters.
 * Errors: NADIR_E_ARGUMENT for a bad name, option, `num_heads` below 1 or `dropout` outside 0 to 1; NADIR_E_SHAPE for shapes that do not
 * fit, or an e that `num_heads` does not divide; NADIR_E_DTYPE; NADIR_E_STATE once the graph has a session.
 */
NADIR_API nadir_node nadir_multi_head_attention_add(nadir_graph *graph, const char *name, nadir_node query,
                                                    nadir_node key, nadir_node value, nadir_node key_padding_mask,
                                                    nadir_node attn_mask, int64_t num_heads, const char *options,
                                                    nadir_node *attn_weights);

/* ------------------------------------------------------------------------------------------------------ losses */

/*
 * Losses compare elements, or rows, of one shape without broadcasting: [batch] against [batch, 1] is a usual mistake. All have the option
 * `reduction` = mean (default; divides by the actual number), sum, or none: the losses of all elements or rows. Otherwise the result is a
 * scalar. Gradients are those of the formulas, to the targets too. Names, formulas and options are PyTorch's.
 *
 * Errors: NADIR_E_SHAPE for shapes that do not fit, NADIR_E_DTYPE for dtypes that differ or are no floats, NADIR_E_ARGUMENT for a bad option.
 * A label, or a probability where that is said, that is out of its range when the session runs makes nadir_forward answer
 * NADIR_E_ARGUMENT with the value and its row in the message.
 */

/** The squared error: (prediction - target)² for each element. Gradient: dprediction = 2 * (prediction - target) * gy / n. */
NADIR_API nadir_node nadir_mse_loss(nadir_graph *graph, nadir_node prediction, nadir_node target, const char *options);

/** The absolute error: |prediction - target| for each element. */
NADIR_API nadir_node nadir_l1_loss(nadir_graph *graph, nadir_node prediction, nadir_node target, const char *options);

/**
 * Huber's loss (1964): with d = |prediction - target|, d² / 2 up to `delta` and delta * (d - delta / 2) beyond, for each element.
 * Option: `delta` (1; over 0).
 */
NADIR_API nadir_node nadir_huber_loss(nadir_graph *graph, nadir_node prediction, nadir_node target,
                                      const char *options);

/**
 * With d = |prediction - target|, d² / (2 * beta) up to `beta` and d - beta / 2 beyond, for each element (Girshick 2015).
 * Option: `beta` (1; 0 or more: |d| for 0).
 */
NADIR_API nadir_node nadir_smooth_l1_loss(nadir_graph *graph, nadir_node prediction, nadir_node target,
                                          const char *options);

/** max(0, margin - prediction * target) for each element, with targets of 1 or -1. Option: `margin` (1). */
NADIR_API nadir_node nadir_hinge_loss(nadir_graph *graph, nadir_node prediction, nadir_node target,
                                      const char *options);

/** x where the target is 1, max(0, margin - x) where it is -1, for each element (PyTorch's HingeEmbeddingLoss). Option: `margin` (1). */
NADIR_API nadir_node nadir_hinge_embedding_loss(nadir_graph *graph, nadir_node x, nadir_node target,
                                                const char *options);

/**
 * The Kullback-Leibler divergence of log-probabilities from probabilities: target * (log(target) - prediction) for each element, with
 * 0 log 0 = 0; or exp(target) * (target - prediction) with `log_target`.
 * Options: `log_target` (0); `reduction` also = batchmean: the sum divided by the length of the first dimension.
 */
NADIR_API nadir_node nadir_kl_div_loss(nadir_graph *graph, nadir_node prediction, nadir_node target,
                                       const char *options);

/**
 * The binary cross-entropy of probabilities: -(target * log(prediction) + (1 - target) * log(1 - prediction)) for each element. The
 * logarithms are -100 at least; where they are that, the gradient is 0. Both are checked to be in [0, 1] when the session runs; NaN passes.
 */
NADIR_API nadir_node nadir_bce_loss(nadir_graph *graph, nadir_node prediction, nadir_node target, const char *options);

/**
 * The binary cross-entropy of sigmoid(logits), without overflow: (1 - t) * x - (1 + (pos_weight - 1) * t) * log(sigmoid(x)) for each
 * element. `pos_weight`, which weighs the positive targets, broadcasts to the logits; NADIR_NONE for 1.
 */
NADIR_API nadir_node nadir_bce_with_logits_loss(nadir_graph *graph, nadir_node logits, nadir_node target,
                                                nadir_node pos_weight, const char *options);

/**
 * The cross-entropy of softmax(logits): for each row -weight[label] * log(p[label]), where the mean divides by the sum of the weights; or,
 * for targets that are probabilities, -sum over c of weight[c] * target[c] * log(p[c]), where it divides by the number of rows.
 *
 * Shapes: logits [classes], [batch, classes] or [batch, classes, ...]; labels, i32 or i64, without the classes; probabilities, floats, as
 * the logits; `weight` [classes], NADIR_NONE for 1.
 * Options: `label_smoothing` (0, to 1): s mixes the target with 1 / classes (Szegedy et al. 2016); `ignore_index` (-100): a label whose
 * rows count as nothing. Labels, from 0 to classes - 1, and probabilities are checked when the session runs.
 */
NADIR_API nadir_node nadir_cross_entropy_loss(nadir_graph *graph, nadir_node logits, nadir_node target,
                                              nadir_node weight, const char *options);

/** The same of log-probabilities, as of `nadir_log_softmax`, for labels: -weight[label] * x[label] for each row. Option: `ignore_index` (-100). */
NADIR_API nadir_node nadir_nll_loss(nadir_graph *graph, nadir_node log_probabilities, nadir_node target,
                                    nadir_node weight, const char *options);

/**
 * With c the cosine of a and b along the last dimension, 1 - c where the target is 1 and max(0, c - margin) where it is -1. Shapes: a and b
 * [..., n], target [...]. Option: `margin` (0). c = a · b / sqrt((a · a + 1e-12) (b · b + 1e-12)).
 */
NADIR_API nadir_node nadir_cosine_embedding_loss(nadir_graph *graph, nadir_node a, nadir_node b, nadir_node target,
                                                 const char *options);

/**
 * max(0, d(anchor, positive) - d(anchor, negative) + margin) with d(a, b) = the p-norm of a - b + eps along the last dimension (Balntas
 * et al. 2016). Options: `margin` (1), `p` (2; over 0), `eps` (1e-6), `swap` (0; 1: the lesser of d(anchor, negative) and
 * d(positive, negative)).
 */
NADIR_API nadir_node nadir_triplet_margin_loss(nadir_graph *graph, nadir_node anchor, nadir_node positive,
                                               nadir_node negative, const char *options);

/* ------------------------------------------------------------------------------------------------- gradients */

/**
 * Adds the gradients of y to the graph, as expressions that can be used and differentiated again:
 * out[i] = d(sum(upstream * y)) / d xs[i], of the shape of xs[i].
 *
 * `upstream` has the shape of y; NADIR_NONE stands for 1 and is allowed for a scalar y only. Where y does not depend on
 * xs[i], out[i] is a constant 0. A shared node is visited once, however many paths lead to it. Gradients may be equal
 * nodes (those of a and b in a + b), or nodes that were there before.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL, a count below 1 or a foreign node; NADIR_E_SHAPE for a y that is no scalar
 * without upstream, or an upstream of another shape; NADIR_E_DTYPE; NADIR_E_UNSUPPORTED naming a node without gradient.
 * On failure `out` is all NADIR_NONE, and the failure counts as a build error. `out` may be `xs`.
 */
NADIR_API nadir_status nadir_gradients(nadir_graph *graph, nadir_node y, nadir_node upstream, const nadir_node *xs,
                                       int32_t count, nadir_node *out);

/* ----------------------------------------------------------------------------------------------- parameters */

/** The number of parameters; 0 for NULL. */
NADIR_API int32_t nadir_param_count(const nadir_graph *graph);

/** The parameter number `index` in the order of declaration; NADIR_NONE outside 0 to count - 1. */
NADIR_API nadir_node nadir_param_at(const nadir_graph *graph, int32_t index);

/**
 * Copies a parameter's values, row-major, to `data` of `bytes` bytes, which must be the parameter's size.
 *
 * Threads: a reader of the graph. Errors: NADIR_E_ARGUMENT for a NULL, a node that is no parameter of the graph, or
 * another byte count; NADIR_E_BUSY. Stores no message.
 */
NADIR_API nadir_status nadir_param_get(const nadir_graph *graph, nadir_node param, void *data, size_t bytes);

/**
 * Copies `bytes` bytes at `data` into a parameter. A backward pass then wants a new forward pass.
 *
 * Threads: a writer of the graph. Errors: as for `nadir_param_get`, with a message.
 */
NADIR_API nadir_status nadir_param_set(nadir_graph *graph, nadir_node param, const void *data, size_t bytes);

/**
 * Initialises the parameters whose names match `pattern` ('*': any characters, '?': one) anew, those of layers too, by the options of
 * `nadir_param_add`, whose values they then have. Before the first session or after it; a backward pass then wants a new forward
 * pass. A failure changes none of them. Values of the caller's own: `nadir_param_set`.
 *
 * Threads: a writer of the graph. Errors: NADIR_E_ARGUMENT for a NULL, a pattern that matches no parameter or a bad option;
 * NADIR_E_SHAPE as for `nadir_param_add`; NADIR_E_BUSY; NADIR_E_NO_MEMORY.
 */
NADIR_API nadir_status nadir_param_init(nadir_graph *graph, const char *pattern, const char *options);

/**
 * Says whether the parameters whose names match `pattern` ('*': any characters, '?': one) are trained (any number but 0, as at first)
 * or frozen (0). Sessions made afterwards compute no gradient of a frozen parameter, and no step of theirs changes it.
 * Errors: NADIR_E_ARGUMENT for a NULL or a pattern that matches no parameter.
 */
NADIR_API nadir_status nadir_param_set_trainable(nadir_graph *graph, const char *pattern, int32_t trainable);

/** The number of elements of all parameters of `dtype`: the length of the flat vectors. 0 for NULL. */
NADIR_API size_t nadir_params_flat_count(const nadir_graph *graph, nadir_dtype dtype);

/**
 * Copies the values of all parameters of `dtype`, one after the other in the order of declaration, to `data`; `bytes`
 * must be `nadir_params_flat_count` times the element's size. Threads and errors: as for `nadir_param_get`.
 */
NADIR_API nadir_status nadir_params_flat_get(const nadir_graph *graph, nadir_dtype dtype, void *data, size_t bytes);

/** Sets the values of all parameters of `dtype` from one vector. Threads and errors: as for `nadir_param_set`. */
NADIR_API nadir_status nadir_params_flat_set(nadir_graph *graph, nadir_dtype dtype, const void *data, size_t bytes);

/*
 * The state of a graph: named values that are saved with the parameters but not optimised, such as running statistics. A step changes
 * them together with the parameters, or not at all.
 */

/** The number of states; 0 for NULL. */
NADIR_API int32_t nadir_state_count(const nadir_graph *graph);

/** The state number `index` in the order of declaration; NADIR_NONE outside 0 to count - 1. */
NADIR_API nadir_node nadir_state_at(const nadir_graph *graph, int32_t index);

/** Copies a state's values. Threads and errors: as for `nadir_param_get`. */
NADIR_API nadir_status nadir_state_get(const nadir_graph *graph, nadir_node state, void *data, size_t bytes);

/** Sets a state's values. A backward pass then wants a new forward pass. Threads and errors: as for `nadir_param_set`. */
NADIR_API nadir_status nadir_state_set(nadir_graph *graph, nadir_node state, const void *data, size_t bytes);

/* -------------------------------------------------------------------------------------------------- sessions */

/**
 * Compiles a session: a plan for computing `loss` and the `outputs`, and, with a loss, the gradients of the loss with
 * respect to all parameters that it depends on. All memory that a step needs is reserved, and touched, here.
 *
 * `loss` is a scalar, or NADIR_NONE for a session that only predicts. `outputs` are the `output_count` other nodes
 * to be read. `max_batch` (at least 1) is the largest batch, and the batch of a session without an input that tells
 * it. The graph keeps its parameters from here on: adding an input, a parameter or a layer with parameters is
 * NADIR_E_STATE after the first session; expressions may still be added, for later sessions.
 *
 * Options: `finite` = loss (default: `nadir_forward` answers NADIR_E_NOT_FINITE for a NaN or infinite loss), gradients
 * (also `nadir_sgd_step` for such a gradient) or off; `not_finite` = stop (default: that answer, and the step changes
 * nothing) or skip (the forward pass answers NADIR_OK, the backward pass after it adds nothing
 * to the gradients, and a step changes nothing if there are no others); `max_bytes` (0: no limit), the most that the session
 * and its optimisers may reserve, as `nadir_session_memory` tells it by "total": more is NADIR_E_NO_MEMORY, with a message that
 * says how much was wanted and allowed; `threads` (1 to 256; 1, or what the environment variable NADIR_THREADS says): so many threads share the work of a
 * large step, the caller among them. The others are the host's (`nadir_host_set_executor`), or are started here and sleep
 * but for such steps, with all signals blocked; a step of less than some 20 microseconds wakes nobody. Their number changes no
 * bits of any result. A process that has forked must not use such a session of its parent's.
 *
 * Returns NULL on failure, with the reason in `nadir_graph_status`: the graph's first build error; NADIR_E_ARGUMENT for a
 * bad node, count or option, no loss and no outputs, or a loss that depends on no parameter; NADIR_E_SHAPE for a loss
 * that is no scalar, or a max_batch below 1; NADIR_E_DTYPE for a loss that is no float; NADIR_E_NO_MEMORY, also when the system
 * starts no more threads.
 */
NADIR_API nadir_session *nadir_session_new(nadir_graph *graph, nadir_node loss, const nadir_node *outputs,
                                           int32_t output_count, int64_t max_batch, const char *options);

/** Frees a session and gives up its hold on the graph. */
NADIR_API void nadir_session_free(nadir_session *session);

/** The result of the last call on the session that is not const and was not NADIR_E_BUSY. NADIR_E_ARGUMENT for NULL. */
NADIR_API nadir_status nadir_session_status(const nadir_session *session);

/** The message that belongs to `nadir_session_status`, "" for NADIR_OK; borrowed until the next call on the session. */
NADIR_API const char *nadir_session_error(const nadir_session *session);

/**
 * The bytes that a session reserved, by `part`: "arena" (inputs, intermediate values, outputs), "gradients", "plan",
 * "optimizers" (the vectors of the state of all that are the session's, from their making on, and for Levenberg and Marquardt's method
 * its matrices and its own plan) or "total" (of these); and "parameters", those of the graph's parameters and state, which all of its
 * sessions share. Parts may be added.
 *
 * Threads: any, at any time. Errors: NADIR_E_ARGUMENT for a NULL or an unknown part. Stores no message.
 */
NADIR_API nadir_status nadir_session_memory(const nadir_session *session, const char *part, size_t *bytes);

/**
 * Writes the session's plan as a text for people: how `nadir_graph_dump` writes the graph. As "text" it has a line a step, by phases:
 *
 *     number node = what(operands) -> where the result lies
 *
 * and the same, indented, for each member of a step that several operations were fused into. `node` is the one that the step
 * was made for, "gradient" for what only gradients need; `what` is an operation, such as "matmul" or "exp", or "fused". Operands
 * and results are a parameter, its gradient, an input, a state or a constant by name, a stretch of the arena, or a register: working
 * memory of a fused step, which stays in the cache. The phases are
 *
 *     constants                computed when the batch changes
 *     weights                  computed when parameters have changed, in a session that does not train
 *     forward                  by `nadir_forward`
 *     backward                 by `nadir_backward` after `nadir_zero_grad`
 *     accumulating backward    by other calls of `nadir_backward`
 *
 * At the end are the places of inputs and outputs and the sizes of all. Bytes and offsets are those at the largest batch. As "dot" it
 * is a graph of the steps, the inputs and the graph's parameters.
 *
 * Threads: any, at any time. Errors: as for `nadir_graph_dump`. Stores no message.
 */
NADIR_API nadir_status nadir_session_dump(const nadir_session *session, const char *format, char *buffer,
                                          size_t capacity, size_t *needed);

/** The number of steps of the plan, whatever their phase; 0 for NULL. Any thread. */
NADIR_API int32_t nadir_session_step_count(const nadir_session *session);

/**
 * Switches profiling on (any number but 0), with all counters at 0, or off (0). While it is on, the session counts every step that it
 * runs for whatever call, and adds the time between two readings of a monotonic clock around it, which is too long by the time of a
 * reading, some 20 ns. Results are the same to the bit. The counters' memory is reserved here, not in a step, and returned when it is
 * switched off; `nadir_session_memory` does not count it.
 *
 * Errors: NADIR_E_ARGUMENT for NULL; NADIR_E_NO_MEMORY, where all stays as it was; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_session_set_profiling(nadir_session *session, int32_t on);

#define NADIR_PHASE_CONSTANTS 1
#define NADIR_PHASE_WEIGHTS 2
#define NADIR_PHASE_FORWARD 3
#define NADIR_PHASE_BACKWARD 4
#define NADIR_PHASE_ACCUMULATING 5

/**
 * What profiling tells of a step. Bytes and flops are computed from the plan, at the batch of the last forward pass, or the largest
 * one before the first.
 *
 * The bytes are those of the operands in memory and of the result, also where it is in the cache: an operand that is repeated by
 * broadcasting counts once, and so do operands of a fused step that are the same memory; what one member writes for another one
 * does not count as read, and neither do registers and working memory. A result that is added to is read and written. By an index
 * as many elements of a table are moved as are read or added.
 *
 * Flops are 2 m n k for a product of matrices; 2 for each element of a convolution's result, tap of its kernel and channel of a group,
 * and the same for its gradients; one for each element that a reduction reads, one for each element and tap of a pooling's result,
 * one for each element that is added by an index; one for each element of the result of an elementwise operation, however
 * much it costs, but for casts and copies. A fused step has those of its members.
 */
typedef struct nadir_profile_entry {
  size_t struct_size;   /* sizeof(nadir_profile_entry), set by the caller */
  int32_t phase;        /* NADIR_PHASE_… */
  int32_t step;         /* its number, as in nadir_session_dump */
  const char *what;     /* what it does, as there; a static string */
  const char *node;     /* the name of its node, as there; the graph's, stable */
  const char *param;    /* the name of the parameter whose gradient it writes, or NULL; the graph's, stable */
  uint64_t calls;       /* so many times it ran */
  uint64_t nanoseconds; /* in all calls */
  uint64_t bytes;       /* moved by a call */
  uint64_t flops;       /* floating point operations of a call */
} nadir_profile_entry;

/**
 * Fills in `*entry` for step number `index`, from 0 to `nadir_session_step_count` - 1.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL, a struct_size that is too small or an index out of its range; NADIR_E_STATE while profiling is
 * off; NADIR_E_BUSY. Stores no message; the entry is then as it was.
 */
NADIR_API nadir_status nadir_session_profile(const nadir_session *session, int32_t index, nadir_profile_entry *entry);

/**
 * Says whether the session trains (any number but 0) or evaluates (0): see the random numbers. It trains at first if it has a
 * loss. A backward pass then wants a new forward pass. Errors: NADIR_E_ARGUMENT for NULL; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_session_set_training(nadir_session *session, int32_t training);

/**
 * Copies an input's values, row-major, into the session. For an input with a batch dimension the byte count says the
 * batch: 0 to max_batch of them. The values stay until the next `write` or `bind` of the input.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL, a node that is no input, or a byte count that is no whole number of rows;
 * NADIR_E_STATE for an input that neither loss nor outputs depend on; NADIR_E_SHAPE for a batch over the maximum;
 * NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_session_write(nadir_session *session, nadir_node input, const void *data, size_t bytes);

/**
 * Uses the caller's memory as an input, in place, until the next `write` or `bind` of the input or the session's end.
 * The alignment of an element is enough; nothing beyond `bytes` is touched, nothing is written. Errors: as for
 * `nadir_session_write`, and NADIR_E_ARGUMENT for memory that is not aligned to its element.
 */
NADIR_API nadir_status nadir_session_bind(nadir_session *session, nadir_node input, const void *data, size_t bytes);

/**
 * Computes the loss and the outputs from the inputs and the present parameters.
 *
 * Threads: a reader of the graph. Errors: NADIR_E_STATE for an input that was never written; NADIR_E_SHAPE for inputs of
 * different batches; NADIR_E_NOT_FINITE for a loss that is NaN or infinite, unless options say otherwise: the loss and
 * the outputs can be read, but a backward pass wants another forward; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_forward(nadir_session *session);

/**
 * Copies the values of a node, row-major, to `data`: the loss or an output as of the last forward pass, an input as
 * written, a parameter as it is now. `bytes` must be its size at the actual batch.
 *
 * Threads: a reader of the graph for a parameter. Errors: NADIR_E_STATE for any other node, or before the first forward
 * pass (or a write, for an input); NADIR_E_ARGUMENT for a NULL, a foreign node or another byte count; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_session_read(nadir_session *session, nadir_node node, void *data, size_t bytes);

/** Marks all gradients as zero, which costs nothing: the next backward pass overwrites them. Errors: NADIR_E_STATE
 *  for a session without loss; NADIR_E_BUSY. */
NADIR_API nadir_status nadir_zero_grad(nadir_session *session);

/**
 * Computes the gradients of the loss and adds them to the gradients; after `nadir_zero_grad`, and at first, it
 * overwrites them.
 *
 * Threads: a reader of the graph. Errors: NADIR_E_STATE for a session without loss, without a successful forward pass
 * since the last backward pass, or whose inputs were written or parameters changed since; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_backward(nadir_session *session);

/**
 * Stochastic gradient descent: w = w - learning_rate * gradient, for every parameter that the loss depends on; the
 * others are not touched. The product is rounded before the difference.
 *
 * Threads: a writer of the graph. Errors: NADIR_E_ARGUMENT for a learning rate that is negative, or not finite in the dtype
 * of a parameter;
 * NADIR_E_STATE for a session without loss, or without a backward pass since `nadir_zero_grad`; NADIR_E_NOT_FINITE by the
 * session's options; NADIR_E_BUSY. Whatever the error, no parameter has changed.
 */
NADIR_API nadir_status nadir_sgd_step(nadir_session *session, double learning_rate);

/**
 * Copies a parameter's gradient, of the parameter's shape, to `data`: 0 after `nadir_zero_grad` and for a parameter that
 * the loss does not depend on.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL, a node that is no parameter or another byte count; NADIR_E_STATE for a session
 * without loss; NADIR_E_BUSY. Stores no message.
 */
NADIR_API nadir_status nadir_grad_get(const nadir_session *session, nadir_node param, void *data, size_t bytes);

/**
 * Copies the gradients of all parameters of `dtype` to `data`, laid out as `nadir_params_flat_get` lays out the values.
 * Errors: as for `nadir_grad_get`.
 */
NADIR_API nadir_status nadir_grads_flat_get(const nadir_session *session, nadir_dtype dtype, void *data, size_t bytes);

/**
 * Replaces the gradients of all parameters of `dtype`, as after an all-reduce; the next step uses them. Those of
 * parameters that the loss does not depend on are ignored. If the gradients were marked as zero, those of other
 * dtypes become 0. Errors: as for `nadir_grad_get`, with a message.
 */
NADIR_API nadir_status nadir_grads_flat_set(nadir_session *session, nadir_dtype dtype, const void *data, size_t bytes);

/**
 * Scales the gradients of all parameters that the loss depends on, seen as one vector, by
 * max_norm / (norm + 1e-6) where that is less than 1 (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent
 * neural networks", 2013). `*norm`, which may be NULL, is set to their Euclidean norm before that, summed in f64.
 *
 * Errors: NADIR_E_ARGUMENT for a NULL, or a `max_norm` that is negative or NaN; NADIR_E_NOT_FINITE for a norm that is not
 * finite, unless the session has finite=off: nothing is scaled; NADIR_E_STATE for a session without loss; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_clip_grad_norm(nadir_session *session, double max_norm, double *norm);

/** Limits every element of the gradients to [-limit, limit]. Errors: as for `nadir_clip_grad_norm`, without NADIR_E_NOT_FINITE. */
NADIR_API nadir_status nadir_clip_grad_value(nadir_session *session, double limit);

/**
 * Compares the gradient of the loss with central differences, (L(w + h) - L(w - h)) / (2h), for every element of every
 * parameter that the loss depends on, at the present inputs. Parameters and gradients are afterwards as they were; outputs are
 * those of a forward pass. Random numbers stay those of the present step. It makes two forward passes an element, and reserves
 * memory for a copy of the parameters and gradients.
 *
 * Options: `step` (6e-6): h, times max(1, |w|); `tolerance` (1e-6): the most that |gradient - difference| may be, divided by
 * max(1, |difference|).
 * `*worst`, which may be NULL, is set to the largest error so measured, NaN if a gradient or loss is.
 *
 * Threads: a writer of the graph. Errors: NADIR_E_MISMATCH when an error is over the tolerance or NaN, with the parameter, the
 * element and both values in the message; NADIR_E_DTYPE for a parameter or loss that is not f64, whose digits would not do;
 * NADIR_E_STATE for a session without loss or inputs; those of `nadir_forward`; NADIR_E_NO_MEMORY; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_grad_check(nadir_session *session, const char *options, double *worst);

/* ------------------------------------------------------------------------------------------------ optimisers */

/*
 * An optimiser is a rule for the parameters that a session's loss depends on, with its settings and its state. It keeps its
 * session alive. The functions that make one return NULL on failure, with the reason in `nadir_session_status`, which also
 * has the reason of a failed call on an optimiser: NADIR_E_ARGUMENT for a learning rate or option out of its range,
 * NADIR_E_STATE for a session without loss, NADIR_E_NO_MEMORY. In the formulas, w is a parameter, g its gradient, lr the
 * learning rate, t the number of the step from 1 on; whatever else is named starts at 0. Names, formulas and defaults are
 * PyTorch's.
 *
 * Options of all but `nadir_lbfgs_new` and `nadir_lm_new`:
 *   `maximize` (0)       climb: g is negated;
 *   `clip_norm` (none)   as by nadir_clip_grad_norm, in each step after the hook; `clip_value` (none), as by nadir_clip_grad_value, before that;
 *   `ema_decay` (none)   d: keeps an average of the parameters, a = d a + (1 - d) w after each step, which starts as the
 *                        parameters are when the optimiser is made; see `nadir_optimizer_swap_ema`.
 * All can be changed between steps by `nadir_optimizer_set` unless they are marked "fixed"; `ema_decay` if there is an average.
 */

/**
 * Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983, as in Sutskever et al. 2013): g = g + weight_decay w;
 * b = momentum b + (1 - dampening) g, but b = g in the first step; w = w - lr b, or w - lr (g + momentum b) with `nesterov`;
 * w = w - lr g without momentum.
 *
 * Options: `momentum` (0; fixed to be 0 or not), `dampening` (0), `weight_decay` (0), `nesterov` (0, fixed; wants a momentum and
 * no dampening). State: momentum_buffer, b.
 */
NADIR_API nadir_optimizer *nadir_sgd_new(nadir_session *session, double learning_rate, const char *options);

/**
 * Adagrad (Duchi, Hazan and Singer 2011): g = g + weight_decay w; s = s + g²; w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).
 * Options: `lr_decay` (0), `weight_decay` (0), `initial_accumulator_value` (0, fixed): s at first; `eps` (1e-10). State: sum, s.
 */
NADIR_API nadir_optimizer *nadir_adagrad_new(nadir_session *session, double learning_rate, const char *options);

/**
 * RMSprop (Tieleman and Hinton 2012; centred: Graves 2013): g = g + weight_decay w; v = alpha v + (1 - alpha) g²;
 * d = g / (sqrt(v) + eps), or with `centered` a = alpha a + (1 - alpha) g, d = g / (sqrt(v - a²) + eps);
 * b = momentum b + d; w = w - lr b, or w - lr d without momentum.
 *
 * Options: `alpha` (0.99), `eps` (1e-8), `weight_decay` (0), `momentum` (0; fixed to be 0 or not), `centered` (0, fixed).
 * State: square_avg, v; grad_avg, a; momentum_buffer, b.
 */
NADIR_API nadir_optimizer *nadir_rmsprop_new(nadir_session *session, double learning_rate, const char *options);

/**
 * Adam (Kingma and Ba 2015; AMSGrad: Reddi, Kale and Kumar 2018): g = g + weight_decay w; m = beta1 m + (1 - beta1) g;
 * v = beta2 v + (1 - beta2) g²; w = w - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps), with the greatest v so far in
 * place of v with `amsgrad`.
 *
 * Options: `beta1` (0.9), `beta2` (0.999), `eps` (1e-8), `weight_decay` (0), `amsgrad` (0, fixed).
 * State: exp_avg, m; exp_avg_sq, v; max_exp_avg_sq.
 */
NADIR_API nadir_optimizer *nadir_adam_new(nadir_session *session, double learning_rate, const char *options);

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): first w = w - lr weight_decay w, then as Adam without decay.
 * Options and state: as for `nadir_adam_new`, but `weight_decay` (0.01).
 */
NADIR_API nadir_optimizer *nadir_adamw_new(nadir_session *session, double learning_rate, const char *options);

/**
 * Adamax (Kingma and Ba 2015): g = g + weight_decay w; m = beta1 m + (1 - beta1) g; u = max(beta2 u, |g| + eps);
 * w = w - lr / (1 - beta1^t) m / u.
 * Options: `beta1` (0.9), `beta2` (0.999), `eps` (1e-8), `weight_decay` (0). State: exp_avg, m; exp_inf, u.
 */
NADIR_API nadir_optimizer *nadir_adamax_new(nadir_session *session, double learning_rate, const char *options);

/**
 * NAdam (Dozat 2016): g = g + weight_decay w; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); m and v as in Adam;
 * w = w - lr (mu_t+1 / (1 - mu_1 … mu_t+1) m + (1 - mu_t) / (1 - mu_1 … mu_t) g) / (sqrt(v) / sqrt(1 - beta2^t) + eps).
 * Options: `beta1` (0.9), `beta2` (0.999), `eps` (1e-8), `weight_decay` (0), `momentum_decay` (0.004).
 * State: exp_avg, m; exp_avg_sq, v; mu_product, mu_1 … mu_t.
 */
NADIR_API nadir_optimizer *nadir_nadam_new(nadir_session *session, double learning_rate, const char *options);

/**
 * RAdam (Liu et al. 2020): as Adam, with the rectified step lr r m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(v) + eps), where
 * rho' = 2 / (1 - beta2) - 1, rho = rho' - 2 t beta2^t / (1 - beta2^t) and r² = (rho - 4)(rho - 2) rho' / ((rho' - 4)(rho' - 2) rho); or
 * lr m / (1 - beta1^t) while rho is not over 5.
 * Options: `beta1` (0.9), `beta2` (0.999), `eps` (1e-8), `weight_decay` (0). State: as for Adam.
 */
NADIR_API nadir_optimizer *nadir_radam_new(nadir_session *session, double learning_rate, const char *options);

/**
 * Lion (Chen et al. 2023): w = w - lr weight_decay w - lr sign(beta1 m + (1 - beta1) g); then m = beta2 m + (1 - beta2) g.
 * Options: `beta1` (0.9), `beta2` (0.99), `weight_decay` (0). State: exp_avg, m.
 */
NADIR_API nadir_optimizer *nadir_lion_new(nadir_session *session, double learning_rate, const char *options);

/**
 * L-BFGS (Liu and Nocedal 1989), as PyTorch's: a step makes up to `max_iter` iterations with forward and backward passes of its own,
 * at the inputs written to the session, and needs none before it. The vectors are f64, whatever the parameters are.
 *
 * Options: `max_iter` (20), `max_eval` (1.25 max_iter): the most passes a step; `tolerance_grad` (1e-7): ends when no element of the
 * gradient is greater; `tolerance_change` (1e-9): ends when loss or parameters change less; `history_size` (100, fixed);
 * `line_search` = strong_wolfe (default, unlike PyTorch: cubic interpolation, c1 = 1e-4, c2 = 0.9) or none (steps of length lr; fixed).
 * `lr` and max_eval and the tolerances can be changed. State: direction, previous_gradient, history and progress.
 */
NADIR_API nadir_optimizer *nadir_lbfgs_new(nadir_session *session, double learning_rate, const char *options);

/**
 * Levenberg and Marquardt's method (Marquardt 1963) for the least of the sum of squares of `residuals`, a node of f64 that the
 * session's parameters determine: an iteration solves (JᵀJ + lambda diag(JᵀJ)) d = -Jᵀr by Cholesky factorisation and takes w + d if
 * that has a smaller sum, with lambda then divided by `down`, and else tries again with lambda times `up`. The Jacobian J is
 * exact: a column a forward-mode pass, so many passes as there are parameters. A step needs no passes before it; session's loss
 * is any scalar that depends on the same parameters, such as the sum of squares.
 *
 * Options: `max_iter` (20): iterations a step; `lambda` (1e-3), `up` (10), `down` (10), `tolerance_grad` (1e-10): ends when no element of Jᵀr is
 * greater; `tolerance_change` (1e-12): ends when the sum or the parameters change relatively less. State: lambda.
 * Errors: also NADIR_E_DTYPE for residuals or parameters that are not f64; NADIR_E_ARGUMENT for residuals that depend on
 * no parameter of the session.
 */
NADIR_API nadir_optimizer *nadir_lm_new(nadir_session *session, nadir_node residuals, const char *options);

/** Frees an optimiser and gives up its hold on the session. */
NADIR_API void nadir_optimizer_free(nadir_optimizer *optimizer);

/**
 * Changes the parameters by the rule, after `nadir_backward`. Backward passes before it have added up: accumulation over
 * micro-batches is several forward and backward passes a step.
 *
 * A step that fails or is skipped changes nothing: no parameter, state, schedule or running statistic. Threads: a writer of the
 * graph; it is a call on the session. Errors: as for `nadir_sgd_step`, and NADIR_E_CALLBACK when the hook fails;
 * NADIR_E_NOT_FINITE also for a norm to clip that is not finite.
 */
NADIR_API nadir_status nadir_optimizer_step(nadir_optimizer *optimizer);

/**
 * A whole step: zero_grad, forward, backward and optimizer_step, with the same bits. `*loss`, which may be NULL, is set to the
 * loss of the forward pass, also when that is not finite; for a rule that makes passes of its own, before the step.
 * It is one call on the session from its beginning to its end, unless there is a hook.
 * Errors: those of the four.
 */
NADIR_API nadir_status nadir_train_step(nadir_optimizer *optimizer, double *loss);

/**
 * Many steps by one call, with the same bits as a `nadir_session_write` of each input and a `nadir_train_step` for every step.
 * `inputs[i]` gets its values from `data[i]`, memory of the caller's that is read during the call: `steps` times `batch` rows,
 * one after another, of which step s has those from s * batch on; of an input without a batch `steps` times all its elements. Inputs that
 * are not among the `input_count` keep what they were given before. `losses`, which may be NULL, gets the loss of each step;
 * `*made`, which may be NULL, the number of steps that were made.
 *
 * A step that fails ends the call: the steps before it have been made, and it has changed nothing. Threads: a call on the
 * session from the first step to the last; a writer of the graph in the updates and a reader between them. Errors: those of
 * `nadir_session_write` and `nadir_train_step`; NADIR_E_ARGUMENT for a negative count, more than 64 inputs, or NULL.
 */
NADIR_API nadir_status nadir_train_steps(nadir_optimizer *optimizer, const nadir_node *inputs, const void *const *data,
                                         int32_t input_count, int64_t batch, int64_t steps, double *losses,
                                         int64_t *made);

/**
 * Gives the parameters whose names match `pattern` settings of their own: in it '*' stands for any characters, '?' for one.
 * `options` are those of the rule that are not fixed, and `lr`; what is not given is the optimiser's, now and later. Of several
 * patterns that match, the last counts; the same pattern again replaces its settings.
 * Errors: NADIR_E_ARGUMENT for a NULL, a bad option, a pattern that matches none of the optimiser's parameters, or a rule that
 * without groups (L-BFGS, Levenberg and Marquardt); NADIR_E_NO_MEMORY; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_optimizer_group(nadir_optimizer *optimizer, const char *pattern, const char *options);

/**
 * Changes a setting: "lr" or an option of the rule that is not fixed. A schedule works on "lr".
 * Errors: NADIR_E_ARGUMENT for a NULL, an unknown or fixed setting, or a value out of its range; NADIR_E_BUSY.
 */
NADIR_API nadir_status nadir_optimizer_set(nadir_optimizer *optimizer, const char *setting, double value);

/** A setting; or "current_lr", the rate by the schedule for the next step; or "step", the number of steps so far; or
 *  "grad_norm", the norm that clip_norm found last. Errors: as for `nadir_optimizer_set`. Stores no message. */
NADIR_API nadir_status nadir_optimizer_get(const nadir_optimizer *optimizer, const char *setting, double *value);

/**
 * Sets how the learning rate changes with the number of steps. With s the steps so far, less those of the warm-up, divided
 * by `interval` and rounded down, the next step has the rate:
 *
 *   "constant"         lr factor while s < total_iters, then lr. Options: `factor` (1), `total_iters` (0).
 *   "step"             lr gamma^floor(s / step_size). `step_size` (required), `gamma` (0.1).
 *   "multi_step"       lr gamma^(number of milestones <= s). `milestones` (required): numbers with commas; `gamma` (0.1).
 *   "exponential"      lr gamma^s. `gamma` (required).
 *   "polynomial"       lr (1 - min(s, total_iters) / total_iters)^power. `total_iters` (required), `power` (1).
 *   "cosine"           eta_min + (lr - eta_min) (1 + cos(pi s / t_max)) / 2. `t_max` (required), `eta_min` (0).
 *                      (Loshchilov and Hutter, "SGDR", 2017, without restarts.)
 *   "cosine_restarts"  the same over periods of t_0, t_0 t_mult, t_0 t_mult², … steps. `t_0` (required), `t_mult` (1), `eta_min` (0).
 *   "one_cycle"        from max_lr / div_factor up to max_lr, then down to that start divided by final_div_factor (Smith and Topin 2018).
 *                      `max_lr` and `total_steps` (required), `pct_start` (0.3), `anneal` = cos (default) or linear, `div_factor` (25),
 *                      `final_div_factor` (1e4), `three_phase` (0), `cycle_momentum` (1), `base_momentum` (0.85), `max_momentum` (0.95): beta1
 *                      or momentum goes the other way. The rate is max_lr in step pct_start * total_steps - 1. A group's max_lr is as much greater as its lr is than the optimiser's.
 *   "plateau"          lr times `factor` (0.1) for every time that a measure told by `nadir_optimizer_report` did not improve for
 *                      more than `patience` (10) reports. `mode` = min (default) or max, `threshold` (1e-4), `threshold_mode` = rel
 *                      (default) or abs, `cooldown` (0), `min_lr` (0), `eps` (1e-8: a lesser change
 *                      is not made).
 *
 * All: `interval` (1): steps for each of the schedule's, such as those of an epoch; `warmup` (0): so many steps before it, with the
 * rate lr (warmup_start + (1 - warmup_start) t / warmup) in step t from 0 on; `warmup_start` (1/3). NULL for `schedule` ends one.
 *
 * Errors: NADIR_E_ARGUMENT for an unknown schedule, a bad or missing option, a cycle of momentum for a rule without any, or a rule
 * without a learning rate (Levenberg and Marquardt);
 * NADIR_E_BUSY. A schedule replaces the one before.
 */
NADIR_API nadir_status nadir_optimizer_schedule(nadir_optimizer *optimizer, const char *schedule, const char *options);

/** Tells the "plateau" schedule a measure, such as an epoch's loss. Errors: NADIR_E_ARGUMENT for NULL; NADIR_E_STATE with any other
 *  schedule; NADIR_E_BUSY. */
NADIR_API nadir_status nadir_optimizer_report(nadir_optimizer *optimizer, double measure);

/** Exchanges the parameters for their average (`ema_decay`), and back when called again; a step in between is NADIR_E_STATE.
 *  Threads: a writer of the graph. Errors: NADIR_E_ARGUMENT for NULL; NADIR_E_STATE without an average; NADIR_E_BUSY. */
NADIR_API nadir_status nadir_optimizer_swap_ema(nadir_optimizer *optimizer);

/**
 * A function to run in every `nadir_optimizer_step` and `nadir_train_step`, between the backward pass and the update: to reduce gradients
 * over processes, to log or to clip them, by `nadir_grads_flat_get`, `_set` and the like on `session`.
 *
 * It runs on the calling thread, is given `user`, and must not unwind; a step from within is NADIR_E_STATE. Anything but NADIR_OK ends the step with NADIR_E_CALLBACK.
 */
typedef struct nadir_gradient_hook {
  size_t struct_size;                                      /* sizeof(nadir_gradient_hook) */
  void *user;                                              /* given to the functions */
  nadir_status (*run)(void *user, nadir_session *session); /* not NULL */
  void (*destroy)(void *user);                             /* when the hook is replaced or freed; may be NULL */
} nadir_gradient_hook;

/** Sets the hook, a copy of `*hook`, or none for NULL. Errors: NADIR_E_ARGUMENT for a NULL, a struct_size that is not known or no
 *  function: the hook is then not taken over; NADIR_E_BUSY. */
NADIR_API nadir_status nadir_optimizer_set_hook(nadir_optimizer *optimizer, const nadir_gradient_hook *hook);

/** Moves an optimiser with its state to another session of the same graph whose loss depends on the same parameters, as one for
 *  another batch. Errors: NADIR_E_ARGUMENT for a NULL, a session of other parameters or an optimiser by Levenberg and Marquardt's
 *  method, whose residuals belong to its session; NADIR_E_NO_MEMORY for more than that session's `max_bytes`; NADIR_E_BUSY. */
NADIR_API nadir_status nadir_optimizer_attach(nadir_optimizer *optimizer, nadir_session *session);

/*
 * An optimiser's state as named vectors, for checkpoints: the parameter's name, a dot and PyTorch's name, as in
 * "fc.weight.exp_avg", or the bare name of what is the optimiser's, "step" first. Set into an optimiser made alike, with the
 * parameters, it goes on to the bit.
 */

/** The number of vectors; 0 for NULL. */
NADIR_API int32_t nadir_optimizer_state_count(const nadir_optimizer *optimizer);

/** The name of vector number `index`, NULL outside 0 to count - 1; the optimiser's, until a group is added. */
NADIR_API const char *nadir_optimizer_state_name(const nadir_optimizer *optimizer, int32_t index);

/** The dtype and the number of elements of a vector. Errors: NADIR_E_ARGUMENT for a NULL or an unknown name. Stores no message. */
NADIR_API nadir_status nadir_optimizer_state_info(const nadir_optimizer *optimizer, const char *name,
                                                  nadir_dtype *dtype, size_t *count);

/** Copies a vector to `data` of `bytes` bytes, which must be its size. Errors: NADIR_E_ARGUMENT for a NULL, an unknown name or
 *  another byte count; NADIR_E_BUSY. Stores no message. */
NADIR_API nadir_status nadir_optimizer_state_get(const nadir_optimizer *optimizer, const char *name, void *data,
                                                 size_t bytes);

/** Sets a vector. Errors: as for `nadir_optimizer_state_get`, with a message. */
NADIR_API nadir_status nadir_optimizer_state_set(nadir_optimizer *optimizer, const char *name, const void *data,
                                                 size_t bytes);

#ifdef __cplusplus
}
#endif

#endif /* NADIR_NADIR_H */
