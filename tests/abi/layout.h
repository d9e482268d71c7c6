/*
 * Compares the public headers with a golden layout while a program is compiled: the lines of a
 * golden file are assertions. LAYOUT_MINOR is the minor version that the file is of; structs
 * that say their size may have grown since, all else is for ever.
 */
#ifndef TESTS_ABI_LAYOUT_H
#define TESTS_ABI_LAYOUT_H

#include <stddef.h>

#if __SIZEOF_POINTER__ != 8
#error "golden layouts are of machines with 64-bit pointers"
#endif

#define LAYOUT_FROZEN 0
#define LAYOUT_GROWS 1

#define LAYOUT_STRUCT(T, bytes, how)                                                            \
  _Static_assert(LAYOUT_##how && LAYOUT_MINOR < LAMINA_ABI_MINOR ? sizeof(struct T) >= (bytes)  \
                                                                 : sizeof(struct T) == (bytes), \
                 "struct " #T " has another size than the " #bytes " bytes it had");
#define LAYOUT_FIELD(T, field, bytes, ...)                                                       \
  _Static_assert(offsetof(struct T, field) == (bytes), #T "." #field " was at " #bytes);         \
  _Static_assert(                                                                                \
      __builtin_types_compatible_p(__typeof__(((struct T *)0)->field), __typeof__(__VA_ARGS__)), \
      #T "." #field " was of type " #__VA_ARGS__);
#define LAYOUT_NUMBER(name, value) _Static_assert((name) == (value), #name " was " #value);

#endif
