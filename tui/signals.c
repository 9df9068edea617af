#include "tui/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int caught[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
enum { CAUGHT = sizeof caught / sizeof caught[0] };

// A handler is given nothing but its number: what it needs cannot live anywhere else.
static int ends[2] = {-1, -1};
static struct sigaction before[CAUGHT];

static void tell(int number) {
  int saved = errno;
  unsigned char byte = (unsigned char)number;
  // A full pipe loses nothing: there is a byte for the loop to wake up for.
  if (write(ends[1], &byte, 1) < 0) errno = 0;
  errno = saved;
}

static void catch_signal(int index) {
  struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(caught[index], &action, &before[index]);
  // A shell's `nohup`, or a parent that ignores it, is obeyed.
  if (before[index].sa_handler == SIG_IGN) sigaction(caught[index], &before[index], NULL);
}

bd_status bd_signals_open(bd_error *err) {
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return bd_fail(err, BD_FAILED, "no pipe can be opened: %s", strerror(errno));
  }
  for (int i = 0; i < CAUGHT; i++)
    catch_signal(i);
  return BD_OK;
}

void bd_signals_close(void) {
  for (int i = 0; i < CAUGHT; i++)
    sigaction(caught[i], &before[i], NULL);
  close(ends[0]);
  close(ends[1]);
  ends[0] = ends[1] = -1;
}

int bd_signals_fd(void) {
  return ends[0];
}

int bd_signals_next(void) {
  unsigned char byte;
  return read(ends[0], &byte, 1) == 1 ? byte : 0;
}

void bd_signals_stop(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
  sigaction(SIGTSTP, &standard, &ours);
  raise(SIGTSTP);
  sigaction(SIGTSTP, &ours, NULL);
}
