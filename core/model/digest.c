#include "core/model/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

// Read, not mapped: a file that another program cuts short meanwhile must not end this one.
static bool feed(EVP_MD_CTX *context, int fd) {
  unsigned char some[1 << 16];
  ssize_t got;
  for (off_t at = 0; (got = pread(fd, some, sizeof some, at)) > 0; at += got)
    if (!EVP_DigestUpdate(context, some, (size_t)got)) return false;
  return got == 0;
}

void bd_digest_file(int fd, char out[65]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  out[0] = '\0';
  if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) && feed(context, fd) &&
      EVP_DigestFinal_ex(context, digest, &length))
    for (unsigned int i = 0; i < length && i < 32; i++)
      snprintf(out + 2 * i, 3, "%02x", digest[i]);
  EVP_MD_CTX_free(context);
}
