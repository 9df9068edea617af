// Pictures as a network's input takes them. For core/engine alone.
#ifndef BD_ENGINE_IMAGE_H
#define BD_ENGINE_IMAGE_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

// Decodes a JPEG, PNG, BMP or GIF file, resizes its shorter side to `side` (bilinear, averaging
// where it shrinks) and cuts height × width from the centre. out: height × width × channels bytes
// (1 grey, 3 RGB), rows first. BD_INVALID names the file.
bd_status bd_image_read(const char *path, int side, int height, int width, int channels,
                        uint8_t *out, bd_error *err);

#endif
