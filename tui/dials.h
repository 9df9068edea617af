// Turning dials: edits of the marked layers, or of the one in hand, each as one undo step.
#ifndef BD_TUI_DIALS_H
#define BD_TUI_DIALS_H

#include "viewers/view.h"

// The layers that an edit goes to: the marked ones, else the one in hand; refused ones are left
// out. layers: room for all of the session's. Returns how many.
int bd_dials_layers(const bd_desk *desk, int *layers);
// Names them: "c3.weight" or "3 layers". Returns out.
char *bd_dials_names(const bd_desk *desk, char *out, size_t size);

// Sets a field from text. BD_INVALID where the text is wrong, or there is nothing to set.
bd_status bd_dials_set(bd_desk *desk, int field, const char *text, bd_error *err);
// Turns a field by steps (quant/setting.h). Numbers: each layer from its own value; choices: all to
// the one that follows that of the layer in hand.
bd_status bd_dials_step(bd_desk *desk, int field, int steps, bd_error *err);
// Sets every field whose flag is up to its value in `values`, as one step (the form).
bd_status bd_dials_apply(bd_desk *desk, const bd_dial *values, const bool fields[BD_FIELD_COUNT],
                         bool lock, bd_error *err);
// Locks the layers, or releases them where the first is locked.
bd_status bd_dials_lock(bd_desk *desk, bd_error *err);

#endif
