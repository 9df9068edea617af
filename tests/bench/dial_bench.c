// A dial turned → new histogram and error drawn, through the explorer's own code (keys, jobs,
// panels, canvas), on the largest tensor of a 98 MB model; and the index of the whole model.
#include "core/session/session.h"
#include "tui/ui.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TURNS = 9 };

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void wait_some(bd_ui *ui) {
  struct pollfd wake = {bd_session_wake_fd(ui->desk.session), POLLIN, 0};
  poll(&wake, 1, 1000);
  bd_ui_poll(ui);
}

static void settle(bd_ui *ui) {
  while (bd_session_pending(ui->desk.session) > 0)
    wait_some(ui);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int largest_layer(const bd_session *session) {
  int best = 0;
  const bd_model *model = bd_session_model(session);
  for (int i = 1; i < bd_session_count(session); i++)
    if (bd_model_layer(model, i)->weights > bd_model_layer(model, best)->weights) best = i;
  return best;
}

typedef struct turn {
  double shown, proved; // ms from the key
} turn;

static void until_shown(bd_ui *ui) {
  while (bd_session_layer(ui->desk.session, ui->desk.layer)->stale)
    wait_some(ui);
}

// From the width beside it, whose proof has just begun: as when a key is held down.
static turn turn_dial(bd_ui *ui, int bits) {
  bd_error err;
  char command[32];
  snprintf(command, sizeof command, "bits %d", bits == 1 ? 2 : bits - 1);
  bd_ui_run(ui, command, &err);
  until_shown(ui);
  snprintf(command, sizeof command, "bits %d", bits);
  turn t;
  double start = now_ms();
  bd_ui_run(ui, command, &err);
  until_shown(ui);
  bd_ui_draw(ui, 120, 40);
  t.shown = now_ms() - start;
  while (bd_session_layer(ui->desk.session, ui->desk.layer)->proving)
    wait_some(ui);
  bd_ui_draw(ui, 120, 40);
  t.proved = now_ms() - start;
  return t;
}

static void measure(bd_ui *ui, int bits, const char *prune) {
  char command[32];
  bd_error err;
  double shown[TURNS], proved[TURNS];
  snprintf(command, sizeof command, "prune %s", prune);
  bd_ui_run(ui, command, &err);
  settle(ui);
  for (int i = 0; i < TURNS; i++) {
    turn t = turn_dial(ui, bits);
    shown[i] = t.shown;
    proved[i] = t.proved;
  }
  qsort(shown, TURNS, sizeof *shown, ascending);
  qsort(proved, TURNS, sizeof *proved, ascending);
  printf("bits %d prune %s   shown: median %6.1f ms  max %6.1f   proved: median %6.1f ms  max %6.1f"
         "   to reach: %s\n",
         bits, prune, shown[TURNS / 2], shown[TURNS - 1], proved[TURNS / 2], proved[TURNS - 1],
         bits < 8 ? "<= 16 ms at 1-5 bits" : "<= 50 ms");
}

static void measure_index(bd_session *session, double start) {
  struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
  int left;
  do {
    poll(&wake, 1, 1000);
    bd_session_poll(session);
    left = 0;
    for (int i = 0; i < bd_session_count(session); i++)
      left += !bd_session_layer(session, i)->index;
  } while (left > 0);
  printf("every layer read and indexed, 25.5 M weights: %.0f ms   to reach: < 1500 ms\n",
         now_ms() - start);
}

int main(void) {
  const char *path = getenv("BIG_MODEL");
  bd_error err = {{0}};
  bd_model *model = NULL;
  bd_session *session = NULL;
  bd_ui *ui = NULL;
  double start = now_ms();
  if (!path || bd_model_open(path, &model, &err) != BD_OK ||
      bd_session_new(model, NULL, NULL, 0, &session, &err) != BD_OK) {
    fprintf(stderr, "dial_bench: %s\n", path ? err.text : "BIG_MODEL names no model");
    return 1;
  }
  measure_index(session, start);
  bd_ui_options options = {.session = session, .theme = "dark", .scripted = true};
  if (bd_ui_new(&options, &ui, &err) != BD_OK) return 1;
  char select[256];
  snprintf(select, sizeof select, "select %s",
           bd_model_layer(model, largest_layer(session))->tensor);
  if (bd_ui_run(ui, select, &err) != BD_OK) return 1;
  settle(ui);
  printf("turning %s, %lld weights:\n", bd_model_layer(model, ui->desk.layer)->tensor,
         (long long)bd_model_layer(model, ui->desk.layer)->weights);
  static const char *const prunes[] = {"0", "0.5"};
  for (int p = 0; p < 2; p++)
    for (int bits = 1; bits <= BD_BITS_MAX; bits++)
      measure(ui, bits, prunes[p]);
  bd_ui_free(ui);
  bd_session_free(session);
  return 0;
}
