#include "viewers/roles.h"

#include <stddef.h>

static const struct {
  const char *name;
  char letter;
} roles[] = {
#define ROLE_ROW(symbol, name, letter) {name, letter},
    BD_ROLES(ROLE_ROW)
#undef ROLE_ROW
};

const char *bd_role_name(bd_role role) {
  return (size_t)role < BD_ROLE_COUNT ? roles[role].name : "";
}

char bd_role_letter(bd_role role) {
  return (size_t)role < BD_ROLE_COUNT ? roles[role].letter : '?';
}
