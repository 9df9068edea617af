// What a cell means; a theme says how that looks. One table: name (as in the theme files) and
// letter (as in golden screens).
#ifndef BD_VIEWERS_ROLES_H
#define BD_VIEWERS_ROLES_H

// X(symbol, name, letter)
#define BD_ROLES(X)                                                                                \
  X(TEXT, "text", '.')                                                                             \
  X(DIM, "dim", 'd')                                                                               \
  X(TITLE, "title", 'T') /* a panel's name */                                                      \
  X(FOCUS, "focus", 'F') /* the name of the panel that has the keys */                             \
  X(RULE, "rule", '-')                                                                             \
  X(HEADER, "header", 'H') /* column heads, the first line */                                      \
  X(CURSOR, "cursor", 'C') /* the selected row */                                                  \
  X(MARKED, "marked", 'M')                                                                         \
  X(CHANGED, "changed", '*') /* differs from the default */                                        \
  X(STALE, "stale", 's')     /* being recomputed */                                                \
  X(BEFORE, "before", 'b')   /* the original weights */                                            \
  X(AFTER, "after", 'a')     /* the quantized ones */                                              \
  X(PRUNED, "pruned", 'p')                                                                         \
  X(LEVEL, "level", 'l')                                                                           \
  X(GOOD, "good", 'g')                                                                             \
  X(BAD, "bad", 'x')                                                                               \
  X(WARN, "warn", 'w')                                                                             \
  X(KEY, "key", 'k') /* a key's name in footer, help and forms */                                  \
  X(PROMPT, "prompt", 'P')                                                                         \
  X(MESSAGE, "message", 'm')                                                                       \
  X(ERROR, "error", 'E')                                                                           \
  X(SPARK, "spark", '~')                                                                           \
  X(RAMP2, "ramp2", '2') /* one for each bit width: 1 takes 2's */                                 \
  X(RAMP3, "ramp3", '3')                                                                           \
  X(RAMP4, "ramp4", '4')                                                                           \
  X(RAMP5, "ramp5", '5')                                                                           \
  X(RAMP6, "ramp6", '6')                                                                           \
  X(RAMP7, "ramp7", '7')                                                                           \
  X(RAMP8, "ramp8", '8')                                                                           \
  X(HEAT0, "heat0", 'i') /* the map's cells, from no loss to the greatest */                       \
  X(HEAT1, "heat1", 'j')                                                                           \
  X(HEAT2, "heat2", 'n')                                                                           \
  X(HEAT3, "heat3", 'o')                                                                           \
  X(HEAT4, "heat4", 'q')                                                                           \
  X(HEAT5, "heat5", 'r')                                                                           \
  X(HEAT6, "heat6", 'u')

typedef enum bd_role {
#define BD_ROLE_SYMBOL(symbol, name, letter) BD_ROLE_##symbol,
  BD_ROLES(BD_ROLE_SYMBOL)
#undef BD_ROLE_SYMBOL
      BD_ROLE_COUNT
} bd_role;

const char *bd_role_name(bd_role role);
char bd_role_letter(bd_role role);

#endif
