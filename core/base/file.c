#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

// One line for what errno says about a path.
static bd_status fail_open(bd_error *err, const char *path, int code) {
  switch (code) {
  case ENOMEM:
    return bd_fail_memory(err, path);
  case ENOENT:
    return bd_fail(err, BD_INVALID, "%s: no such file: check the path", path);
  case EACCES:
  case EPERM:
    return bd_fail(err, BD_INVALID, "%s: no permission to read it: check its mode", path);
  default:
    return bd_fail(err, BD_INVALID, "%s: cannot be read: %s", path, strerror(code));
  }
}

// Opens a regular file for reading; a pipe or device would make a reader wait or guess.
static bd_status open_regular(const char *path, int *fd, size_t *size, bd_error *err) {
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0) return fail_open(err, path, errno);
  struct stat info;
  bd_status status = BD_OK;
  if (fstat(*fd, &info) != 0)
    status = fail_open(err, path, errno);
  else if (S_ISDIR(info.st_mode))
    status = bd_fail(err, BD_INVALID, "%s: is a directory: name a file in it", path);
  else if (!S_ISREG(info.st_mode))
    status = bd_fail(err, BD_INVALID, "%s: is no regular file: copy it to one first", path);
  else
    *size = (size_t)info.st_size;
  if (status != BD_OK) close(*fd);
  return status;
}

bd_status bd_file_map(const char *path, bd_bytes *out, bd_error *err) {
  *out = (bd_bytes){0};
  int fd;
  size_t size = 0;
  BD_TRY(open_regular(path, &fd, &size, err));
  void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
  int code = errno;
  close(fd);
  if (data == MAP_FAILED) return fail_open(err, path, code);
  *out = (bd_bytes){data, size};
  return BD_OK;
}

void bd_file_unmap(bd_bytes bytes) {
  if (bytes.data) munmap((void *)(uintptr_t)bytes.data, bytes.size);
}

// Reads until the end or until more than `limit` bytes have come; grows *text.
static bd_status read_all(FILE *file, const char *path, size_t limit, char **text, size_t *size,
                          bd_error *err) {
  size_t room = 0, used = 0;
  for (;;) {
    if (used + 1 >= room) {
      room = room ? room * 2 : 1 << 14;
      char *grown = realloc(*text, room);
      if (!grown) return bd_fail_memory(err, path);
      *text = grown;
    }
    size_t got = fread(*text + used, 1, room - used - 1, file);
    used += got;
    if (used > limit)
      return bd_fail(err, BD_INVALID, "%s: larger than %zu MiB: not what is expected here", path,
                     limit >> 20);
    if (got == 0) break;
  }
  if (ferror(file)) return fail_open(err, path, errno);
  (*text)[used] = '\0';
  *size = used;
  return BD_OK;
}

bd_status bd_file_read(const char *path, size_t limit, char **text, size_t *size, bd_error *err) {
  *text = NULL;
  *size = 0;
  FILE *file = stdin;
  if (strcmp(path, "-") != 0) {
    int fd;
    BD_TRY(open_regular(path, &fd, size, err));
    file = fdopen(fd, "rb");
    if (!file) {
      close(fd);
      return bd_fail_memory(err, path);
    }
  }
  bd_status status = read_all(file, path, limit, text, size, err);
  if (file != stdin) fclose(file);
  if (status != BD_OK) {
    free(*text);
    *text = NULL;
  }
  return status;
}

bool bd_file_same(const char *a, const char *b) {
  struct stat one, other;
  return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

void bd_sha256(const void *data, size_t size, char out[65]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  out[0] = '\0';
  if (!EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL)) return;
  for (unsigned int i = 0; i < length && i < 32; i++)
    snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
