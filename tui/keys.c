#include "tui/keys.h"

#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bd_command shared[] = {
#define ROW(symbol, name, keys, label, argument, help) {name, keys, label, help, BD_DO_##symbol},
    BD_GLOBAL_COMMANDS(ROW)
#undef ROW
};

static const char *const arguments[] = {
#define ARGUMENT(symbol, name, keys, label, argument, help) argument,
    BD_GLOBAL_COMMANDS(ARGUMENT)
#undef ARGUMENT
};

// As in vi.
static const struct {
  const char *name;
  int id;
} short_names[] = {{"w", BD_DO_WRITE}, {"q", BD_DO_QUIT}, {"q!", BD_DO_LEAVE}};

// A key's name, and how people read it.
static const char *const named_keys[][2] = {
    {"<enter>", "Enter"}, {"<esc>", "Esc"},   {"<tab>", "Tab"},     {"<btab>", "S-Tab"},
    {"<space>", "Space"}, {"<bs>", "Bksp"},   {"<del>", "Del"},     {"<up>", "Up"},
    {"<down>", "Down"},   {"<left>", "Left"}, {"<right>", "Right"}, {"<home>", "Home"},
    {"<end>", "End"},     {"<pgup>", "PgUp"}, {"<pgdn>", "PgDn"}};

enum { NAMED_KEYS = sizeof named_keys / sizeof named_keys[0], NEAREST = 3 };

bd_binding bd_key_row(int index) {
  if (index < BD_DO_COUNT) return (bd_binding){&shared[index], -1};
  index -= BD_DO_COUNT;
  for (int panel = 0; panel < bd_view_count(); panel++) {
    const bd_view_class *view = bd_view_at(panel);
    if (index < view->command_count) return (bd_binding){&view->commands[index], panel};
    index -= view->command_count;
  }
  return (bd_binding){NULL, -1};
}

const char *bd_key_argument(int id) {
  return arguments[id];
}

bool bd_key_among(const char *key, const char *keys) {
  size_t length = strlen(key);
  for (const char *at = keys; *at; at += strcspn(at, " ")) {
    at += strspn(at, " ");
    if (strcspn(at, " ") == length && length > 0 && strncmp(at, key, length) == 0) return true;
  }
  return false;
}

// How early a panel's rows are asked, lowest first.
static int rank(int panel, int focus) {
  if (panel == focus) return 0;
  return panel < 0 ? 1 : 2 + panel;
}

bd_binding bd_key_lookup(const char *key, int focus) {
  bd_binding best = {NULL, -1};
  for (int i = 0;; i++) {
    bd_binding row = bd_key_row(i);
    if (!row.command) return best;
    if (!bd_key_among(key, row.command->keys)) continue;
    if (!best.command || rank(row.panel, focus) < rank(best.panel, focus)) best = row;
  }
}

bd_binding bd_key_command(const char *name) {
  for (size_t i = 0; i < sizeof short_names / sizeof short_names[0]; i++) {
    if (strcmp(short_names[i].name, name) == 0) return bd_key_row(short_names[i].id);
  }
  for (int i = 0;; i++) {
    bd_binding row = bd_key_row(i);
    if (!row.command || strcmp(row.command->name, name) == 0) return row;
  }
}

// A name and how far it is from what was typed.
typedef struct near_name {
  const char *name;
  int distance;
} near_name;

static void keep_nearest(near_name best[NEAREST], near_name next) {
  for (int i = 0; i < NEAREST; i++) {
    if (best[i].name && best[i].distance <= next.distance) continue;
    near_name pushed = best[i];
    best[i] = next;
    next = pushed;
  }
}

static int name_distance(const char *typed, const char *name) {
  if (strncmp(typed, name, strlen(typed)) == 0) return 0; // an abbreviation
  return bd_text_distance(typed, name);
}

char *bd_key_nearest(const char *name, char *out, size_t size) {
  near_name best[NEAREST] = {{0}};
  int most = (int)strlen(name) / 2 + 1, length = 0;
  for (int i = 0; bd_key_row(i).command; i++) {
    const char *other = bd_key_row(i).command->name;
    keep_nearest(best, (near_name){other, name_distance(name, other)});
  }
  out[0] = '\0';
  for (int i = 0; i < NEAREST && best[i].name && best[i].distance <= most; i++) {
    length +=
        snprintf(out + length, size - (size_t)length, "%s%s", i > 0 ? ", " : "", best[i].name);
    if ((size_t)length >= size) break;
  }
  return out;
}

static bool is_function_key(const char *key) {
  int number = strncmp(key, "<f", 2) == 0 ? atoi(key + 2) : 0;
  char again[8];
  snprintf(again, sizeof again, "<f%d>", number);
  return number >= 1 && number <= 12 && strcmp(key, again) == 0;
}

static bool is_control_key(const char *key) {
  return strlen(key) == 5 && strncmp(key, "<c-", 3) == 0 && key[3] >= 'a' && key[3] <= 'z' &&
         key[4] == '>';
}

static const char *named_key(const char *key) {
  for (int i = 0; i < NAMED_KEYS; i++) {
    if (strcmp(key, named_keys[i][0]) == 0) return named_keys[i][1];
  }
  return NULL;
}

static bool is_character(const char *key) {
  uint32_t code;
  size_t length = strlen(key);
  return length > 0 && (size_t)bd_utf8_decode(key, length, &code) == length && code > ' ' &&
         code != 127;
}

bool bd_key_valid(const char *key) {
  return is_character(key) || named_key(key) || is_function_key(key) || is_control_key(key);
}

const char *bd_key_text(const char *key) {
  if (strcmp(key, "<space>") == 0) return " ";
  return is_character(key) ? key : NULL;
}

char *bd_key_show(const char *keys, char *out, size_t size) {
  char key[16];
  snprintf(key, sizeof key, "%.*s", (int)strcspn(keys, " "), keys);
  if (is_control_key(key)) {
    snprintf(out, size, "^%c", key[3] - 'a' + 'A');
  } else if (is_function_key(key)) {
    snprintf(out, size, "F%d", atoi(key + 2));
  } else {
    snprintf(out, size, "%s", named_key(key) ? named_key(key) : key);
  }
  return out;
}
