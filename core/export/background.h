// Exports in the background: a thread of its own quantizes a network once, then plans it for one
// format after the other, and writes.
#ifndef BD_EXPORT_BACKGROUND_H
#define BD_EXPORT_BACKGROUND_H

#include "core/export/format.h"

enum { BD_NEWS_LOSSES = 64, BD_EXPORT_PATH = 512 };

typedef struct bd_exporter bd_exporter;

// What it is asked for. path "": the plan alone.
typedef struct bd_order {
  const bd_format *format;
  int version;
  char path[BD_EXPORT_PATH];
} bd_order;

// How far the last order is.
typedef struct bd_news {
  bd_order order;
  bool busy;        // still at work on it
  bd_status status; // once it is not
  bd_error error;
  bd_loss losses[BD_NEWS_LOSSES]; // the first of loss_count
  int loss_count;
  double bytes; // packed, as the format stores it
  bool written;
  bd_report report; // of what was written
} bd_news;

// settings: one a layer, copied. repair: of these settings, shared; NULL: none. The model must live
// as long. wake is called from the thread when
// there are news. *out is released with bd_exporter_free.
bd_status bd_exporter_new(const bd_model *model, const bd_setting *settings,
                          const bd_repair *repair, int threads, void (*wake)(void *arg), void *arg,
                          bd_exporter **out, bd_error *err);
// Cancels what can be, waits for the rest. NULL is allowed.
void bd_exporter_free(bd_exporter *exporter);

// A later order takes the place of one that has not begun.
void bd_exporter_ask(bd_exporter *exporter, const bd_order *order);
// Copies the news; true where they changed since the last call.
bool bd_exporter_poll(bd_exporter *exporter, bd_news *out);

#endif
