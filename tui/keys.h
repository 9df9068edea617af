// The one key table: what every panel shares, joined with each panel's own rows. Keys, command
// names, footer, help and completion all come from it.
//
// A key's name is the character itself ("j", "+", "é") or, in angle brackets, <enter> <esc> <tab>
// <btab> <space> <bs> <del> <up> <down> <left> <right> <home> <end> <pgup> <pgdn> <f1>..<f12>
// <c-a>..<c-z>.
#ifndef BD_TUI_KEYS_H
#define BD_TUI_KEYS_H

#include "viewers/view.h"

// X(symbol, name, keys, label, argument, help): in the order in which the footer shows what fits.
// argument: what the command line takes after the name, NULL where nothing.
#define BD_GLOBAL_COMMANDS(X)                                                                      \
  X(BITS_UP, "bits-up", "+ =", "bits", NULL, "one bit more; above 8 the layer stays float")        \
  X(BITS_DOWN, "bits-down", "-", "bits", NULL, "one bit less")                                     \
  X(PRUNE_DOWN, "prune-down", "[", "prune", NULL, "prune 5 % fewer of the weights")                \
  X(PRUNE_UP, "prune-up", "]", "prune", NULL, "prune 5 % more of the weights")                     \
  X(METHOD, "method", "m", "method", "NAME", "the next method, or the one that is named")          \
  X(UNDO, "undo", "u", "undo", NULL, "take the last edit back, a bulk edit as one")                \
  X(WRITE, "write", "w", "save", "[FILE]", "save the config: FILE, else beside the model")         \
  X(HELP, "help", "? <f1>", "help", NULL, "this help")                                             \
  X(QUIT, "quit", "q", "quit", NULL, "leave; asks where edits are not saved")                      \
  X(FORM, "form", "<enter>", "settings", NULL, "a form with every setting of the layer")           \
  X(NEXT_PANEL, "next-panel", "<tab>", "panel", NULL, "give the keys to the next panel")           \
  X(MARK, "mark", "<space>", "mark", NULL, "mark the layer: edits go to all marked ones")          \
  X(FIND, "find", "/", "find", "TEXT", "the next layer that has a text in its name")               \
  X(REDO, "redo", "<c-r>", "redo", NULL, "do again what was undone")                               \
  X(ALLOCATE, "allocate", "a", "allocate", "BITS|SIZE",                                            \
    "give each layer the bits that serve it best within a budget")                                 \
  X(SWEEP, "sweep", "s", "sweep", NULL,                                                            \
    "measure on the data what each layer costs at each width; again: stop")                        \
  X(COMPARE, "compare", "x", "compare", "FILE",                                                    \
    "compare with a pin; FILE: with that config, which is pinned")                                 \
  X(RECOVER, "recover", "R", "repair", "HOW",                                                      \
    "repair the network on the data: match, reconstruct, none, or the one that is named")          \
  X(FILTER, "filter", "f", "filter", "TEXT", "show only layers that have a text; none: all")       \
  X(INIT, "init", "i", "init", "NAME", "the next init, or the one that is named")                  \
  X(COMMAND, "command", ":", "command", NULL, "type a command: Tab completes, Up recalls")         \
  X(THEME, "theme", "t", "theme", "NAME", "the next theme, or the one that is named")              \
  X(BITS, "bits", "b", NULL, "N", "set the bits: 1 to 8, or float")                                \
  X(PRUNE, "prune", "p", NULL, "RATIO", "set the prune ratio: 0.5 or 50%")                         \
  X(PRUNE_OVERALL, "prune-overall", "O", NULL, "N%",                                               \
    "prune a ratio of the whole network, each layer by what it can spare (LAMP)")                  \
  X(PRUNE_LESS, "prune-down-fine", "{", NULL, NULL, "prune 1 % fewer of the weights")              \
  X(PRUNE_MORE, "prune-up-fine", "}", NULL, NULL, "prune 1 % more of the weights")                 \
  X(PIN, "pin", "P", NULL, "NAME", "pin the configuration as it is, or unpin it")                  \
  X(JOBS, "jobs", "J", NULL, NULL, "what runs in the background, and what was finished")           \
  X(LOCK, "lock", "L", NULL, NULL, "hold against allocate and prune-overall, or release")          \
  X(FIND_NEXT, "find-next", "n", NULL, NULL, "the next layer that was searched for")               \
  X(FIND_PREVIOUS, "find-previous", "N", NULL, NULL, "the one before")                             \
  X(PREVIOUS_PANEL, "previous-panel", "<btab>", NULL, NULL, "give the keys to the panel before")   \
  X(PANEL, "panel", "1 2 3 4 5 6 7 8 9", NULL, "N", "give the keys to a panel, by number or name") \
  X(COPY, "copy", "y", NULL, NULL, "copy the value in hand to the clipboard")                      \
  X(COPY_ROW, "copy-row", "Y", NULL, NULL, "copy the layer's whole row as JSON")                   \
  X(BACK, "back", "<esc> <bs>", NULL, NULL, "clear filter, then marks; go to the table")           \
  X(EXPORT, "export", "e", NULL, "F PATH", "hand the network to another tool, in format F")        \
  X(TARGET, "target", "", NULL, "F", "warn at the dials of what format F cannot hold")             \
  X(REDRAW, "redraw", "<c-l>", NULL, NULL, "draw the whole screen anew")                           \
  X(SET, "set", "", NULL, "FIELD VALUE", "set any field of the setting")                           \
  X(SELECT, "select", "", NULL, "TENSOR", "take a layer in hand by its name")                      \
  X(LOAD, "load", "", NULL, "FILE", "read a config made for this model")                           \
  X(RESCUE, "rescue", "", NULL, NULL, "take back unsaved edits of an earlier run")                 \
  X(LEAVE, "quit!", "", NULL, NULL, "leave without saving")                                        \
  X(SAVE_SCREEN, "save-screen", "", NULL, "FILE", "write the screen as text, and its roles below") \
  X(WAIT, "wait", "", NULL, NULL, "in a script: until no job is running")

enum {
#define BD_DO(symbol, name, keys, label, argument, help) BD_DO_##symbol,
  BD_GLOBAL_COMMANDS(BD_DO)
#undef BD_DO
      BD_DO_COUNT
};

// A row of the joined table. panel: whose row it is; -1: every panel's.
typedef struct bd_binding {
  const bd_command *command; // NULL: none
  int panel;
} bd_binding;

// All rows: the shared ones first, then each panel's. Past the last: a NULL command.
bd_binding bd_key_row(int index);
// What the command line takes after a shared command's name; NULL nothing.
const char *bd_key_argument(int id);

// What a key does while panel `focus` has the keys: its own rows first, then the shared ones, then
// the other panels'.
bd_binding bd_key_lookup(const char *key, int focus);
// The command of that name, or of a short name ("w", "q", "q!").
bd_binding bd_key_command(const char *name);
// The names nearest to `name`, at most three: "bits, init". "" where none is near. Returns out.
char *bd_key_nearest(const char *name, char *out, size_t size);

// Is this the name of a key?
bool bd_key_valid(const char *key);
// The character that a key types, or NULL where it types none ("<space>" types a blank).
const char *bd_key_text(const char *key);
// Is the key one of `keys`, names apart by blanks?
bool bd_key_among(const char *key, const char *keys);
// Copies the first of `keys` for people: "Enter", "^R", "Space", "+". Returns out.
char *bd_key_show(const char *keys, char *out, size_t size);

#endif
