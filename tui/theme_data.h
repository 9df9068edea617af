// The themes/*.json files as the build put them into the program.
#ifndef BD_TUI_THEME_DATA_H
#define BD_TUI_THEME_DATA_H

typedef struct bd_theme_file {
  const char *name; // "dark"
  const char *json; // the file's text
} bd_theme_file;

extern const bd_theme_file bd_theme_files[]; // ends with a NULL name

#endif
