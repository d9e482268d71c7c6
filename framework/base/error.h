/*
 * Errors inside the runtime: a status that is returned and one sentence that is kept.
 *
 * A function that can fail takes a struct lm_error of its caller, fills it once and returns
 * the status. The sentence says where, what was found and what was expected; it has no final
 * period and no newline. Floor 0. The runtime never prints: the program shows the sentence.
 */
#ifndef LM_BASE_ERROR_H
#define LM_BASE_ERROR_H

#include <stdarg.h>
#include <stdint.h>

#include <lamina/status.h>

#define LM_MUST_CHECK __attribute__((warn_unused_result))
#define LM_PRINTF(at, first) __attribute__((format(printf, at, first)))

/** The caller's storage for one failure; zero-initialise it. */
struct lm_error {
  enum lamina_status status;
  char text[2048];
};

/** A place in an experiment file; line and column from 1, file borrowed; line 0: unknown. */
struct lm_where {
  const char *file;
  int32_t line;
  int32_t column;
};

/**
 * Fills error with a formatted sentence; texts too long are cut, with "..." at the end.
 * @param error  may be NULL: only the status is passed on
 * @return status
 */
enum lamina_status lm_fail(struct lm_error *error, enum lamina_status status, const char *format,
                           ...) LM_PRINTF(3, 4);

/** lm_fail with "file:line:column: " before the sentence; where may be NULL or unknown. */
enum lamina_status lm_fail_at(struct lm_error *error, enum lamina_status status,
                              const struct lm_where *where, const char *format, ...)
    LM_PRINTF(4, 5);

/** Puts "text: " before the sentence that error holds. */
void lm_error_prefix(struct lm_error *error, const char *format, ...) LM_PRINTF(2, 3);

/** Puts "file:line:column: " before the sentence; where may be NULL or unknown. */
void lm_error_prefix_at(struct lm_error *error, const struct lm_where *where);

/** Adds a clause at the end of the sentence that error holds. */
void lm_error_suffix(struct lm_error *error, const char *format, ...) LM_PRINTF(2, 3);

/** The sentence for lack of memory. bytes: the size asked for, 0 if not known. */
enum lamina_status lm_fail_memory(struct lm_error *error, uint64_t bytes);

/** The fixed text of a status, for people; never NULL. */
const char *lm_status_text(enum lamina_status status);

/** The status's name, such as "LAMINA_E_SHAPE"; "unknown status" for other numbers. */
const char *lm_status_name(enum lamina_status status);

/** The exit code of a program that ends with this status. */
int lm_status_exit_code(enum lamina_status status);

/** Forwards a failure out of the calling function. */
#define LM_TRY(expr)                            \
  do {                                          \
    enum lamina_status lm_try_status_ = (expr); \
    if (lm_try_status_ != LAMINA_OK) {          \
      return lm_try_status_;                    \
    }                                           \
  } while (0)

/** Forwards a failure to the function's cleanup label; status is its local variable. */
#define LM_TRY_OR(label, status, expr) \
  do {                                 \
    (status) = (expr);                 \
    if ((status) != LAMINA_OK) {       \
      goto label;                      \
    }                                  \
  } while (0)

#endif
