#include "tui/rescue.h"

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/session/config.h"
#include "tui/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_DIGITS = 32, SLOTS = 64, REST_MS = 1000, AGAIN_MS = 50 };

// A place for one explorer's edits; locked by it for as long as it runs.
typedef struct berth {
  char *path; // NULL: none
  int lock;
} berth;

struct bd_rescue {
  bd_session *session;
  berth own, earlier;
  bd_dial *seen; // the dials at the last tick
  bd_repair_plan seen_repair;
  int count;
  int64_t changed; // when they changed last; 0: what is written is what is seen
  bool writing;    // the thread below runs, or waits to be joined
  pthread_t writer;
  bd_dial *to_write; // the writer's while it runs
  bd_repair_plan repair_to_write;
  atomic_bool written;
};

// --- slots ---------------------------------------------------------------------------------------

// One file a model and slot, named by the hash of the model's path.
static char *slot_path(const bd_session *session, int number) {
  char real[PATH_MAX], hash[65], file[96], path[PATH_MAX];
  if (!realpath(bd_model_about(bd_session_model(session))->file, real)) return NULL;
  bd_sha256(real, strlen(real), hash);
  snprintf(file, sizeof file, "rescue/%.*s.%d.json", NAME_DIGITS, hash, number);
  return bd_path_state(file, path, sizeof path) && bd_path_make(path) ? strdup(path) : NULL;
}

static void lock_path(const berth *slot, char out[PATH_MAX]) {
  snprintf(out, PATH_MAX, "%s.lock", slot->path);
}

// Whoever leaves removes his lock: one that was got meanwhile must still stand there.
static bool still_there(int fd, const char *path) {
  struct stat ours, there;
  return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino;
}

static bool take_slot(berth *slot) {
  char path[PATH_MAX];
  lock_path(slot, path);
  slot->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (slot->lock < 0) return false;
  if (flock(slot->lock, LOCK_EX | LOCK_NB) == 0 && still_there(slot->lock, path)) return true;
  close(slot->lock);
  return false;
}

static void leave_slot(berth *slot) {
  char path[PATH_MAX];
  if (!slot->path) return;
  lock_path(slot, path);
  unlink(path);
  close(slot->lock);
  free(slot->path);
  *slot = (berth){0};
}

// A slot of our own, and the first with the edits of somebody who is gone: also where slots before
// it are free again.
static void choose_slots(bd_rescue *rescue) {
  for (int i = 0; i < SLOTS && !(rescue->own.path && rescue->earlier.path); i++) {
    berth next = {slot_path(rescue->session, i), -1};
    if (!next.path) return;
    berth *place = access(next.path, F_OK) == 0 ? &rescue->earlier : &rescue->own;
    if (!place->path && take_slot(&next))
      *place = next;
    else
      free(next.path);
  }
}

// --- writing -------------------------------------------------------------------------------------

// Notes the dials as they are; true where they have changed.
static bool look(bd_rescue *rescue) {
  bool changed = false;
  for (int i = 0; i < rescue->count; i++) {
    const bd_dial *now = &bd_session_layer(rescue->session, i)->dial;
    bd_dial *seen = &rescue->seen[i];
    if (now->locked == seen->locked && bd_setting_equal(&now->setting, &seen->setting)) continue;
    *seen = *now;
    changed = true;
  }
  const bd_repair_plan *repair = bd_session_repair(rescue->session);
  if (bd_repair_plan_equal(repair, &rescue->seen_repair)) return changed;
  return bd_repair_plan_put(&rescue->seen_repair, repair) || changed;
}

static void write_dials(bd_rescue *rescue, const bd_dial *dials, const bd_repair_plan *repair) {
  bd_config_write(rescue->own.path, bd_session_model(rescue->session), dials, repair, NULL, NULL,
                  NULL);
}

// Hashing the weights takes a millisecond a megabyte: not on the thread that draws.
static void *write_aside(void *arg) {
  bd_rescue *rescue = arg;
  write_dials(rescue, rescue->to_write, &rescue->repair_to_write);
  atomic_store(&rescue->written, true);
  return NULL;
}

static void wait_for_writer(bd_rescue *rescue) {
  if (rescue->writing) pthread_join(rescue->writer, NULL);
  rescue->writing = false;
}

static void start_writing(bd_rescue *rescue) {
  rescue->changed = 0;
  if (!bd_session_dirty(rescue->session)) {
    unlink(rescue->own.path);
    return;
  }
  memcpy(rescue->to_write, rescue->seen, (size_t)rescue->count * sizeof *rescue->seen);
  bd_repair_plan_put(&rescue->repair_to_write, &rescue->seen_repair);
  atomic_store(&rescue->written, false);
  rescue->writing = pthread_create(&rescue->writer, NULL, write_aside, rescue) == 0;
}

int bd_rescue_tick(bd_rescue *rescue) {
  if (!rescue) return -1;
  int64_t now = bd_now_ms();
  if (look(rescue)) rescue->changed = now;
  if (rescue->writing && !atomic_load(&rescue->written)) return AGAIN_MS;
  wait_for_writer(rescue);
  if (!rescue->changed) return -1;
  if (now - rescue->changed < REST_MS) return (int)(rescue->changed + REST_MS - now);
  start_writing(rescue);
  return rescue->writing ? AGAIN_MS : -1;
}

// --- the whole -----------------------------------------------------------------------------------

bd_rescue *bd_rescue_open(bd_session *session) {
  bd_rescue *rescue = calloc(1, sizeof *rescue);
  if (!rescue) return NULL;
  rescue->session = session;
  rescue->count = bd_session_count(session);
  rescue->seen = calloc((size_t)rescue->count + 1, sizeof *rescue->seen);
  rescue->to_write = calloc((size_t)rescue->count + 1, sizeof *rescue->to_write);
  if (rescue->seen && rescue->to_write) {
    look(rescue);
    choose_slots(rescue);
  }
  if (rescue->own.path) return rescue;
  bd_rescue_close(rescue, false);
  return NULL;
}

void bd_rescue_close(bd_rescue *rescue, bool ended) {
  if (!rescue) return;
  wait_for_writer(rescue);
  if (rescue->own.path && ended && bd_session_dirty(rescue->session)) {
    look(rescue);
    write_dials(rescue, rescue->seen, &rescue->seen_repair);
  } else if (rescue->own.path) {
    unlink(rescue->own.path);
  }
  leave_slot(&rescue->own);
  leave_slot(&rescue->earlier);
  bd_repair_plan_free(&rescue->seen_repair);
  bd_repair_plan_free(&rescue->repair_to_write);
  free(rescue->seen);
  free(rescue->to_write);
  free(rescue);
}

bool bd_rescue_waits(const bd_rescue *rescue) {
  return rescue && rescue->earlier.path && access(rescue->earlier.path, R_OK) == 0;
}

void bd_rescue_forget(bd_rescue *rescue) {
  if (!rescue) return;
  wait_for_writer(rescue);
  unlink(rescue->own.path);
  if (rescue->earlier.path) unlink(rescue->earlier.path);
}

static bd_status take(bd_rescue *rescue, bd_dial *dials, bd_error *err) {
  bd_session *session = rescue->session;
  bd_repair_plan repair;
  BD_TRY(
      bd_config_read(rescue->earlier.path, bd_session_model(session), dials, &repair, NULL, err));
  bd_session_edit_all(session, dials, &repair, "rescued edits");
  bd_repair_plan_free(&repair);
  unlink(rescue->earlier.path);
  return BD_OK;
}

bd_status bd_rescue_take(bd_rescue *rescue, bd_error *err) {
  if (!bd_rescue_waits(rescue))
    return bd_fail(err, BD_INVALID, "no edits of this model wait to be taken back");
  bd_dial *dials = calloc((size_t)rescue->count + 1, sizeof *dials);
  bd_status status = dials ? take(rescue, dials, err) : bd_fail_memory(err, "the edits");
  free(dials);
  return status;
}
