#include "core/base/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".bitdial-making-"
#define SUFFIX "XXXXXX"

// --- what was left behind ------------------------------------------------------------------------

static bool is_aside(const char *name) {
  return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && strlen(name) == strlen(PREFIX SUFFIX);
}

// Does the name still lead to the open file?
static bool leads_to(int parent, const char *name, int fd) {
  struct stat open, named;
  return fstat(fd, &open) == 0 && fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

// A folder in the making holds files alone.
static void remove_folder(int parent, const char *name, int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  DIR *open = copy < 0 ? NULL : fdopendir(copy);
  if (!open && copy >= 0) close(copy);
  for (struct dirent *entry; open && (entry = readdir(open));)
    unlinkat(fd, entry->d_name, 0);
  if (open) closedir(open);
  unlinkat(parent, name, AT_REMOVEDIR);
}

// Removes it where it is the user's own and nobody holds it.
static void remove_stray(int parent, const char *name) {
  struct stat info;
  if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || info.st_uid != geteuid()) return;
  bool folder = S_ISDIR(info.st_mode);
  if (!folder && !S_ISREG(info.st_mode)) return;
  // Over NFS only who may write can lock a file.
  int fd = openat(parent, name, (folder ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && leads_to(parent, name, fd)) {
    if (folder)
      remove_folder(parent, name, fd);
    else
      unlinkat(parent, name, 0);
  }
  close(fd);
}

static void sweep(const char *folder) {
  DIR *open = opendir(folder);
  if (!open) return;
  for (struct dirent *entry; (entry = readdir(open));)
    if (is_aside(entry->d_name)) remove_stray(dirfd(open), entry->d_name);
  closedir(open);
}

// --- making --------------------------------------------------------------------------------------

static int make_file(char *name) {
  return mkostemp(name, O_CLOEXEC);
}

static int make_folder(char *name) {
  if (!mkdtemp(name)) return -1;
  int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int code = errno;
  if (fd < 0) rmdir(name);
  errno = code;
  return fd;
}

// Until it is locked another maker takes it for a stray: then it is gone, and made once more.
static int make(const char *folder, int length, char **name, int (*how)(char *name)) {
  for (;;) {
    if (asprintf(name, "%.*s" PREFIX SUFFIX, length, folder) < 0) break;
    int fd = how(*name);
    if (fd < 0) {
      int code = errno;
      free(*name);
      errno = code;
      break;
    }
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
      ;
    if (access(*name, F_OK) == 0 || errno != ENOENT) return fd;
    close(fd);
    free(*name);
  }
  *name = NULL;
  return -1;
}

static int sweep_and_make(const char *folder, int length, char **name, int (*how)(char *name)) {
  char *path = NULL;
  if (asprintf(&path, "%.*s", length, folder) < 0) {
    *name = NULL;
    return -1;
  }
  sweep(length ? path : ".");
  free(path);
  return make(folder, length, name, how);
}

int bd_aside_file(const char *folder, int length, char **name) {
  return sweep_and_make(folder, length, name, make_file);
}

int bd_aside_folder(const char *folder, int length, char **name) {
  return sweep_and_make(folder, length, name, make_folder);
}
