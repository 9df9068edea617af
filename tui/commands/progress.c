#include "tui/commands/progress.h"

#include "core/base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const double quiet = 2; // s before the first word
static const double bar_every = 0.1, line_every = 5;

bd_bar bd_bar_start(const char *what) {
  return (bd_bar){.what = what, .terminal = isatty(STDERR_FILENO), .start = bd_seconds()};
}

// How long it will take yet; nothing where no part is done.
static const char *time_left(char *out, size_t size, double now, int done, int total) {
  out[0] = '\0';
  if (done > 0) snprintf(out, size, ", about %.0f s left", now / done * (total - done));
  return out;
}

static void draw_bar(const bd_bar *bar, int done, int total, const char *left) {
  enum { WIDTH = 30 };
  char cells[WIDTH + 1];
  for (int i = 0; i < WIDTH; i++)
    cells[i] = i < WIDTH * done / total ? '#' : '.';
  cells[WIDTH] = '\0';
  fprintf(stderr, "\r[%s] %d/%d %s%s \x1b[K", cells, done, total, bar->what, left);
}

void bd_bar_show(void *arg, int done, int total) {
  bd_bar *bar = arg;
  double now = bd_seconds() - bar->start;
  if (now < quiet || done >= total) return;
  if (bar->drawn && now - bar->last < (bar->terminal ? bar_every : line_every)) return;
  char left[40];
  time_left(left, sizeof left, now, done, total);
  if (bar->terminal)
    draw_bar(bar, done, total, left);
  else
    fprintf(stderr, "%d of %d %s done%s\n", done, total, bar->what, left);
  bar->last = now;
  bar->drawn = true;
}

void bd_bar_end(bd_bar *bar) {
  if (bar->drawn && bar->terminal) fputs("\r\x1b[K", stderr);
}

static bd_cancel interrupted;

static void on_signal(int signal) {
  (void)signal;
  atomic_store(&interrupted, true);
}

const bd_cancel *bd_interrupt(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  return &interrupted;
}
