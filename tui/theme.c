#include "tui/theme.h"

#include "core/base/json.h"
#include "tui/paths.h"
#include "tui/theme_data.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXTENDS_MAX = 8 };

// Where a theme comes from, and how deep it stands in a chain of `extends`.
typedef struct source {
  const char *where;
  int depth;
} source;

static bd_status load_at(const char *name, int depth, bd_theme *out, bd_error *err);

static const struct {
  const char *key;
  size_t offset;
} colour_keys[] = {{"fg", offsetof(bd_style, fg)},
                   {"bg", offsetof(bd_style, bg)},
                   {"fg16", offsetof(bd_style, fg16)},
                   {"bg16", offsetof(bd_style, bg16)}},
  flag_keys[] = {{"bold", offsetof(bd_style, bold)},
                 {"dim", offsetof(bd_style, dim)},
                 {"reverse", offsetof(bd_style, reverse)},
                 {"underline", offsetof(bd_style, underline)}};

enum { KEYS = 4 };

static bd_status read_colour(const cJSON *item, source from, const char *role, bd_colour *out,
                             bd_error *err) {
  if (bd_colour_read(item, out)) return BD_OK;
  return bd_fail(err, BD_INVALID,
                 "%s: roles.%s.%s is no colour: \"#RRGGBB\", 0 to 255, a name like \"bright-blue\" "
                 "or \"default\"",
                 from.where, role, item->string);
}

static bd_status read_style_key(const cJSON *item, source from, const char *role, bd_style *style,
                                bd_error *err) {
  for (int i = 0; i < KEYS; i++) {
    if (strcmp(item->string, colour_keys[i].key) == 0) {
      return read_colour(item, from, role, (bd_colour *)((char *)style + colour_keys[i].offset),
                         err);
    }
    if (strcmp(item->string, flag_keys[i].key) != 0) continue;
    if (!cJSON_IsBool(item)) {
      return bd_fail(err, BD_INVALID, "%s: roles.%s.%s must be true or false", from.where, role,
                     item->string);
    }
    *(bool *)((char *)style + flag_keys[i].offset) = cJSON_IsTrue(item);
    return BD_OK;
  }
  return bd_fail(err, BD_INVALID,
                 "%s: roles.%s has an unknown key '%s': fg, bg, fg16, bg16, bold, dim, reverse, "
                 "underline",
                 from.where, role, item->string);
}

static int find_role(const char *name) {
  for (int role = 0; role < BD_ROLE_COUNT; role++) {
    if (strcmp(bd_role_name((bd_role)role), name) == 0) return role;
  }
  return -1;
}

static bd_status read_role(const cJSON *item, source from, bd_theme *theme, bd_error *err) {
  int role = find_role(item->string);
  if (role < 0)
    return bd_fail(err, BD_INVALID, "%s: no role is called '%s'", from.where, item->string);
  if (!cJSON_IsObject(item)) {
    return bd_fail(err, BD_INVALID, "%s: roles.%s must be an object like {\"fg\": 74}", from.where,
                   item->string);
  }
  bd_style style = {0}; // a role that is named is said anew, whatever it was before
  for (const cJSON *key = item->child; key; key = key->next) {
    BD_TRY(read_style_key(key, from, item->string, &style, err));
  }
  theme->styles[role] = style;
  return BD_OK;
}

static bd_status read_roles(const cJSON *roles, source from, bd_theme *theme, bd_error *err) {
  if (!cJSON_IsObject(roles)) {
    return bd_fail(err, BD_INVALID, "%s: \"roles\" must be an object", from.where);
  }
  for (const cJSON *role = roles->child; role; role = role->next) {
    BD_TRY(read_role(role, from, theme, err));
  }
  return BD_OK;
}

static bd_status read_key(const cJSON *item, source from, bd_theme *theme, bd_error *err) {
  if (strcmp(item->string, "roles") == 0) return read_roles(item, from, theme, err);
  if (strcmp(item->string, "extends") == 0) return BD_OK; // read before the roles
  return bd_fail(err, BD_INVALID, "%s: unknown key '%s': a theme has \"extends\" and \"roles\"",
                 from.where, item->string);
}

static bd_status read_theme(const cJSON *json, source from, bd_theme *out, bd_error *err) {
  if (!cJSON_IsObject(json)) {
    return bd_fail(err, BD_INVALID, "%s: a theme is an object with \"roles\"", from.where);
  }
  bd_theme theme = {0};
  const cJSON *base = cJSON_GetObjectItemCaseSensitive(json, "extends");
  if (base && !cJSON_IsString(base)) {
    return bd_fail(err, BD_INVALID, "%s: \"extends\" must be the name of a theme", from.where);
  }
  if (base) BD_TRY(load_at(base->valuestring, from.depth + 1, &theme, err));
  for (const cJSON *item = json->child; item; item = item->next) {
    BD_TRY(read_key(item, from, &theme, err));
  }
  *out = theme;
  return BD_OK;
}

static bd_status parse_at(const char *text, source from, bd_theme *out, bd_error *err) {
  cJSON *json = cJSON_Parse(text);
  if (!json) return bd_fail(err, BD_INVALID, "%s: not JSON", from.where);
  bd_status status = read_theme(json, from, out, err);
  cJSON_Delete(json);
  return status;
}

static bd_status load_file(const char *path, int depth, bd_theme *out, bd_error *err) {
  cJSON *json = NULL;
  BD_TRY(bd_json_read(path, &json, err));
  bd_status status = read_theme(json, (source){path, depth}, out, err);
  cJSON_Delete(json);
  return status;
}

static bool is_path(const char *name) {
  size_t length = strlen(name);
  return strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

static bd_status load_named(const char *name, int depth, bd_theme *out, bd_error *err) {
  char path[4096], file[128];
  snprintf(file, sizeof file, "themes/%s.json", name);
  // A theme that extends its own name means the one that the program carries.
  if (depth == 0 && bd_path_config(file, path, sizeof path) && access(path, F_OK) == 0) {
    return load_file(path, depth, out, err);
  }
  for (int i = 0; bd_theme_files[i].name; i++) {
    if (strcmp(bd_theme_files[i].name, name) != 0) continue;
    return parse_at(bd_theme_files[i].json, (source){name, depth}, out, err);
  }
  return bd_fail(
      err, BD_INVALID,
      "no theme is called '%s': dark, light, mono, contrast, or the path of a .json file", name);
}

static bd_status load_at(const char *name, int depth, bd_theme *out, bd_error *err) {
  if (depth > EXTENDS_MAX) {
    return bd_fail(err, BD_INVALID, "theme '%s' extends itself", name);
  }
  return is_path(name) ? load_file(name, depth, out, err) : load_named(name, depth, out, err);
}

bd_status bd_theme_load(const char *name, bd_theme *out, bd_error *err) {
  BD_TRY(load_at(name, 0, out, err));
  snprintf(out->name, sizeof out->name, "%s", name);
  return BD_OK;
}

bd_status bd_theme_parse(const char *text, const char *where, bd_theme *out, bd_error *err) {
  return parse_at(text, (source){where, 0}, out, err);
}

const char *bd_theme_name(int index) {
  for (int i = 0; i < index; i++) {
    if (!bd_theme_files[i].name) return NULL;
  }
  return index < 0 ? NULL : bd_theme_files[index].name;
}

const char *bd_theme_next(const char *name) {
  for (int i = 0; bd_theme_files[i].name; i++) {
    if (strcmp(bd_theme_files[i].name, name) != 0) continue;
    return bd_theme_files[i + 1].name ? bd_theme_files[i + 1].name : bd_theme_files[0].name;
  }
  return bd_theme_files[0].name;
}

// A role's own colour before that of "text", the one meant for few colours before the other.
static int pick(bd_colour own, bd_colour own16, bd_colour text, bd_colour text16, int colours) {
  bool few = colours <= 16;
  bd_colour order[] = {few ? own16 : own, own, few ? text16 : text, text};
  for (int i = 0; i < 4; i++) {
    if (order[i].kind != BD_COLOUR_UNSET) return bd_colour_number(order[i], colours);
  }
  return -1;
}

int bd_theme_fg(const bd_theme *theme, bd_role role, int colours) {
  const bd_style *own = &theme->styles[role], *text = &theme->styles[BD_ROLE_TEXT];
  return pick(own->fg, own->fg16, text->fg, text->fg16, colours);
}

int bd_theme_bg(const bd_theme *theme, bd_role role, int colours) {
  const bd_style *own = &theme->styles[role], *text = &theme->styles[BD_ROLE_TEXT];
  return pick(own->bg, own->bg16, text->bg, text->bg16, colours);
}
