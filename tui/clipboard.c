#include "tui/clipboard.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Starts tmux with the reading end of a pipe as its standard input, and quiet.
static bool start_tmux(const int ends[2], pid_t *out) {
  char *const command[] = {"tmux", "load-buffer", "-w", "-", NULL};
  posix_spawn_file_actions_t files;
  if (posix_spawn_file_actions_init(&files) != 0) return false;
  posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
  posix_spawn_file_actions_addclose(&files, ends[1]);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  bool started = posix_spawnp(out, command[0], &files, NULL, command, environ) == 0;
  posix_spawn_file_actions_destroy(&files);
  return started;
}

static void write_all(int file, const char *text, size_t size) {
  while (size > 0) {
    ssize_t done = write(file, text, size);
    if (done <= 0) return;
    text += done;
    size -= (size_t)done;
  }
}

bool bd_clipboard_tmux(const char *text) {
  const char *tmux = getenv("TMUX");
  int ends[2], status = 1;
  pid_t child;
  if (!tmux || !*tmux || pipe2(ends, O_CLOEXEC) != 0) return false;
  bool started = start_tmux(ends, &child);
  close(ends[0]);
  if (started) write_all(ends[1], text, strlen(text));
  close(ends[1]);
  return started && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

char *bd_clipboard_sequence(const char *text) {
  static const char start[] = "\033]52;c;", end[] = "\a";
  size_t size = strlen(text), coded = 4 * ((size + 2) / 3);
  char *out = malloc(sizeof start + coded + sizeof end);
  if (!out) return NULL;
  strcpy(out, start);
  EVP_EncodeBlock((unsigned char *)out + strlen(start), (const unsigned char *)text, (int)size);
  strcat(out, end);
  return out;
}
