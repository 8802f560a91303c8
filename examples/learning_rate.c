/*
 * Shows what the learning rate does, on the smallest possible problem: the minimum of f(x) = x², from x = 3.
 *
 * Gradient descent moves x against the slope f'(x) = 2x, times the learning rate: x = x - rate * 2x. Ten steps are taken
 * at each of five rates.
 *
 * To compile:  cc learning_rate.c -lnadir
 * To run:      ./a.out --svg rates.svg                        (./a.out --help lists the options)
 *
 * What to look for:
 *   - build:      a graph needs no layers and no data: here it is one parameter, x, and one operation, its square.
 *   - take_step:  the four calls of a training step. Nobody wrote down that the slope is 2x.
 *   - the table:  at rate 1 x jumps between 3 and -3 for ever; at 0.9 it jumps across the minimum too, but comes as close
 *                 as at 0.1, which stays on one side; 0.5 is there in one step; 0.01 has hardly moved.
 */
#define _POSIX_C_SOURCE 200809L /* for popen */

#include <errno.h>
#include <nadir/nadir.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifdef _WIN32
#define popen _popen
#define pclose _pclose
#define NO_STDERR " 2>NUL"
#else
#define NO_STDERR " 2>/dev/null"
#endif

enum { kRateCount = 5, kStepCount = 10, kPanelColumns = 3, kPanelRows = 2 };

static const double kRates[kRateCount] = {1, 0.9, 0.5, 0.1, 0.01};
static const char *const kColours[kRateCount] = {"#d62728", "#ff7f0e", "#2ca02c", "#1f77b4", "#9467bd"};
static const double kStart = 3;

typedef struct Descent {
  nadir_graph *graph;
  nadir_node x, square;
  nadir_session *session;
} Descent;

typedef struct Path {
  double x[kStepCount + 1]; /* at first, and after each step */
} Path;

/* Whether a call went well; if not, says what happened. Calls are joined with && up to main, which frees everything. */
static int check(nadir_status status, const char *message) {
  if (status == NADIR_OK) return 1;
  fflush(stdout);
  fprintf(stderr, "learning_rate: %s: %s\n", nadir_status_name(status), message);
  return 0;
}

static int check_graph(const nadir_graph *graph, nadir_status status) {
  return check(status, nadir_graph_error(graph));
}

static int check_session(const nadir_session *session, nadir_status status) {
  return check(status, nadir_session_error(session));
}

static int report_file(const char *path) {
  fprintf(stderr, "learning_rate: cannot write \"%s\": %s\n", path, strerror(errno));
  return 0;
}

/* -------------------------------------------------------------------------------------------------- descent */

static int build(Descent *descent) {
  nadir_graph *graph = nadir_graph_new(NULL);
  if (graph == NULL) return check(NADIR_E_NO_MEMORY, "no memory for a graph");
  descent->graph = graph;
  descent->x = nadir_param_add(graph, "x", NADIR_F64, NULL, 0, NULL); /* rank 0: a single number */
  descent->square = nadir_square(graph, descent->x);
  /* The square is the loss: what is to become as small as possible. */
  descent->session = nadir_session_new(graph, descent->square, NULL, 0, /* max_batch */ 1, NULL);
  return descent->session != NULL || check_graph(graph, nadir_graph_status(graph));
}

static int get_x(const Descent *descent, double *x) {
  return check(nadir_param_get(descent->graph, descent->x, x, sizeof *x), "while getting x");
}

static int take_step(Descent *descent, double rate) {
  nadir_session *session = descent->session;
  return check_session(session, nadir_zero_grad(session)) && check_session(session, nadir_forward(session)) &&
         check_session(session, nadir_backward(session)) && check_session(session, nadir_sgd_step(session, rate));
}

static int descend(Descent *descent, double rate, Path *path) {
  int ok = check_graph(descent->graph, nadir_param_set(descent->graph, descent->x, &kStart, sizeof kStart)) &&
           get_x(descent, &path->x[0]);
  for (int step = 1; step <= kStepCount && ok; ++step) {
    ok = take_step(descent, rate) && get_x(descent, &path->x[step]);
  }
  return ok;
}

static int descend_at_all_rates(Path *paths) {
  Descent descent = {0};
  int ok = build(&descent);
  for (int i = 0; i < kRateCount && ok; ++i) ok = descend(&descent, kRates[i], &paths[i]);
  nadir_session_free(descent.session);
  nadir_graph_free(descent.graph);
  return ok;
}

static int print_table(const Path *paths) {
  printf("%4s", "step");
  for (int i = 0; i < kRateCount; ++i) {
    char heading[32];
    snprintf(heading, sizeof heading, "x at %g", kRates[i]);
    printf("%24s", heading);
  }
  printf("\n");
  for (int step = 0; step <= kStepCount; ++step) {
    printf("%4d", step);
    for (int i = 0; i < kRateCount; ++i) printf("%24.17g", paths[i].x[step]);
    printf("\n");
  }
  return fflush(stdout) == 0 || report_file("standard output");
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

static void begin_picture(FILE *gnuplot, const char *file) {
  fprintf(gnuplot, "set encoding utf8\nset minussign\n");
  fprintf(gnuplot, "set terminal svg size 1100,760 font 'sans-serif,11' background 'white'\nset output ");
  put_quoted(gnuplot, file);
  fprintf(gnuplot,
          "\nset multiplot layout %d,%d title 'Ten steps down f(x) = x² from x = 3' font ',15'\n"
          "set border 3 lc rgb '#606060'\nset grid lc rgb '#e8e8e8' lt 1\nset tics nomirror scale 0.5\n"
          "set samples 200\nset xlabel 'x' offset 0,0.5\nset xrange [-3.5:3.5]\nset yrange [-0.5:11]\nset xtics 1\n",
          kPanelRows, kPanelColumns);
}

/* Writes the rows `x y` of a path as the data block $path. */
static void put_path(FILE *gnuplot, const Path *path) {
  fprintf(gnuplot, "$path << END\n");
  for (int step = 0; step <= kStepCount; ++step) {
    const double x = path->x[step];
    fprintf(gnuplot, "%.17g %.17g\n", x, x * x);
  }
  fprintf(gnuplot, "END\n");
}

static void draw_path(FILE *gnuplot, double rate, const char *colour, const Path *path) {
  put_path(gnuplot, path);
  fprintf(gnuplot,
          "set title 'learning rate %g: ends at x = %.4g'\n"
          "plot x**2 lw 2 lc rgb '#b4b4b4' notitle, "
          "$path with linespoints pt 7 ps 0.6 lw 1.5 lc rgb '%s' notitle\n",
          rate, path->x[kStepCount], colour);
}

static void draw_all_steps(FILE *gnuplot, const Path *paths) {
  for (int i = 0; i < kRateCount; ++i) {
    fprintf(gnuplot, "$rate%d << END\n", i);
    for (int step = 0; step <= kStepCount; ++step) fprintf(gnuplot, "%d %.17g\n", step, paths[i].x[step]);
    fprintf(gnuplot, "END\n");
  }
  fprintf(gnuplot,
          "set title 'x after each step'\nset xlabel 'step'\nset xrange [0:%d]\nset yrange [-3.5:3.5]\n"
          "set xtics 2\nset ytics 1\nset key outside right center samplen 1.5\nplot ",
          kStepCount);
  for (int i = 0; i < kRateCount; ++i) {
    fprintf(gnuplot, "$rate%d with linespoints pt 7 ps 0.5 lw 1.5 lc rgb '%s' title 'at %g'%s", i, kColours[i],
            kRates[i], i + 1 < kRateCount ? ", " : "\n");
  }
}

/* Tried here, since a gnuplot that cannot write a file writes to the standard output instead. */
static int can_write(const char *file_name) {
  FILE *file = fopen(file_name, "w");
  if (file == NULL) return report_file(file_name);
  fclose(file);
  return 1;
}

/* Without gnuplot there is no picture, which is no failure; a gnuplot that fails is one. */
static int draw(const char *file, const Path *paths) {
  if (!have_gnuplot()) {
    fprintf(stderr, "learning_rate: gnuplot was not found, so \"%s\" is not drawn\n", file);
    return 1;
  }
  if (!can_write(file)) return 0;
  FILE *gnuplot = popen("gnuplot -d", "w"); /* -d: without the user's settings */
  if (gnuplot == NULL) return report_file(file);
  begin_picture(gnuplot, file);
  for (int i = 0; i < kRateCount; ++i) draw_path(gnuplot, kRates[i], kColours[i], &paths[i]);
  draw_all_steps(gnuplot, paths);
  fprintf(gnuplot, "unset multiplot\nset output\n");
  if (pclose(gnuplot) == 0) return 1;
  fprintf(stderr, "learning_rate: gnuplot could not draw \"%s\"\n", file);
  return 0;
}

/* ----------------------------------------------------------------------------------------------------- main */

static const char kUsage[] =
    "learning_rate: ten steps of gradient descent on f(x) = x*x from x = 3, at five learning rates\n"
    "\n"
    "  --svg FILE   also draw the paths (needs gnuplot)\n"
    "  --help       print this\n";

/* To gnuplot a name that begins with | is a program to run, and a line end the end of a command. */
static int is_plain_file_name(const char *text) {
  int plain = text[0] != 0 && text[0] != '|' && strncmp(text, "--", 2) != 0;
  for (const char *c = text; *c != 0; ++c) plain = plain && (unsigned char)*c >= ' ';
  return plain;
}

static int parse_options(int count, char **arguments, int *help, const char **svg_file) {
  for (int i = 1; i < count; ++i) {
    if (!strcmp(arguments[i], "--help")) {
      *help = 1;
    } else if (strcmp(arguments[i], "--svg") != 0) {
      fprintf(stderr, "learning_rate: \"%s\" is no option; wants --svg or --help\n", arguments[i]);
      return 0;
    } else if (++i == count) {
      fprintf(stderr, "learning_rate: --svg wants a file name after it\n");
      return 0;
    } else if (!is_plain_file_name(arguments[i])) {
      fprintf(stderr, "learning_rate: --svg \"%s\": wants a file name without -- or | in front or line ends\n",
              arguments[i]);
      return 0;
    } else {
      *svg_file = arguments[i];
    }
  }
  return 1;
}

int main(int argc, char **argv) {
  Path paths[kRateCount] = {{{0}}};
  const char *svg_file = NULL;
  int help = 0;
#ifdef SIGPIPE
  signal(SIGPIPE, SIG_IGN); /* should gnuplot end early, its exit status tells, and the program goes on */
#endif
  if (!parse_options(argc, argv, &help, &svg_file)) return 2;
  if (help) return fputs(kUsage, stdout) < 0;
  int ok = descend_at_all_rates(paths) && print_table(paths);
  if (svg_file != NULL) ok = ok && draw(svg_file, paths);
  return ok ? 0 : 1;
}
