#include "core/quant/parts.h"

static size_t channel_weights(const bd_parts *parts) {
  return parts->axes.outer * parts->axes.inner;
}

static size_t groups_of_channel(const bd_parts *parts) {
  size_t weights = channel_weights(parts);
  return parts->group == 0 ? 0 : weights / parts->group + (weights % parts->group != 0);
}

bd_parts bd_parts_of(bd_axes axes, size_t group) {
  bd_parts parts = {.axes = axes, .group = group, .count = 1};
  if (group > 0) parts.count = axes.channels * groups_of_channel(&parts);
  return parts;
}

size_t bd_axes_channel(const bd_axes *axes, size_t place) {
  return place / axes->inner % axes->channels;
}

size_t bd_parts_find(const bd_parts *parts, size_t place) {
  if (parts->group == 0) return 0;
  const bd_axes *axes = &parts->axes;
  size_t outer = place / (axes->inner * axes->channels), inner = place % axes->inner;
  size_t within = outer * axes->inner + inner;
  return bd_axes_channel(axes, place) * groups_of_channel(parts) + within / parts->group;
}

// The part's first weight among those of its channel.
static size_t first_within(const bd_parts *parts, size_t part) {
  return part % groups_of_channel(parts) * parts->group;
}

size_t bd_parts_size(const bd_parts *parts, size_t part) {
  if (parts->group == 0) return channel_weights(parts) * parts->axes.channels;
  size_t left = channel_weights(parts) - first_within(parts, part);
  return left < parts->group ? left : parts->group;
}

bd_stretch bd_parts_stretch(const bd_parts *parts, size_t part, size_t from) {
  size_t left = bd_parts_size(parts, part) - from;
  if (parts->group == 0) return (bd_stretch){from, left};
  const bd_axes *axes = &parts->axes;
  size_t channel = part / groups_of_channel(parts), within = first_within(parts, part) + from;
  size_t outer = within / axes->inner, inner = within % axes->inner;
  size_t count = axes->inner - inner;
  return (bd_stretch){(outer * axes->channels + channel) * axes->inner + inner,
                      count < left ? count : left};
}
