// How every fallible function of bitdial reports: a status and one readable line.
#ifndef BD_BASE_STATUS_H
#define BD_BASE_STATUS_H

// The values are the exit codes of the command line.
typedef enum bd_status {
  BD_OK = 0,
  BD_FAILED = 1,  // the work failed: no memory, a full disk, a file that cannot be written
  BD_INVALID = 2, // bad usage or bad input: the caller or the user can mend it
  BD_CANCELLED = 130,
} bd_status;

// One line: what, where, what to do. No final newline, no escape sequences. Always terminated.
typedef struct bd_error {
  char text[1024];
} bd_error;

// Fills err (which may be NULL) and returns status, so that `return bd_fail(...)` is one line.
// Control characters that arrive through the arguments (a hostile file name) are shown escaped.
bd_status bd_fail(bd_error *err, bd_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// bd_fail for a failed allocation of `what`.
bd_status bd_fail_memory(bd_error *err, const char *what);

// Forwards a failure to the caller; err is already filled.
#define BD_TRY(call)                                                                               \
  do {                                                                                             \
    bd_status bd_try_status = (call);                                                              \
    if (bd_try_status != BD_OK) return bd_try_status;                                              \
  } while (0)

#endif
