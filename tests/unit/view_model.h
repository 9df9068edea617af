// Small ONNX models for the tests of the views, written byte by byte (onnx.proto's field numbers),
// and a settled session on them.
#ifndef BD_TESTS_UNIT_VIEW_MODEL_H
#define BD_TESTS_UNIT_VIEW_MODEL_H

#include "core/session/session.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct tiny_layer {
  const char *name, *op;
  int shape[4], rank;
  const float *values;
} tiny_layer;

typedef struct message {
  char *data;
  size_t size;
  FILE *out;
} message;

static void message_open(message *m) {
  m->out = open_memstream(&m->data, &m->size);
}

static void put_varint(message *to, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    fputc((int)(value & 0x7f) | 0x80, to->out);
  fputc((int)value, to->out);
}

static void put_number(message *to, int field, uint64_t value) {
  put_varint(to, (uint64_t)field << 3);
  put_varint(to, value);
}

static void put_bytes(message *to, int field, const void *data, size_t size) {
  put_varint(to, (uint64_t)field << 3 | 2);
  put_varint(to, size);
  fwrite(data, 1, size, to->out);
}

static void put_text(message *to, int field, const char *text) {
  put_bytes(to, field, text, strlen(text));
}

// Closes `from` and puts it into `to`.
static void put_message(message *to, int field, message *from) {
  fclose(from->out);
  put_bytes(to, field, from->data, from->size);
  free(from->data);
}

static void put_layer(message *graph, const tiny_layer *layer, int index) {
  message node, tensor;
  char text[32];
  size_t count = 1;
  message_open(&node);
  message_open(&tensor);
  snprintf(text, sizeof text, "x%d", index);
  put_text(&node, 1, text);
  put_text(&node, 1, layer->name);
  snprintf(text, sizeof text, "x%d", index + 1);
  put_text(&node, 2, text);
  put_text(&node, 4, layer->op);
  put_message(graph, 1, &node);
  for (int i = 0; i < layer->rank; i++) {
    put_number(&tensor, 1, (uint64_t)layer->shape[i]);
    count *= (size_t)layer->shape[i];
  }
  put_number(&tensor, 2, 1);
  put_text(&tensor, 8, layer->name);
  put_bytes(&tensor, 9, layer->values, count * sizeof(float));
  put_message(graph, 5, &tensor);
}

static bool write_tiny_model(const char *path, const tiny_layer *layers, int count) {
  message model, graph, opset;
  message_open(&model);
  message_open(&graph);
  message_open(&opset);
  put_number(&model, 1, 8);
  put_number(&opset, 2, 13);
  put_message(&model, 8, &opset);
  for (int i = 0; i < count; i++)
    put_layer(&graph, &layers[i], i);
  put_text(&graph, 2, "tiny");
  put_message(&model, 7, &graph);
  fclose(model.out);
  FILE *file = fopen(path, "wb");
  bool written = file && fwrite(model.data, 1, model.size, file) == model.size;
  if (file) fclose(file);
  free(model.data);
  return written;
}

// NULL where the model cannot be opened.
static bd_session *open_model(const char *path) {
  bd_error err;
  bd_model *model;
  bd_session *session;
  if (bd_model_open(path, &model, &err) != BD_OK) return NULL;
  return bd_session_new(model, NULL, NULL, 1, &session, &err) == BD_OK ? session : NULL;
}

static void settle(bd_session *session) {
  while (bd_session_pending(session) > 0) {
    struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
    poll(&wake, 1, 10000);
    bd_session_poll(session);
  }
}

static inline bd_session *open_tiny(const tiny_layer *layers, int count) {
  char path[] = "/tmp/bitdial-view-XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0) return NULL;
  close(fd);
  bd_session *session = write_tiny_model(path, layers, count) ? open_model(path) : NULL;
  unlink(path);
  return session;
}

#endif
