/*
 * Fits a line to five points by gradient descent, and shows every step on the way.
 *
 * The points lie on y = 3x + 2. The line y = w x + b starts with w = b = 1 and sees one point a step, in order, twice:
 * ten steps. In each, the loss is the squared error (w x + b - y)² of that one point, and w and b move against their
 * gradients, times the learning rate. At the end the line predicts y for an x that it has never seen.
 *
 * To compile:  cc linear_fit.c -lnadir
 * To run:      ./a.out --csv steps.csv --svg steps.svg        (./a.out --help lists the options)
 *
 * What to look for:
 *   - build_graph:  the model and its loss are written once, as a graph; no gradient is derived by hand.
 *   - new_sessions: the graph is compiled twice, for training and for predicting. Both use the same w and b.
 *   - take_step:    one step of gradient descent, call by call. Each call's status is checked.
 *   - Element:      how one program serves both float types.
 *   - the table:    where x is 0 a step moves b alone; where x is 2 or -2, it takes the line exactly to its point, at
 *                   this learning rate. With --lr 10 the loss grows until the library stops the run.
 */
#define _POSIX_C_SOURCE 200809L /* for popen */

#include <errno.h>
#include <math.h>
#include <nadir/nadir.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define popen _popen
#define pclose _pclose
#define NO_STDERR " 2>NUL"
#else
#define NO_STDERR " 2>/dev/null"
#endif

enum { kSampleCount = 5, kMaxEpochs = 100000, kMaxStepPanels = 10, kPanelColumns = 4 };

static const double kSampleX[kSampleCount] = {-2, -1, 0, 1, 2};
static const double kSampleY[kSampleCount] = {-4, -1, 2, 5, 8};
static const double kStart = 1; /* of w and of b */
static const double kUnseenX = 3;

typedef struct Options {
  nadir_dtype dtype;
  double learning_rate;
  int epochs;
  const char *csv_path; /* NULL: none */
  const char *svg_path; /* NULL: none */
  int help;
} Options;

typedef struct Fit {
  nadir_dtype dtype;
  nadir_graph *graph;
  nadir_node x, target, prediction, loss;
  nadir_node weight, bias;
  nadir_session *training;
  nadir_session *predicting;
} Fit;

typedef struct Step {
  double x, w_before, b_before, loss, dw, db, w_after, b_after;
} Step;

typedef struct History {
  Step *steps;
  int count;
} History;

/* ------------------------------------------------------------------------------------------------- elements */

/*
 * One element as Nadir takes and gives it. The rest of the program calculates with doubles, which hold every float
 * exactly, so that only the two functions below depend on the float type.
 */
typedef union Element {
  double f64;
  float f32;
} Element;

static Element to_element(nadir_dtype dtype, double value) {
  Element element;
  if (dtype == NADIR_F32) {
    element.f32 = (float)value;
  } else {
    element.f64 = value;
  }
  return element;
}

static double from_element(nadir_dtype dtype, Element element) {
  return dtype == NADIR_F32 ? (double)element.f32 : element.f64;
}

/* The digits that tell any two numbers of a float type apart. */
static int digits_of(nadir_dtype dtype) { return dtype == NADIR_F32 ? 9 : 17; }

/* --------------------------------------------------------------------------------------------------- errors */

/* Whether a call went well; if not, says what happened. Calls are joined with && up to main, which frees everything. */
static int check(nadir_status status, const char *message) {
  if (status == NADIR_OK) return 1;
  fflush(stdout); /* the rows printed so far come before the message */
  fprintf(stderr, "linear_fit: %s: %s\n", nadir_status_name(status), message);
  return 0;
}

static int check_graph(const nadir_graph *graph, nadir_status status) {
  return check(status, nadir_graph_error(graph));
}

static int check_session(const nadir_session *session, nadir_status status) {
  return check(status, nadir_session_error(session));
}

static int report_file(const char *path) {
  fprintf(stderr, "linear_fit: cannot write \"%s\": %s\n", path, strerror(errno));
  return 0;
}

/* ---------------------------------------------------------------------------------------------------- model */

static int build_graph(Fit *fit) {
  const int64_t column[] = {NADIR_BATCH, 1};
  nadir_graph *graph = nadir_graph_new(NULL);
  if (graph == NULL) return check(NADIR_E_NO_MEMORY, "no memory for a graph");
  fit->graph = graph;
  fit->x = nadir_input_add(graph, "x", fit->dtype, column, 2);
  fit->target = nadir_input_add(graph, "target", fit->dtype, column, 2);
  fit->prediction = nadir_linear_add(graph, "fit", fit->x, 1, NULL);
  fit->loss = nadir_mse_loss(graph, fit->prediction, fit->target, NULL);
  /* A node that could not be made makes those built on it fail too, so that one check at the end is enough. */
  if (!check_graph(graph, nadir_graph_status(graph))) return 0;
  fit->weight = nadir_graph_find(graph, "fit.weight");
  fit->bias = nadir_graph_find(graph, "fit.bias");
  return 1;
}

static int set_param(Fit *fit, nadir_node param, double value) {
  Element element = to_element(fit->dtype, value);
  return check_graph(fit->graph, nadir_param_set(fit->graph, param, &element, nadir_dtype_size(fit->dtype)));
}

static int new_sessions(Fit *fit) {
  fit->training = nadir_session_new(fit->graph, fit->loss, NULL, 0, /* max_batch */ 1, NULL);
  if (fit->training == NULL) return check_graph(fit->graph, nadir_graph_status(fit->graph));
  fit->predicting = nadir_session_new(fit->graph, NADIR_NONE, &fit->prediction, 1, /* max_batch */ 1, NULL);
  if (fit->predicting == NULL) return check_graph(fit->graph, nadir_graph_status(fit->graph));
  return 1;
}

static int start(Fit *fit) {
  return build_graph(fit) && set_param(fit, fit->weight, kStart) && set_param(fit, fit->bias, kStart) &&
         new_sessions(fit);
}

static void finish(Fit *fit) {
  nadir_session_free(fit->predicting);
  nadir_session_free(fit->training);
  nadir_graph_free(fit->graph);
}

/* -------------------------------------------------------------------------------------------------- training */

static int write_input(const Fit *fit, nadir_session *session, nadir_node input, double value) {
  Element element = to_element(fit->dtype, value);
  return check_session(session, nadir_session_write(session, input, &element, nadir_dtype_size(fit->dtype)));
}

static int read_node(const Fit *fit, nadir_session *session, nadir_node node, double *value) {
  Element element = {0};
  nadir_status status = nadir_session_read(session, node, &element, nadir_dtype_size(fit->dtype));
  *value = from_element(fit->dtype, element);
  return check_session(session, status);
}

static int get_param(const Fit *fit, nadir_node param, double *value) {
  Element element = {0};
  nadir_status status = nadir_param_get(fit->graph, param, &element, nadir_dtype_size(fit->dtype));
  *value = from_element(fit->dtype, element);
  return check(status, "while getting a parameter"); /* a get stores no message */
}

static int get_gradient(const Fit *fit, nadir_node param, double *value) {
  Element element = {0};
  nadir_status status = nadir_grad_get(fit->training, param, &element, nadir_dtype_size(fit->dtype));
  *value = from_element(fit->dtype, element);
  return check(status, "while getting a gradient");
}

static int take_step(Fit *fit, double learning_rate, double x, double y, Step *step) {
  nadir_session *session = fit->training;
  step->x = x;
  return get_param(fit, fit->weight, &step->w_before) && get_param(fit, fit->bias, &step->b_before) &&
         write_input(fit, session, fit->x, x) && write_input(fit, session, fit->target, y) &&
         check_session(session, nadir_zero_grad(session)) &&               /* forgets the former gradients */
         check_session(session, nadir_forward(session)) &&                 /* the prediction and the loss */
         check_session(session, nadir_backward(session)) &&                /* the gradients of the loss */
         check_session(session, nadir_sgd_step(session, learning_rate)) && /* moves w and b */
         read_node(fit, session, fit->loss, &step->loss) && get_gradient(fit, fit->weight, &step->dw) &&
         get_gradient(fit, fit->bias, &step->db) && /* all still those of this step */
         get_param(fit, fit->weight, &step->w_after) && get_param(fit, fit->bias, &step->b_after);
}

static int predict(Fit *fit, double x, double *y) {
  nadir_session *session = fit->predicting;
  return write_input(fit, session, fit->x, x) && check_session(session, nadir_forward(session)) &&
         read_node(fit, session, fit->prediction, y);
}

/* ---------------------------------------------------------------------------------------------------- table */

static int column_width(nadir_dtype dtype) { return digits_of(dtype) + 8; /* sign, point, exponent, a space */ }

static void print_header(nadir_dtype dtype) {
  static const char *const names[] = {"w before", "b before", "loss", "dL/dw", "dL/db", "w after", "b after"};
  printf("%6s%4s", "step", "x");
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) printf("%*s", column_width(dtype), names[i]);
  printf("\n");
}

static void print_row(nadir_dtype dtype, int number, const Step *step) {
  const double values[] = {step->w_before, step->b_before, step->loss,   step->dw,
                           step->db,       step->w_after,  step->b_after};
  printf("%6d%4g", number, step->x);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {
    printf("%*.*g", column_width(dtype), digits_of(dtype), values[i]);
  }
  printf("\n");
}

/* Takes all steps. When one fails, the history holds those before it. */
static int train(Fit *fit, const Options *options, History *history) {
  const int step_count = options->epochs * kSampleCount;
  history->steps = malloc((size_t)step_count * sizeof *history->steps);
  if (history->steps == NULL) return check(NADIR_E_NO_MEMORY, "no memory for that many epochs");
  print_header(fit->dtype);
  while (history->count < step_count) {
    const int sample = history->count % kSampleCount;
    Step *step = &history->steps[history->count];
    if (!take_step(fit, options->learning_rate, kSampleX[sample], kSampleY[sample], step)) return 0;
    print_row(fit->dtype, ++history->count, step);
  }
  return 1;
}

static int try_unseen(Fit *fit, double *prediction) {
  if (!predict(fit, kUnseenX, prediction)) return 0;
  printf("\nprediction for x = %g: %.*g (3x + 2 = %g)\n", kUnseenX, digits_of(fit->dtype), *prediction,
         3 * kUnseenX + 2);
  return 1;
}

static int write_csv(const char *path, nadir_dtype dtype, const History *history) {
  const int digits = digits_of(dtype);
  FILE *file = fopen(path, "w");
  if (file == NULL) return report_file(path);
  fprintf(file, "step,x,w_before,b_before,loss,dw,db,w_after,b_after\n");
  for (int i = 0; i < history->count; ++i) {
    const Step *s = &history->steps[i];
    fprintf(file, "%d,%g,%.*g,%.*g,%.*g,%.*g,%.*g,%.*g,%.*g\n", i + 1, s->x, digits, s->w_before, digits, s->b_before,
            digits, s->loss, digits, s->dw, digits, s->db, digits, s->w_after, digits, s->b_after);
  }
  const int written = !ferror(file);
  if (fclose(file) != 0 || !written) return report_file(path);
  return 1;
}

/* -------------------------------------------------------------------------------------------------- picture */

/* Whether gnuplot can be started: popen itself succeeds without it, since it starts a shell. */
static int have_gnuplot(void) {
  char line[64] = "";
  FILE *pipe = popen("gnuplot --version" NO_STDERR, "r");
  if (pipe == NULL) return 0;
  if (fgets(line, sizeof line, pipe) == NULL) line[0] = 0;
  return pclose(pipe) == 0 && strncmp(line, "gnuplot", 7) == 0;
}

static void put_quoted(FILE *gnuplot, const char *text) {
  fputc('\'', gnuplot);
  for (; *text != 0; ++text) {
    if (*text == '\'') fputc('\'', gnuplot); /* gnuplot wants it twice */
    fputc(*text, gnuplot);
  }
  fputc('\'', gnuplot);
}

/* The expression w x + b. Of a run that diverged, w or b can be infinite, which gnuplot knows no word for. */
static void put_line(FILE *gnuplot, double w, double b) {
  if (isfinite(w) && isfinite(b)) {
    fprintf(gnuplot, "%.17g * x + %.17g", w, b);
  } else {
    fprintf(gnuplot, "NaN");
  }
}

static void begin_picture(FILE *gnuplot, const char *path, int panel_count) {
  const int rows = (panel_count + kPanelColumns - 1) / kPanelColumns;
  fprintf(gnuplot, "set encoding utf8\nset minussign\n");
  fprintf(gnuplot, "set terminal svg size %d,%d font 'sans-serif,11' background 'white'\n", 1200, 40 + 280 * rows);
  fprintf(gnuplot,
          "set samples 2\nset clip two\n"); /* a line needs no more than two points, even if both are outside */
  fprintf(gnuplot, "set output ");
  put_quoted(gnuplot, path);
  fprintf(gnuplot, "\n$samples << END\n");
  for (int i = 0; i < kSampleCount; ++i) fprintf(gnuplot, "%g %g\n", kSampleX[i], kSampleY[i]);
  fprintf(gnuplot,
          "END\n"
          "set multiplot layout %d,%d title 'Fitting y = w x + b, one sample a step' font ',15'\n"
          "set border 3 lc rgb '#606060'\nset grid lc rgb '#e8e8e8' lt 1\nset tics nomirror scale 0.5\n"
          "set xrange [-3:4]\nset yrange [-9:14]\nset xtics 1\nset ytics 4\n"
          "set key bottom right samplen 1.5 spacing 1.1\n",
          rows, kPanelColumns);
}

static void draw_step(FILE *gnuplot, int index, const Step *step) {
  const int first = index == 0; /* the one panel with a key */
  fprintf(gnuplot, "set title 'step %d: x = %g, loss %.3g'\nplot ", index + 1, step->x, step->loss);
  put_line(gnuplot, step->w_before, step->b_before);
  fprintf(gnuplot, " lw 2 lc rgb '#b4b4b4' title '%s', ", first ? "before" : "");
  put_line(gnuplot, step->w_after, step->b_after);
  fprintf(gnuplot, " lw 2 lc rgb '#1f77b4' title '%s', ", first ? "after" : "");
  fprintf(gnuplot, "$samples with points pt 7 ps 0.5 lc rgb '#303030' title '%s', ", first ? "samples" : "");
  fprintf(gnuplot, "$samples every ::%d::%d with points pt 6 ps 1.2 lw 2 lc rgb '#d62728' title '%s'\n",
          index % kSampleCount, index % kSampleCount, first ? "current" : "");
}

static void draw_result(FILE *gnuplot, const Step *last, double prediction) {
  const double w = last->w_after, b = last->b_after;
  fprintf(gnuplot, "set title 'the result: y = %.4g x %c %.4g'\nplot ", w, b < 0 ? '-' : '+', b < 0 ? -b : b);
  put_line(gnuplot, w, b);
  fprintf(gnuplot, " lw 2 lc rgb '#1f77b4' notitle, $samples with points pt 7 ps 0.5 lc rgb '#303030' notitle");
  if (isfinite(prediction)) {
    fprintf(gnuplot, ", '+' every ::::0 using (%g):(%.17g) with points pt 9 ps 1.1 lc rgb '#2ca02c'", kUnseenX,
            prediction);
    fprintf(gnuplot, " title 'predicted for x = %g: %.4g'", kUnseenX, prediction);
  }
  fprintf(gnuplot, "\n");
}

static void draw_losses(FILE *gnuplot, const History *history) {
  int last = 1;
  fprintf(gnuplot, "$losses << END\n");
  for (int i = 0; i < history->count; ++i) {
    if (history->steps[i].loss <= 0) continue; /* a logarithm has no place for a perfect fit */
    last = i + 1;
    fprintf(gnuplot, "%d %.17g\n", last, history->steps[i].loss);
  }
  fprintf(gnuplot,
          "END\n"
          "set title 'the loss of each step'\nset xrange [0:%d]\nset yrange [*:*<1e300]\nset xtics %d\n"
          "set logscale y\nset ytics autofreq\nset format y '10^{%%T}'\n"
          "plot $losses with linespoints pt 7 ps 0.4 lw 1.5 lc rgb '#d62728' notitle\n",
          last + 1, (last + 4) / 5);
}

/* Tried here, since a gnuplot that cannot write a file writes to the standard output instead. */
static int can_write(const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) return report_file(path);
  fclose(file);
  return 1;
}

/* Without gnuplot there is no picture, which is no failure; a gnuplot that fails is one. */
static int draw(const char *path, const History *history, double prediction) {
  const int shown = history->count < kMaxStepPanels ? history->count : kMaxStepPanels;
  if (!have_gnuplot()) {
    fprintf(stderr, "linear_fit: gnuplot was not found, so \"%s\" is not drawn\n", path);
    return 1;
  }
  if (!can_write(path)) return 0;
  FILE *gnuplot = popen("gnuplot -d", "w"); /* -d: without the user's settings */
  if (gnuplot == NULL) return report_file(path);
  begin_picture(gnuplot, path, shown + 2);
  for (int i = 0; i < shown; ++i) draw_step(gnuplot, i, &history->steps[i]);
  draw_result(gnuplot, &history->steps[history->count - 1], prediction);
  draw_losses(gnuplot, history);
  fprintf(gnuplot, "unset multiplot\nset output\n");
  if (pclose(gnuplot) == 0) return 1;
  fprintf(stderr, "linear_fit: gnuplot could not draw \"%s\"\n", path);
  return 0;
}

/* --------------------------------------------------------------------------------------------------- options */

static const char kUsage[] =
    "linear_fit: fits y = w x + b to five points by gradient descent and shows every step\n"
    "\n"
    "  --f64        calculate in double precision (default: single)\n"
    "  --lr VALUE   the learning rate, 0 or above (default: 0.1)\n"
    "  --epochs N   how often to go through the points, 1 to 100000 (default: 2)\n"
    "  --csv FILE   also write the steps as comma-separated values\n"
    "  --svg FILE   also draw the first ten steps, the result and the losses (needs gnuplot)\n"
    "  --help       print this\n";

static int parse_learning_rate(const char *text, double *value) {
  char *end = NULL;
  *value = strtod(text, &end);
  if (end != text && *end == 0 && isfinite(*value) && *value >= 0) return 1;
  fprintf(stderr, "linear_fit: --lr \"%s\": wants a number that is 0 or above\n", text);
  return 0;
}

static int parse_epochs(const char *text, int *value) {
  char *end = NULL;
  const long number = strtol(text, &end, 10);
  if (end != text && *end == 0 && number >= 1 && number <= kMaxEpochs) {
    *value = (int)number;
    return 1;
  }
  fprintf(stderr, "linear_fit: --epochs \"%s\": wants a whole number from 1 to %d\n", text, kMaxEpochs);
  return 0;
}

/* To gnuplot a name that begins with | is a program to run, and a line end the end of a command. */
static int parse_svg_path(const char *text, const char **path) {
  int plain = text[0] != '|';
  for (const char *c = text; *c != 0; ++c) plain = plain && (unsigned char)*c >= ' ';
  *path = text;
  if (!plain) fprintf(stderr, "linear_fit: --svg \"%s\": wants a file name without | in front or line ends\n", text);
  return plain;
}

static int parse_value(const char *name, const char *value, Options *options) {
  if (strcmp(name, "--lr") && strcmp(name, "--epochs") && strcmp(name, "--csv") && strcmp(name, "--svg")) {
    fprintf(stderr, "linear_fit: \"%s\" is no option; wants --f64, --lr, --epochs, --csv, --svg or --help\n", name);
    return 0;
  }
  if (value == NULL || value[0] == 0 || strncmp(value, "--", 2) == 0) {
    fprintf(stderr, "linear_fit: %s wants a value after it, not \"%s\"\n", name, value == NULL ? "" : value);
    return 0;
  }
  if (!strcmp(name, "--lr")) return parse_learning_rate(value, &options->learning_rate);
  if (!strcmp(name, "--epochs")) return parse_epochs(value, &options->epochs);
  if (!strcmp(name, "--svg")) return parse_svg_path(value, &options->svg_path);
  options->csv_path = value;
  return 1;
}

static int parse_options(int count, char **arguments, Options *options) {
  for (int i = 1; i < count; ++i) {
    if (!strcmp(arguments[i], "--help")) {
      options->help = 1;
    } else if (!strcmp(arguments[i], "--f64")) {
      options->dtype = NADIR_F64;
    } else {
      /* argv ends in NULL, which stands for a missing value */
      if (!parse_value(arguments[i], arguments[i + 1], options)) return 0;
      ++i;
    }
  }
  return 1;
}

/* ------------------------------------------------------------------------------------------------------ main */

static int write_files(const Options *options, const History *history, double prediction) {
  int ok = 1;
  if (history->count == 0) return ok;
  if (options->csv_path != NULL) ok = write_csv(options->csv_path, options->dtype, history) && ok;
  if (options->svg_path != NULL) ok = draw(options->svg_path, history, prediction) && ok;
  return ok;
}

static int run(const Options *options) {
  Fit fit = {0};
  History history = {0};
  double prediction = NAN;
  fit.dtype = options->dtype;
  int ok = start(&fit) && train(&fit, options, &history) && try_unseen(&fit, &prediction);
  if (fflush(stdout) != 0) ok = report_file("standard output");
  /* Steps that were taken before a failure are worth a file too. */
  ok = write_files(options, &history, prediction) && ok;
  free(history.steps);
  finish(&fit);
  return ok;
}

int main(int argc, char **argv) {
  Options options = {NADIR_F32, 0.1, 2, NULL, NULL, 0};
#ifdef SIGPIPE
  signal(SIGPIPE, SIG_IGN); /* should gnuplot end early, its exit status tells, and the program goes on */
#endif
  if (!parse_options(argc, argv, &options)) return 2;
  if (options.help) return fputs(kUsage, stdout) < 0;
  return run(&options) ? 0 : 1;
}
