/*
 * Status codes: what a call says about itself.
 *
 * Every function of Lamina and of a plugin that can fail returns an int32_t that is LAMINA_OK
 * or one of the negative codes below. The type is int32_t and not the enum because the width
 * of an enum is the compiler's choice, and these values cross the plugin boundary.
 *
 * The list gives, for each code: its name, its value, the exit code of the program when a
 * command ends with it, and a fixed text. Values are never reused or renumbered.
 */
#ifndef LAMINA_STATUS_H
#define LAMINA_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAMINA_STATUS_LIST(X)                                               \
  X(LAMINA_OK, 0, 0, "success")                                             \
  X(LAMINA_E_USAGE, -1, 64, "wrong use of a command or a function")         \
  X(LAMINA_E_INVALID, -2, 65, "a value that is not acceptable")             \
  X(LAMINA_E_SHAPE, -3, 65, "tensor shapes or types that do not fit")       \
  X(LAMINA_E_MISSING, -4, 66, "a file, plugin or name that does not exist") \
  X(LAMINA_E_UNSUPPORTED, -5, 65, "something this version does not offer")  \
  X(LAMINA_E_NONFINITE, -6, 65, "a number that is not finite")              \
  X(LAMINA_E_PLUGIN, -7, 70, "a plugin that broke its contract")            \
  X(LAMINA_E_INTERNAL, -8, 70, "an error of Lamina's own")                  \
  X(LAMINA_E_NOMEM, -9, 71, "not enough memory")                            \
  X(LAMINA_E_IO, -10, 74, "input or output that failed")                    \
  X(LAMINA_E_STOPPED, -11, 75, "stopped on request, with a checkpoint written")

enum lamina_status {
#define LAMINA_STATUS_ENTRY(name, value, exit_code, text) name = (value),
  LAMINA_STATUS_LIST(LAMINA_STATUS_ENTRY)
#undef LAMINA_STATUS_ENTRY
      LAMINA_STATUS_END = -12
};

/** Forwards a failure: returns from the enclosing function when expr is not LAMINA_OK. */
#define LAMINA_TRY(expr)                   \
  do {                                     \
    int32_t lamina_try_status_ = (expr);   \
    if (lamina_try_status_ != LAMINA_OK) { \
      return lamina_try_status_;           \
    }                                      \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif
