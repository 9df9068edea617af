// Values as people read them, in few columns. Every function writes UTF-8 into out and returns it;
// on an ASCII canvas the canvas swaps the signs for their twins.
#ifndef BD_VIEWERS_SHOW_H
#define BD_VIEWERS_SHOW_H

#include "core/session/session.h"

#include <stddef.h>

enum { BD_SHOW_SIZE = 32 }; // enough for every value here but names and shapes

// "13.2dB", "exact" for an error of zero, "–" for what is not a number.
char *bd_show_sqnr(char out[BD_SHOW_SIZE], double db);
// "50%", "12.5%", "–" for none.
char *bd_show_prune(char out[BD_SHOW_SIZE], double ratio);
// How far the clustering is from the optimum: "✓" proved optimal, "+.02%" or "×20" a proved
// distance, "≤+.02%" at most that, "…" not known yet, "–" where nothing is clustered.
char *bd_show_optimum(char out[BD_SHOW_SIZE], const bd_result *result);
// A ratio of at least 1 as a distance: "+<.01%", "+.02%", "+130%", "×20".
char *bd_show_distance(char out[BD_SHOW_SIZE], double ratio);
// "0.021", "–" where it is not known: a divergence in nats.
char *bd_show_kl(char out[BD_SHOW_SIZE], double kl);
// "93.9%", "–" where it is not known: a share of 1.
char *bd_show_share(char out[BD_SHOW_SIZE], double share);
// "208B", "20.3K", "1.2M": at most 5 columns, binary units.
char *bd_show_bytes(char out[BD_SHOW_SIZE], double bytes);
// "812", "20.3K", "1.2G": at most 5 columns, decimal units; "–" for what is not known.
char *bd_show_macs(char out[BD_SHOW_SIZE], double macs);
// "−0.31", "0", "1.2e−05": a weight's value, at most 8 columns.
char *bd_show_value(char out[BD_SHOW_SIZE], double value);
// "96×64×3×3", "–" where it is not known.
char *bd_show_shape(char *out, size_t size, const bd_layer *layer);
// The operator; dwConv for a depthwise Conv. As it is in the model: not made safe.
const char *bd_show_kind(const bd_layer *layer);
// The same, made safe.
char *bd_show_op(char *out, size_t size, const bd_layer *layer);
// A name from the model, made safe; in ASCII every byte outside it as \xNN.
char *bd_show_name(char *out, size_t size, const char *name, bool ascii);
// A name in at most `columns`: words are shortened from the left, to one letter each; numbers stay,
// so that names which differ still do ("m.l.10.s_a.q_pro….weight", the mark behind the last word
// that was cut); what is too long then loses its head ("…_255").
char *bd_show_short(char *out, size_t size, const char *name, int columns);
// The end of a name, in at most `columns`: "…basis_buffer".
char *bd_show_tail(char *out, size_t size, const char *name, int columns);
// How many columns a text takes: its characters.
int bd_show_columns(const char *text);

#endif
