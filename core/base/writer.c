#include "core/base/aside.h"
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bd_writer {
  FILE *file;
  char *path;   // as the user named it
  char *target; // links followed; NULL: written straight to path
  char *aside;  // the file in the making; NULL likewise
  bool fresh;   // nothing is to be replaced
  int error;    // the first errno, 0 none
};

bd_status bd_fail_write(bd_error *err, const char *path, int code) {
  if (strcmp(path, "-") == 0) path = "standard output";
  switch (code) {
  case ENOSPC:
  case EDQUOT:
    return bd_fail(err, BD_FAILED, "%s: the disk is full: free some space and try again", path);
  case EACCES:
  case EPERM:
  case EROFS:
    return bd_fail(err, BD_FAILED, "%s: no permission to write there: choose another folder", path);
  case EEXIST:
    return bd_fail(err, BD_FAILED, "%s: another file has come in the way: try again", path);
  case ENOENT:
    return bd_fail(err, BD_FAILED, "%s: its folder does not exist: make it first", path);
  case EISDIR:
    return bd_fail(err, BD_FAILED, "%s: is a directory: name a file in it", path);
  case ELOOP:
    return bd_fail(err, BD_FAILED, "%s: is a link that leads to itself: remove it", path);
  case ENAMETOOLONG:
    return bd_fail(err, BD_FAILED, "%s: the name is too long: choose a shorter one", path);
  }
  return bd_fail(err, BD_FAILED, "%s: cannot be written: %s: choose another place", path,
                 strerror(code));
}

static void free_writer(bd_writer *writer) {
  if (writer->file && writer->file != stdout) fclose(writer->file);
  free(writer->path);
  free(writer->target);
  free(writer->aside);
  free(writer);
}

// Where a link that leads nowhere yet points to; NULL where path is no link.
static char *read_link(const char *path) {
  char to[PATH_MAX];
  ssize_t length = readlink(path, to, sizeof to - 1);
  if (length < 0) return NULL;
  to[length] = '\0';
  const char *slash = to[0] == '/' ? NULL : strrchr(path, '/');
  char *whole;
  int folder = slash ? (int)(slash - path) + 1 : 0;
  return asprintf(&whole, "%.*s%s", folder, path, to) < 0 ? NULL : whole;
}

// The file that path stands for once links are followed; where it does not exist yet, path itself.
static char *resolve(const char *path) {
  char *real = realpath(path, NULL);
  if (real || errno != ENOENT) return real;
  char *to = read_link(path);
  return to ? to : strdup(path);
}

// A mode as open(2) would have given the file, or that of the file that is replaced.
static mode_t mode_for(const char *target) {
  struct stat info;
  if (stat(target, &info) == 0) return info.st_mode & 07777;
  mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

static bool open_aside(bd_writer *writer) {
  writer->target = resolve(writer->path);
  if (!writer->target) return false;
  const char *slash = strrchr(writer->target, '/');
  int folder = slash ? (int)(slash - writer->target) + 1 : 0;
  int fd = bd_aside_file(writer->target, folder, &writer->aside);
  if (fd < 0) return false;
  writer->file = fdopen(fd, "wb");
  if (!writer->file) close(fd);
  return writer->file && fchmod(fd, mode_for(writer->target)) == 0;
}

static bool open_target(bd_writer *writer) {
  struct stat info;
  if (strcmp(writer->path, "-") == 0) {
    writer->file = stdout;
    return true;
  }
  if (stat(writer->path, &info) == 0 && S_ISDIR(info.st_mode)) {
    errno = EISDIR;
    return false;
  }
  if (stat(writer->path, &info) == 0 && !S_ISREG(info.st_mode)) {
    writer->file = fopen(writer->path, "wbe");
    return writer->file != NULL;
  }
  if (stat(writer->path, &info) == 0 && access(writer->path, W_OK) != 0) return false;
  return open_aside(writer);
}

static bd_status open_writer(const char *path, bool fresh, bd_writer **out, bd_error *err) {
  *out = NULL;
  bd_writer *writer = calloc(1, sizeof *writer);
  if (!writer) return bd_fail_memory(err, path);
  writer->path = strdup(path);
  writer->fresh = fresh;
  if (writer->path && (fresh ? open_aside(writer) : open_target(writer))) {
    *out = writer;
    return BD_OK;
  }
  int code = errno;
  bd_writer_abort(writer);
  return bd_fail_write(err, path, code);
}

bd_status bd_writer_open(const char *path, bd_writer **out, bd_error *err) {
  return open_writer(path, false, out, err);
}

bd_status bd_writer_open_new(const char *path, bd_writer **out, bd_error *err) {
  return open_writer(path, true, out, err);
}

void bd_writer_put(bd_writer *writer, const void *data, size_t size) {
  if (writer->error || size == 0) return;
  errno = 0;
  if (fwrite(data, 1, size, writer->file) != size) writer->error = errno ? errno : EIO;
}

// The folder's entry must reach the disk too, or a power cut could bring the old name back.
static void sync_folder(const char *target) {
  char *copy = strdup(target);
  char *slash = copy ? strrchr(copy, '/') : NULL;
  if (slash) slash[slash == copy] = '\0';
  int fd = copy ? open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(copy);
}

// The file takes its place in one step. File systems without RENAME_NOREPLACE have links.
static int put_in_place(const bd_writer *writer) {
  if (!writer->fresh) return rename(writer->aside, writer->target);
  int done = renameat2(AT_FDCWD, writer->aside, AT_FDCWD, writer->target, RENAME_NOREPLACE);
  if (done == 0 || (errno != EINVAL && errno != ENOSYS)) return done;
  return link(writer->aside, writer->target) == 0 ? unlink(writer->aside) : -1;
}

static int flush(bd_writer *writer) {
  if (writer->error) return writer->error;
  if (fflush(writer->file) != 0) return errno;
  return writer->aside && fsync(fileno(writer->file)) != 0 ? errno : 0;
}

bd_status bd_writer_ready(bd_writer *writer, const char **aside, bd_error *err) {
  int code = flush(writer);
  *aside = writer->aside;
  return code ? bd_fail_write(err, writer->path, code) : BD_OK;
}

static int finish(bd_writer *writer) {
  int code = flush(writer);
  if (code || !writer->aside) return code;
  if (put_in_place(writer) != 0) return errno;
  sync_folder(writer->target);
  free(writer->aside);
  writer->aside = NULL;
  return 0;
}

bd_status bd_writer_commit(bd_writer *writer, bd_error *err) {
  int code = finish(writer);
  bd_status status = code ? bd_fail_write(err, writer->path, code) : BD_OK;
  bd_writer_abort(writer);
  return status;
}

void bd_writer_abort(bd_writer *writer) {
  if (!writer) return;
  if (writer->aside) unlink(writer->aside);
  free_writer(writer);
}

bd_status bd_file_write(const char *path, const void *data, size_t size, bd_error *err) {
  bd_writer *writer;
  BD_TRY(bd_writer_open(path, &writer, err));
  bd_writer_put(writer, data, size);
  return bd_writer_commit(writer, err);
}
