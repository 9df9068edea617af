#include "tui/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const int caught[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
enum { CAUGHT = sizeof caught / sizeof caught[0] };
enum { PATIENCE_S = 2 };

// A handler is given nothing but its number: what it needs cannot live anywhere else.
static int ends[2] = {-1, -1};
static struct sigaction before[CAUGHT], before_alarm;
static pthread_t owner;

static bool ends_program(int number) {
  return number == SIGTERM || number == SIGHUP;
}

static void tell(int number) {
  int saved = errno;
  unsigned char byte = (unsigned char)number;
  // A full pipe loses nothing: there is a byte for the loop to wake up for.
  if (write(ends[1], &byte, 1) < 0) errno = 0;
  if (ends_program(number)) alarm(PATIENCE_S);
  errno = saved;
}

// The loop has not left. Where that is not for the terminal (a machine may be slow) it gets its
// time; else it waits in a write for a terminal that reads nothing: that begins anew with what has
// become of standard output, and ends.
static void stop_writing(int number) {
  int saved = errno;
  struct pollfd output = {STDOUT_FILENO, POLLOUT, 0};
  bool taken = poll(&output, 1, 0) == 1 && (output.revents & POLLOUT);
  int nowhere = taken ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
  }
  if (taken)
    alarm(PATIENCE_S);
  else if (!pthread_equal(pthread_self(), owner))
    pthread_kill(owner, number);
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
  owner = pthread_self();
  struct sigaction action = {.sa_handler = stop_writing, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, &before_alarm);
  for (int i = 0; i < CAUGHT; i++)
    catch_signal(i);
  return BD_OK;
}

void bd_signals_close(void) {
  for (int i = 0; i < CAUGHT; i++)
    sigaction(caught[i], &before[i], NULL);
  alarm(0);
  sigaction(SIGALRM, &before_alarm, NULL);
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
