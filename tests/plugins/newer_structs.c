/*
 * A layer as a later minor version would build it for a host of 1.0: every struct that can grow
 * has grown, and needs_minor is still 0.
 */
#include "fixture.h"

struct newer_layer {
  struct lamina_layer old;
  int32_t (*later)(void *self);
};

struct newer_setting {
  struct lamina_setting old;
  const char *later;
};

struct newer_plugin {
  struct lamina_plugin old;
  uint64_t later;
};

struct newer {
  int64_t first, second;
};

static const struct newer_setting rows[] = {
    {LAMINA_I64(struct newer, first, "1", NULL, "the first number"), "later"},
    {LAMINA_I64(struct newer, second, "2", NULL, "the second number"), "later"}};

static const struct newer_layer table = {
    {.size = sizeof(struct newer_layer), .infer = fixture_infer, .forward = fixture_forward}, NULL};

static const char marker[] =
    "\177LAMINA\0abi=1.0\0built=1.9\0kind=layer\0name=newer_structs\0version=1.0.0\0later=x"
    "\0isa=" LAMINA_ISA "\0";

extern const struct newer_plugin layer_newer_structs_LTX_lamina_plugin_v1;
LAMINA_EXPORT const struct newer_plugin layer_newer_structs_LTX_lamina_plugin_v1 = {
    {LAMINA_MAGIC, sizeof(struct newer_plugin), 1, 9, 0, LAMINA_KIND_LAYER, "newer_structs",
     "1.0.0", marker, "a layer from the future", "MIT", "", &rows[0].old, 2,
     sizeof(struct newer_setting), sizeof(struct newer), &table},
    ~(uint64_t)0};
