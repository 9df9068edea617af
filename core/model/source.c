#include "core/model/source.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bd_status bd_source_open(const char *path, bd_source *out, bd_error *err) {
  *out = (bd_source){.path = path, .fd = -1};
  BD_TRY(bd_file_map(path, &out->map, err));
  struct stat info;
  out->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (out->fd < 0 || fstat(out->fd, &info) != 0 || (size_t)info.st_size != out->map.size)
    return bd_fail(err, BD_INVALID, "%s: changed while it was opened: try again", path);
  out->changed = info.st_mtim;
  return BD_OK;
}

static bd_status map_open(bd_source *source, bd_error *err) {
  struct stat info;
  if (fstat(source->fd, &info) != 0 || !S_ISREG(info.st_mode))
    return bd_fail(err, BD_INVALID, "%s: is no regular file", source->path);
  source->changed = info.st_mtim;
  source->map.size = (size_t)info.st_size;
  if (info.st_size == 0) return BD_OK;
  void *data = mmap(NULL, source->map.size, PROT_READ, MAP_PRIVATE, source->fd, 0);
  if (data != MAP_FAILED) source->map.data = data;
  return data != MAP_FAILED
             ? BD_OK
             : bd_fail(err, BD_FAILED, "%s: cannot be mapped: %s", source->path, strerror(errno));
}

bd_status bd_source_adopt(int fd, const char *path, bd_source *out, bd_error *err) {
  *out = (bd_source){.path = path, .fd = fd};
  bd_status status = map_open(out, err);
  if (status != BD_OK) bd_source_close(out);
  return status;
}

void bd_source_close(bd_source *source) {
  bd_file_unmap(source->map);
  if (source->fd >= 0) close(source->fd);
  *source = (bd_source){.fd = -1};
}

bool bd_source_holds(const bd_source *source, const void *pointer) {
  uintptr_t start = (uintptr_t)source->map.data, at = (uintptr_t)pointer;
  return source->map.data && at >= start && at - start < source->map.size;
}

// Is the file as it was? A rename over it does not touch the one that is open.
static bool unchanged(const bd_source *source) {
  struct stat now;
  return fstat(source->fd, &now) == 0 && (size_t)now.st_size == source->map.size &&
         now.st_mtim.tv_sec == source->changed.tv_sec &&
         now.st_mtim.tv_nsec == source->changed.tv_nsec;
}

bd_status bd_source_read(const bd_source *source, const void *place, size_t bytes, void *out,
                         bd_error *err) {
  off_t at = (off_t)((uintptr_t)place - (uintptr_t)source->map.data);
  size_t done = 0;
  ssize_t got = 1;
  while (done < bytes && got > 0) {
    got = pread(source->fd, (char *)out + done, bytes - done, at + (off_t)done);
    if (got > 0) done += (size_t)got;
  }
  if (done == bytes && unchanged(source)) return BD_OK;
  return bd_fail(err, BD_FAILED, "%s: has changed since it was opened: open it again",
                 source->path);
}

static bool feed(EVP_MD_CTX *context, int fd) {
  unsigned char some[1 << 16];
  ssize_t got;
  for (off_t at = 0; (got = pread(fd, some, sizeof some, at)) > 0; at += got)
    if (!EVP_DigestUpdate(context, some, (size_t)got)) return false;
  return got == 0;
}

void bd_source_sha256(const bd_source *source, char out[65]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  out[0] = '\0';
  if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) && feed(context, source->fd) &&
      EVP_DigestFinal_ex(context, digest, &length) && unchanged(source))
    for (unsigned int i = 0; i < length && i < 32; i++)
      snprintf(out + 2 * i, 3, "%02x", digest[i]);
  EVP_MD_CTX_free(context);
}
