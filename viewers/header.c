// The first line of the screen.
#include "viewers/show.h"
#include "viewers/view.h"

#include "core/base/text.h"
#include "core/session/live.h"

#include <stdarg.h>
#include <string.h>

enum { PIECES_MOST = 16, PIECE_SIZE = 256, BETWEEN = 3 };

// A piece of the line. As it gets narrow, those of the greatest rank are left out first.
typedef struct head_piece {
  char text[PIECE_SIZE];
  int columns, gap; // gap: blanks in front of it
  int rank;
  bool right; // stands in the right half
  bd_role role;
} head_piece;

typedef struct head_line {
  head_piece pieces[PIECES_MOST];
  int count;
} head_line;

__attribute__((format(printf, 4, 5))) static head_piece *add(head_line *line, int rank, int gap,
                                                             const char *format, ...) {
  head_piece *piece = &line->pieces[line->count++];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(piece->text, PIECE_SIZE, format, arguments);
  va_end(arguments);
  for (const char *c = piece->text; *c; c++)
    piece->columns += ((unsigned char)*c & 0xC0) != 0x80;
  piece->rank = rank;
  piece->gap = gap;
  piece->role = BD_ROLE_HEADER;
  return piece;
}

// "421.6 → 48.1 KiB": one unit where both have the same.
static void show_sizes(char out[PIECE_SIZE], double before, double after, const char *mark) {
  char from[BD_SHOW_SIZE], to[BD_SHOW_SIZE];
  bd_text_bytes(from, sizeof from, before);
  bd_text_bytes(to, sizeof to, after);
  char *from_unit = strchr(from, ' ');
  const char *to_unit = strchr(to, ' ');
  if (from_unit && to_unit && strcmp(from_unit, to_unit) == 0) *from_unit = '\0';
  snprintf(out, PIECE_SIZE, "%s → %s%s", from, mark, to);
}

static void add_model(head_line *line, const bd_desk *desk, const bd_totals *totals, bool ascii) {
  const bd_model_info *about = bd_model_about(bd_session_model(desk->session));
  int layers = bd_session_count(desk->session);
  char name[PIECE_SIZE - 8], count[BD_SHOW_SIZE];
  add(line, 6, 0, "bitdial")->role = BD_ROLE_TITLE;
  add(line, 0, 2, "%s%s", bd_show_name(name, sizeof name, bd_text_base(about->file), ascii),
      bd_session_dirty(desk->session) ? " *" : "");
  if (totals->missing > 0)
    add(line, 5, 1, "· %d of %d layers …", totals->layers, totals->layers + totals->missing)->role =
        BD_ROLE_STALE;
  else
    add(line, 5, 1, "· %d layer%s", layers, layers == 1 ? "" : "s");
  add(line, 7, 1, "· %s weight%s", bd_text_count(count, sizeof count, about->weights),
      about->weights == 1 ? "" : "s");
}

// While results are computed anew all totals are those of before, and marked; so are those of a
// network that is to be repaired, which gets other weights and more scales. That mark stays as long
// as any of them does.
static void add_totals(head_line *line, const bd_totals *totals, bool repairs) {
  char sizes[PIECE_SIZE], sqnr[BD_SHOW_SIZE];
  int left = line->count;
  if (totals->layers == 0) return;
  const char *mark = totals->stale > 0 ? "~" : "";
  show_sizes(sizes, totals->bytes_float, totals->bytes, mark);
  add(line, 3, BETWEEN, "%s", sizes);
  add(line, 1, 2, "%s%.1f×", mark, totals->ratio);
  add(line, 4, BETWEEN, "%s%.2f bits/w", mark, totals->bits_per_weight);
  add(line, 2, BETWEEN, "SQNR %s%s", mark, bd_show_sqnr(sqnr, totals->sqnr_db));
  if (repairs) add(line, 1, 1, "unrepaired");
  for (int i = left; i < line->count; i++) {
    line->pieces[i].right = true;
    if (totals->stale > 0) line->pieces[i].role = BD_ROLE_STALE;
  }
}

// "top-1 93.9 → 92.0 %": of the float network and of the quantized one, as far as they are known.
static void add_before_after(head_line *line, const bd_mean *before, const bd_mean *after,
                             const char *mark) {
  double from = 100 * bd_mean_value(before);
  if (after->count == 0)
    add(line, 1, BETWEEN, "top-1 %.1f → … %%", from);
  else
    add(line, 1, BETWEEN, "top-1 %.1f → %s%.1f %%", from, mark, 100 * bd_mean_value(after));
}

// What the network answers, where it is run. While it grows or belongs to earlier settings it is
// marked as such.
static void add_accuracy(head_line *line, const bd_live_state *live) {
  const bd_evaluation *e = &live->figures;
  const char *mark = live->current ? "" : "~";
  int first = line->count;
  if (!live->on || e->samples == 0) return;
  if (e->real.top1.count > 0) {
    add_before_after(line, &e->real.top1, &e->quantized.top1, mark);
    if (e->quantized.top1.count > 1)
      add(line, 5, 1, "±%.1f", 100 * bd_mean_error(&e->quantized.top1));
  } else if (e->agreement.count > 0) {
    add(line, 1, BETWEEN, "same class %s%.1f %%", mark, 100 * bd_mean_value(&e->agreement));
  }
  if (e->kl.count > 0)
    add(line, 5, 2, "KL %s%.3f", mark, bd_mean_value(&e->kl));
  else if (e->signal > 0)
    add(line, 5, 2, "output %s%.1fdB", mark, bd_decibel(e->signal, e->noise));
  if (e->quantized.top1.count + e->kl.count > 0 && live->repaired != BD_RECOVER_NONE)
    add(line, 2, 1, "%s", live->repaired == BD_RECOVER_MATCH ? "matched" : "reconstructed");
  if (live->to_mend > 0)
    add(line, 2, 1, "repairing %d/%d", live->mended, live->to_mend)->role = BD_ROLE_STALE;
  else if (!live->done)
    add(line, 2, 1, "%lld/%lld", (long long)e->samples, (long long)e->wanted);
  for (int i = first; i < line->count; i++) {
    line->pieces[i].right = true;
    if (!live->current) line->pieces[i].role = BD_ROLE_STALE;
  }
}

static int width(const head_line *line, bool right_only) {
  int sum = 0;
  for (int i = 0; i < line->count; i++)
    if (line->pieces[i].right || !right_only) sum += line->pieces[i].gap + line->pieces[i].columns;
  return sum;
}

// Leaves the least wanted piece out.
static void leave_out(head_line *line) {
  int least = 0;
  for (int i = 0; i < line->count; i++)
    if (line->pieces[i].rank > line->pieces[least].rank) least = i;
  for (int i = least + 1; i < line->count; i++)
    line->pieces[i - 1] = line->pieces[i];
  line->count--;
}

// The model's name keeps a third of the line at least, and what the other pieces leave.
static void fit(head_line *line, int columns) {
  head_piece *name = &line->pieces[1];
  int whole = name->columns, least = columns / 3 > 16 ? columns / 3 : 16;
  if (name->columns > least) name->columns = least;
  while (line->count > 1 && width(line, false) > columns)
    leave_out(line);
  name = line->pieces[0].rank == 0 ? &line->pieces[0] : &line->pieces[1];
  int room = name->columns + columns - width(line, false);
  name->columns = whole < room ? whole : room;
}

void bd_draw_header(const bd_desk *desk, bd_area area) {
  head_line line = {.count = 0};
  bd_totals totals = bd_session_totals(desk->session);
  if (area.columns <= 0 || area.rows <= 0) return;
  add_model(&line, desk, &totals, bd_canvas_ascii(area.canvas));
  add_totals(&line, &totals, bd_session_repair(desk->session)->how != BD_RECOVER_NONE);
  add_accuracy(&line, bd_session_live(desk->session));
  fit(&line, area.columns);
  bd_tint(area, 0, 0, area.columns, BD_ROLE_HEADER);
  int at = 0;
  bool right = false;
  for (int i = 0; i < line.count; i++) {
    const head_piece *piece = &line.pieces[i];
    if (piece->right && !right) at = area.columns - width(&line, true);
    right = piece->right;
    at = bd_print_fit(area, at + (at > 0 ? piece->gap : 0), 0, piece->columns, piece->role,
                      piece->text);
  }
}
