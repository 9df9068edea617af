// A panel: one table of callbacks and its own small state. Views read the session and draw on an
// area; they never know curses, and change the session only through bd_session_* calls.
#ifndef BD_VIEWERS_VIEW_H
#define BD_VIEWERS_VIEW_H

#include "core/export/format.h"
#include "core/session/insight.h"
#include "core/session/session.h"
#include "viewers/canvas.h"

#include <stdio.h>

// What all panels share: which layer is in hand, which are marked, and what a view wants to say.
typedef struct bd_desk {
  bd_session *session;
  int layer;               // in hand; -1 where the model has no layers
  bool *marks;             // one a layer
  bool read_only;          // nothing may be written
  char filter[128];        // only layers that match it are in the table (viewers/match.h); "" all
  char message[512];       // what the last key did; the footer shows it. "" none
  bool failed;             // the message is an error
  bool to_table;           // a view asks: the keys go to the layer table
  const bd_format *target; // the network is for it: what it cannot hold is marked; NULL none
  int target_version;
  const char *exporting; // the path that an export is being written to; NULL: none
  uint64_t compare; // the configuration (session/seen.h) that was chosen to compare with; 0: none
} bd_desk;

// Sets the message (one line; kept until the next).
void bd_desk_say(bd_desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bd_desk_fail(bd_desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Pins a configuration that the session has seen, or takes its pin off where no name is given
// (NULL), and says so.
bd_status bd_desk_pin(bd_desk *desk, int seen, const char *name, bd_error *err);

// A command: what a key, the command line and the help call the same thing. Views and tui bring
// tables of these; tui joins them into the one key table.
typedef struct bd_command {
  const char *name;  // "bits-up"; also what `:` and scripts take
  const char *keys;  // its keys, apart by blanks: "+ =", "<up> k", "<c-r>", "<space>"; "" none
  const char *label; // a word or two for the footer ("bits"), NULL: not in the footer
  const char *help;  // one line
  int id;            // of the table that brings it
} bd_command;

typedef struct bd_view bd_view;

typedef struct bd_view_class {
  const char *name;           // "histogram": the panel's title and command name
  const bd_command *commands; // keys that work while this panel has the focus
  int command_count;
  bd_view *(*open)(void); // state, zeroed where it has none; NULL without memory
  void (*close)(bd_view *view);
  // Draws the panel's inside. focused: it has the keys.
  void (*draw)(bd_view *view, const bd_desk *desk, bd_area area, bool focused);
  // What stands beside the name in the panel's title ("c3.weight  Conv 96×64×3×3"), shortened to
  // `columns` as well as it can be; the caller cuts what is still too long. May be NULL.
  void (*title)(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                size_t size);
  // What it shows of bd_session_insight on so large an area (bd_want, or-ed); NULL: nothing.
  unsigned (*wants)(int columns, int rows);
  // Runs one of its commands.
  void (*command)(bd_view *view, bd_desk *desk, int id);
  // A click (wheel 0) or wheel turn (-1 up, +1 down) at a cell of the area drawn last; may be NULL.
  void (*mouse)(bd_view *view, bd_desk *desk, int column, int row, int wheel);
  const char *signs; // a text for the help: what its signs and words mean. NULL: nothing to say
  // Writes the value in hand as text (y), "" where there is none; may be NULL.
  void (*copy)(bd_view *view, const bd_desk *desk, char *out, size_t size);
} bd_view_class;

// The panels, in the order of Tab and of 1–9. One table; NULL past the last.
const bd_view_class *bd_view_at(int index);
int bd_view_count(void);

// The first line of the screen: model, size before and after, ratio, bits/weight, SQNR.
void bd_draw_header(const bd_desk *desk, bd_area area);

// Everything the panels show, as plain text (`bitdial report`): a summary, the layer table, then
// each layer's histogram, error, steps of the clustering, and codebook where it is short. All jobs
// must be done. columns: 40..400. False where memory ran out for a part of it.
bool bd_report_text(bd_desk *desk, FILE *out, int columns, bool ascii);

#endif
