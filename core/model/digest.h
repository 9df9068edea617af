// SHA-256 of an open file.
#ifndef BD_MODEL_DIGEST_H
#define BD_MODEL_DIGEST_H

// In hexadecimal; "" where the file cannot be read. Any thread; the file's position is left alone.
void bd_digest_file(int fd, char out[65]);

#endif
