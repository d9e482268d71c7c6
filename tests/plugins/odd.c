/*
 * Layers with one thing wrong in the marker, the descriptor or the table, written out by hand
 * because the macros of lamina/layer.h cannot get it wrong. The build defines what differs
 * from the values below.
 */
#include "fixture.h"

#ifndef MARKER_ABI
#define MARKER_ABI "1.0"
#endif
#ifndef MARKER_KIND
#define MARKER_KIND "layer"
#endif
#ifndef MARKER_NAME
#define MARKER_NAME LAMINA_TEXT(FIXTURE)
#endif
#ifndef MARKER_ISA
#define MARKER_ISA LAMINA_ISA
#endif
#ifndef MAGIC
#define MAGIC LAMINA_MAGIC
#endif
#ifndef SIZE
#define SIZE ((uint32_t)sizeof(struct lamina_plugin))
#endif
#ifndef MAJOR
#define MAJOR 1
#endif
#ifndef NEEDS_MINOR
#define NEEDS_MINOR 0
#endif
#ifndef KIND
#define KIND LAMINA_KIND_LAYER
#endif
#ifndef NAME
#define NAME LAMINA_TEXT(FIXTURE)
#endif
#ifndef SUMMARY
#define SUMMARY "a layer with something wrong"
#endif
#ifndef VTABLE
#define VTABLE &table
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE ((uint32_t)sizeof(struct lamina_layer))
#endif
#ifndef FORWARD
#define FORWARD fixture_forward
#endif
#ifndef INFER
#define INFER fixture_infer
#endif
#ifndef STRIDE
#define STRIDE ((uint32_t)sizeof(struct lamina_setting))
#endif
#ifndef DOC
#define DOC "how many"
#endif
#ifndef ROWS
#define ROWS rows
#endif
#ifndef N_ROWS
#define N_ROWS 1
#endif
#ifndef INSTANCE_BYTES
#define INSTANCE_BYTES sizeof(struct odd)
#endif
#ifndef SYMBOL
#define SYMBOL PASTE(FIXTURE)
#endif
#define PASTE(name) PASTE_(name)
#define PASTE_(name) layer_##name##_LTX_lamina_plugin_v1

struct odd {
  int64_t count;
};

__attribute__((used)) static const struct lamina_setting rows[] = {
    LAMINA_I64(struct odd, count, "1", "[0, inf)", DOC)};

__attribute__((used)) static const struct lamina_layer table = {
    .size = TABLE_SIZE, .infer = INFER, .forward = FORWARD};

static const char marker[] = "\177LAMINA\0abi=" MARKER_ABI "\0built=1.0\0kind=" MARKER_KIND
                             "\0name=" MARKER_NAME "\0version=1.0.0\0isa=" MARKER_ISA "\0";

extern const struct lamina_plugin SYMBOL;
LAMINA_EXPORT const struct lamina_plugin SYMBOL = {
    MAGIC,   SIZE,  MAJOR, 0,    NEEDS_MINOR, KIND,   NAME,           "1.0.0", marker,
    SUMMARY, "MIT", "",    ROWS, N_ROWS,      STRIDE, INSTANCE_BYTES, VTABLE};
