#include "tui/screen.h"

#include "core/base/clock.h"
#include "core/base/text.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h> // its capabilities are macros
#undef columns
#undef lines
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum {
  ESCAPE = 27,
  ESCAPE_MS = 25,
  KEY_PASTE_BEGIN = KEY_MAX + 1,
  KEY_PASTE_END,
  PASTE_MAX = 65536,
  PASTE_REST_MS = 1000,
  TYPED_MS = 20, // nobody types faster than this
};

struct bd_screen {
  SCREEN *terminal;
  bool mouse;
  bool ansi; // sequences that curses has no name for mean something to it
  attr_t attributes[BD_ROLE_COUNT];
  short pairs[BD_ROLE_COUNT];
  cchar_t *row; // of the frame being shown
  int row_room;
  mbstate_t partial; // of a character whose first bytes have come
  bool pasting;
  int64_t heard;       // when input came last, in ms
  int64_t paste_heard; // the same of what cannot have been typed
  char *pasted;        // PASTE_MAX + 1 bytes, once something was pasted
  size_t pasted_size;
};

// --- the way out ---------------------------------------------------------------------------------

// What a crash needs to give the terminal back. A handler is given nothing but its number, and may
// call next to nothing, so it is prepared here beforehand.
static struct {
  struct termios modes;
  char sequence[256]; // leaves the alternate screen, shows the cursor, ends mouse and paste modes
  bool taken;
} rescue;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS, SIGXCPU};
enum { FATAL = sizeof fatal / sizeof fatal[0] };

static void give_back_and_die(int number) {
  if (rescue.taken) {
    rescue.taken = false;
    if (write(STDOUT_FILENO, rescue.sequence, strlen(rescue.sequence)) < 0) errno = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
  }
  raise(number); // the handler was for one time: this is the default
}

static void add_capability(const char *name) {
  const char *sequence = tigetstr(name);
  if (!sequence || sequence == (char *)-1) return;
  size_t length = strlen(rescue.sequence);
  if (length + strlen(sequence) < sizeof rescue.sequence) strcat(rescue.sequence, sequence);
}

static void prepare_rescue(bool ansi) {
  strcpy(rescue.sequence, ansi ? "\033[?2004l\033[?1000l\033[?1006l" : "");
  add_capability("sgr0");
  add_capability("rmkx");
  add_capability("rmcup");
  add_capability("cnorm");
  rescue.taken = true;
  struct sigaction action = {.sa_handler = give_back_and_die,
                             .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < FATAL; i++)
    sigaction(fatal[i], &action, NULL);
}

static void forget_rescue(void) {
  rescue.taken = false;
  for (int i = 0; i < FATAL; i++)
    signal(fatal[i], SIG_DFL);
}

// --- opening and closing -------------------------------------------------------------------------

static bd_status check_terminal(bd_error *err) {
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
    return bd_fail(err, BD_INVALID,
                   "the explorer needs a terminal: `bitdial report MODEL.onnx` works without one");
  }
  const char *term = getenv("TERM");
  int found = 0;
  if (!term || !*term) return bd_fail(err, BD_INVALID, "TERM is not set: try TERM=xterm-256color");
  if (setupterm(term, STDOUT_FILENO, &found) != OK) {
    return bd_fail(
        err, BD_INVALID,
        "this machine knows no terminal '%s': try TERM=xterm-256color, or `bitdial report`", term);
  }
  const char *move = tigetstr("cup");
  bool movable = move && move != (char *)-1;
  del_curterm(cur_term);
  if (!movable) {
    return bd_fail(err, BD_INVALID,
                   "a terminal '%s' cannot move its cursor: use `bitdial report MODEL.onnx`", term);
  }
  return BD_OK;
}

static void write_now(const char *text) {
  fflush(stdout);
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t done = write(STDOUT_FILENO, text, left);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    text += done;
    left -= (size_t)done;
  }
}

// Pasted text comes between two sequences, so that it is never taken for keys.
static void bracket_pastes(const bd_screen *screen, bool on) {
  if (screen->ansi) write_now(on ? "\033[?2004h" : "\033[?2004l");
}

static void set_modes(const bd_screen *screen) {
  bracket_pastes(screen, true);
  if (screen->mouse) {
    mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    mouseinterval(0);
  }
}

// ^S would stop the terminal's output, and with it the loop that takes signals. curses remembers
// the modes, so that they come back after a suspension.
static void leave_flow_alone(void) {
  struct termios modes;
  if (tcgetattr(STDIN_FILENO, &modes) != 0) return;
  modes.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
  tcsetattr(STDIN_FILENO, TCSANOW, &modes);
  def_prog_mode();
}

static void set_up(bd_screen *screen) {
  cbreak();
  noecho();
  nonl();
  leave_flow_alone();
  intrflush(stdscr, FALSE);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  leaveok(stdscr, TRUE);
  // Shifting cells would fill the gap with the terminal's own background, not the theme's.
  idcok(stdscr, FALSE);
  curs_set(0);
  if (!getenv("ESCDELAY")) set_escdelay(ESCAPE_MS);
  define_key("\033[200~", KEY_PASTE_BEGIN);
  define_key("\033[201~", KEY_PASTE_END);
  if (has_colors()) {
    start_color();
    use_default_colors();
  }
  set_modes(screen);
}

bd_status bd_screen_open(bool mouse, bd_screen **out, bd_error *err) {
  *out = NULL;
  BD_TRY(check_terminal(err));
  bd_screen *screen = calloc(1, sizeof *screen);
  if (!screen) return bd_fail_memory(err, "the screen");
  screen->mouse = mouse;
  tcgetattr(STDIN_FILENO, &rescue.modes);
  screen->terminal = newterm(NULL, stdout, stdin);
  if (!screen->terminal) {
    free(screen);
    return bd_fail(err, BD_INVALID, "the terminal '%s' cannot be used: `bitdial report` needs none",
                   getenv("TERM"));
  }
  const char *move = tigetstr("cup");
  screen->ansi = strncmp(move, "\033[", 2) == 0;
  prepare_rescue(screen->ansi);
  set_up(screen);
  bd_screen_resize(screen);
  *out = screen;
  return BD_OK;
}

// A terminal with one screen only would keep what was drawn beside the shell's next lines.
static void give_back(void) {
  const char *other_screen = tigetstr("smcup");
  if (!other_screen || other_screen == (const char *)-1) {
    erase();
    refresh();
  }
  endwin();
}

// The terminal took no more (see bd_signals_open): what waits is dropped to have room for this.
static void give_back_unread(void) {
  int fd = open("/dev/tty", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  tcflush(fd, TCOFLUSH);
  if (write(fd, rescue.sequence, strlen(rescue.sequence)) < 0) errno = 0;
  close(fd);
}

void bd_screen_close(bd_screen *screen) {
  if (!screen) return;
  if (!isatty(STDOUT_FILENO)) give_back_unread();
  bracket_pastes(screen, false);
  if (screen->mouse) mousemask(0, NULL);
  give_back();
  tcsetattr(STDIN_FILENO, TCSADRAIN, &rescue.modes);
  forget_rescue();
  delscreen(screen->terminal);
  free(screen->row);
  free(screen->pasted);
  free(screen);
}

void bd_screen_suspend(bd_screen *screen) {
  bracket_pastes(screen, false);
  give_back();
}

void bd_screen_resume(bd_screen *screen) {
  reset_prog_mode();
  clearok(curscr, TRUE);
  bd_screen_resize(screen);
  refresh(); // curses takes the terminal up again here, mouse included
  bracket_pastes(screen, true);
}

void bd_screen_resize(bd_screen *screen) {
  struct winsize size;
  (void)screen;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return;
  if (size.ws_row != LINES || size.ws_col != COLS) resizeterm(size.ws_row, size.ws_col);
}

int bd_screen_columns(const bd_screen *screen) {
  (void)screen;
  return COLS;
}

int bd_screen_rows(const bd_screen *screen) {
  (void)screen;
  return LINES;
}

int bd_screen_colours(const bd_screen *screen) {
  (void)screen;
  return has_colors() ? COLORS : 0;
}

// --- showing -------------------------------------------------------------------------------------

static attr_t attributes_of(const bd_style *style) {
  attr_t attributes = A_NORMAL;
  if (style->bold) attributes |= A_BOLD;
  if (style->dim) attributes |= A_DIM;
  if (style->reverse) attributes |= A_REVERSE;
  if (style->underline) attributes |= A_UNDERLINE;
  return attributes;
}

// How roles look. What is as it was costs nothing: curses compares.
static void set_theme(bd_screen *screen, const bd_theme *theme) {
  int colours = bd_screen_colours(screen);
  for (int role = 0; role < BD_ROLE_COUNT; role++) {
    screen->attributes[role] = attributes_of(&theme->styles[role]);
    screen->pairs[role] = 0;
    if (colours < 8 || role + 1 >= COLOR_PAIRS) continue;
    int fg = bd_theme_fg(theme, (bd_role)role, colours);
    int bg = bd_theme_bg(theme, (bd_role)role, colours);
    init_pair((short)(role + 1), (short)fg, (short)bg);
    screen->pairs[role] = (short)(role + 1);
  }
}

// Room for a row of so many cells. False without memory: the frame is left out.
static bool reserve_row(bd_screen *screen, int columns) {
  if (columns <= screen->row_room) return true;
  cchar_t *row = realloc(screen->row, (size_t)columns * sizeof *row);
  if (!row) return false;
  screen->row = row;
  screen->row_room = columns;
  return true;
}

static void show_row(const bd_screen *screen, const bd_canvas *canvas, int row, int columns) {
  for (int column = 0; column < columns; column++) {
    bd_glyph cell = bd_canvas_at(canvas, column, row);
    wchar_t text[2] = {(wchar_t)cell.glyph, 0};
    setcchar(&screen->row[column], text, screen->attributes[cell.role], screen->pairs[cell.role],
             NULL);
  }
  mvadd_wchnstr(row, 0, screen->row, columns);
}

void bd_screen_show(bd_screen *screen, const bd_canvas *canvas, const bd_theme *theme, bool anew) {
  int columns = bd_canvas_columns(canvas), rows = bd_canvas_rows(canvas);
  if (!reserve_row(screen, columns)) return;
  set_theme(screen, theme);
  if (anew) clearok(curscr, TRUE);
  erase();
  for (int row = 0; row < rows && row < LINES; row++)
    show_row(screen, canvas, row, columns);
  refresh();
}

void bd_screen_send(bd_screen *screen, const char *sequence) {
  if (screen->ansi) write_now(sequence);
}

// --- reading -------------------------------------------------------------------------------------

static const struct {
  wint_t code;
  const char *name;
} codes[] = {
    {KEY_UP, "<up>"},        {KEY_DOWN, "<down>"}, {KEY_LEFT, "<left>"},  {KEY_RIGHT, "<right>"},
    {KEY_HOME, "<home>"},    {KEY_END, "<end>"},   {KEY_PPAGE, "<pgup>"}, {KEY_NPAGE, "<pgdn>"},
    {KEY_BACKSPACE, "<bs>"}, {KEY_DC, "<del>"},    {KEY_BTAB, "<btab>"},  {KEY_ENTER, "<enter>"},
    {KEY_A1, "<home>"},      {KEY_C1, "<end>"},    {KEY_A3, "<pgup>"},    {KEY_C3, "<pgdn>"}};

static bool name_code(wint_t code, bd_event *out) {
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (codes[i].code != code) continue;
    snprintf(out->key, sizeof out->key, "%s", codes[i].name);
    return true;
  }
  if (code < KEY_F(1) || code > KEY_F(12)) return false;
  snprintf(out->key, sizeof out->key, "<f%d>", (int)(code - KEY_F0));
  return true;
}

static const char *name_control(wint_t code) {
  switch (code) {
  case '\r':
  case '\n':
    return "<enter>";
  case '\t':
    return "<tab>";
  case ESCAPE:
    return "<esc>";
  case 127:
  case 8:
    return "<bs>";
  case ' ':
    return "<space>";
  default:
    return NULL;
  }
}

static bool name_character(wint_t code, bd_event *out) {
  const char *name = name_control(code);
  if (name) {
    snprintf(out->key, sizeof out->key, "%s", name);
  } else if (code >= 1 && code <= 26) {
    snprintf(out->key, sizeof out->key, "<c-%c>", (int)code + 'a' - 1);
  } else if (code > ' ') {
    bd_utf8_encode((uint32_t)code, out->key);
  } else {
    return false;
  }
  return true;
}

static bool read_mouse(bd_event *out) {
  MEVENT mouse;
  if (getmouse(&mouse) != OK) return false;
  out->kind = BD_EVENT_MOUSE;
  out->column = mouse.x;
  out->row = mouse.y;
  out->wheel = mouse.bstate & BUTTON4_PRESSED ? -1 : mouse.bstate & BUTTON5_PRESSED ? 1 : 0;
  return out->wheel != 0 || (mouse.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED));
}

static void begin_paste(bd_screen *screen) {
  if (!screen->pasted) screen->pasted = malloc(PASTE_MAX + 1);
  screen->pasting = screen->pasted != NULL;
  screen->pasted_size = 0;
  screen->heard = screen->paste_heard = bd_now_ms();
}

// Gathers; what does not fit is dropped.
static void add_to_paste(bd_screen *screen, wint_t code) {
  char bytes[5];
  if (code == '\r' || code == '\n' || code == '\t') code = ' ';
  if (code < ' ') return;
  size_t length = (size_t)bd_utf8_encode((uint32_t)code, bytes);
  if (screen->pasted_size + length > PASTE_MAX) return;
  memcpy(screen->pasted + screen->pasted_size, bytes, length);
  screen->pasted_size += length;
}

static bool end_paste(bd_screen *screen, bd_event *out) {
  if (!screen->pasting) return false;
  screen->pasting = false;
  screen->pasted[screen->pasted_size] = '\0';
  *out = (bd_event){.kind = BD_EVENT_PASTE, .text = screen->pasted};
  return true;
}

// A paste whose end was lost would take every key for text. So it ends by itself once keys have
// come one by one, at a pace at which people type, for a while.
static void drop_lost_paste(bd_screen *screen) {
  int waiting = 0;
  int64_t now = bd_now_ms();
  if (!screen->pasting || ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0) return;
  if (waiting > 1 || now - screen->heard < TYPED_MS) screen->paste_heard = now;
  screen->heard = now;
  if (now - screen->paste_heard >= PASTE_REST_MS) screen->pasting = false;
}

static bool decode(bd_screen *screen, bool special, wint_t code, bd_event *out) {
  *out = (bd_event){.kind = BD_EVENT_KEY};
  if (special && code == KEY_PASTE_BEGIN) return begin_paste(screen), false;
  if (special && code == KEY_PASTE_END) return end_paste(screen, out);
  if (screen->pasting) {
    if (!special) add_to_paste(screen, code);
    return false;
  }
  if (special && code == KEY_MOUSE) return read_mouse(out);
  return special ? name_code(code, out) : name_character(code, out);
}

// A string that a terminal sends ends with BEL or ESC \.
static void skip_string(void) {
  int before = 0, next = getch();
  while (next != ERR && next != '\a' && !(before == ESCAPE && next == '\\')) {
    before = next;
    next = getch();
  }
}

// Parameters, then one letter.
static void skip_parameters(void) {
  int next = getch();
  while (next >= ' ' && next < '@')
    next = getch();
}

// Takes the rest of a sequence that curses does not know, so that it is not taken for keys: what a
// terminal sends for a key beyond its description holds [ and digits. False: none has begun.
static bool skip_sequence(void) {
  int next = getch();
  if (next == '[')
    skip_parameters();
  else if (next == 'O')
    getch();
  else if (next == ']' || next == 'P')
    skip_string();
  else if (next != ERR)
    return ungetch(next), false;
  return next != ERR;
}

// Adds a byte to the character that is coming in. False: it is not whole yet, or none.
static bool add_byte(bd_screen *screen, char byte, wint_t *out) {
  wchar_t character;
  bool begun = !mbsinit(&screen->partial);
  size_t length = mbrtowc(&character, &byte, 1, &screen->partial);
  if (length == (size_t)-2) return false;
  if (length == (size_t)-1) {
    memset(&screen->partial, 0, sizeof screen->partial);
    return begun && add_byte(screen, byte, out);
  }
  *out = (wint_t)character;
  return true;
}

bool bd_screen_read(bd_screen *screen, bd_event *out) {
  drop_lost_paste(screen);
  for (;;) {
    // Byte by byte: get_wch would lose the beginning of a character that comes in two pieces.
    int got = getch();
    wint_t code = (wint_t)got;
    bool special = got > UCHAR_MAX;
    if (got == ERR) return false;
    if (got == ESCAPE && skip_sequence()) continue;
    if (!special && !add_byte(screen, (char)got, &code)) continue;
    if (decode(screen, special, code, out)) return true;
  }
}
