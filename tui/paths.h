// Where the explorer keeps its files: what the user writes (config) apart from what it remembers
// (state), by the XDG base directory specification.
#ifndef BD_TUI_PATHS_H
#define BD_TUI_PATHS_H

#include <stdbool.h>
#include <stddef.h>

// XDG_CONFIG_HOME/bitdial/FILE (else ~/.config) and XDG_STATE_HOME/bitdial/FILE (else
// ~/.local/state). A relative XDG path is ignored, as the specification asks. False: there is no
// home.
bool bd_path_config(const char *file, char *out, size_t size);
bool bd_path_state(const char *file, char *out, size_t size);

// Makes the folders above a file. False where that fails.
bool bd_path_make(const char *path);

#endif
