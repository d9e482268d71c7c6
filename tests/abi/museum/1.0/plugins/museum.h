/*
 * What the plugins of this museum share: the service "museum.scale/1". Every plugin here was
 * written for ABI 1.0 and is compiled against the headers of 1.0 beside it, for ever. Together
 * they use every function that a host of 1.0 offers, and each kind of plugin and of setting.
 */
#ifndef MUSEUM_H
#define MUSEUM_H

#include <stdint.h>

#define MUSEUM_SCALE_ID "museum.scale/1"

struct museum_scale {
  uint32_t size, reserved;
  void *self;
  float (*scale)(void *self, float x);
};

#endif
