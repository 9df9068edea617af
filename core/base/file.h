// Files: read whole, written whole or not at all.
#ifndef BD_BASE_FILE_H
#define BD_BASE_FILE_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The bytes of a file. data is NULL where size is 0.
typedef struct bd_bytes {
  const uint8_t *data;
  size_t size;
} bd_bytes;

// Maps a regular file read-only. Errors name the path and what to do: missing, a directory, no
// permission, not a regular file. Release with bd_file_unmap.
bd_status bd_file_map(const char *path, bd_bytes *out, bd_error *err);
void bd_file_unmap(bd_bytes bytes);

// Reads a file or "-" (standard input) into fresh memory, terminated by a NUL that size does not
// count; refuses more than `limit` bytes. The caller frees *text.
bd_status bd_file_read(const char *path, size_t limit, char **text, size_t *size, bd_error *err);

// A file in the making: written aside in the same folder, fsynced and renamed over `path` by
// bd_writer_commit. A symbolic link is followed and stays; what is no regular file (/dev/null, a
// pipe) is written straight to; "-" is standard output.
typedef struct bd_writer bd_writer;
bd_status bd_writer_open(const char *path, bd_writer **out, bd_error *err);
// The same for a file that must not exist: commit then fails where one has come in the way.
bd_status bd_writer_open_new(const char *path, bd_writer **out, bd_error *err);
// Errors stick: a failed put makes commit fail with its reason.
void bd_writer_put(bd_writer *writer, const void *data, size_t size);
// What was put so far is on the disk, and can be read from *aside (NULL: written straight to path)
// before it takes its place. The name belongs to the writer.
bd_status bd_writer_ready(bd_writer *writer, const char **aside, bd_error *err);
// Frees the writer in every case; on failure nothing is left behind and the old file is untouched.
bd_status bd_writer_commit(bd_writer *writer, bd_error *err);
// Gives up: removes what was written aside. NULL is allowed.
void bd_writer_abort(bd_writer *writer);

// BD_FAILED with what an errno means for a path that was to be written to, and what to do.
bd_status bd_fail_write(bd_error *err, const char *path, int code);

// open, put, commit.
bd_status bd_file_write(const char *path, const void *data, size_t size, bd_error *err);

// Do two paths lead to one file, through links too? False where either does not exist.
bool bd_file_same(const char *a, const char *b);

// SHA-256 in hexadecimal.
void bd_sha256(const void *data, size_t size, char out[65]);

#endif
