/*
 * The header of version 1.0: "\x93NUMPY", 1, 0, the length of what follows as u16, and a Python
 * dictionary with exactly descr, fortran_order and shape, filled up by blanks and ended by a
 * newline so that the elements begin at a multiple of 64 bytes.
 */
#include "io/npy.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { PREFIX = 10, ALIGNMENT = 64, WIDTH = 4 };

static void add_header(struct lm_text *text, const struct lm_npy_shape *shape)
{
  lm_text_addf(text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
               shape->type == LM_NPY_F32 ? "<f4" : "<i4");
  for (uint32_t i = 0; i < shape->rank; i++) {
    lm_text_addf(text, "%s%lld", i == 0 ? "" : " ", (long long)shape->dims[i]);
    lm_text_add(text, i + 1 < shape->rank || shape->rank == 1 ? "," : "");
  }
  lm_text_add(text, "), }");
  while ((PREFIX + text->length + 1) % ALIGNMENT != 0 && lm_text_ok(text)) {
    lm_text_add(text, " ");
  }
  lm_text_add(text, "\n");
}

static enum lamina_status write_header(struct lm_npy *npy, const struct lm_npy_shape *shape,
                                       struct lm_error *error)
{
  struct lm_text text = {0};
  add_header(&text, shape);
  enum lamina_status status = LAMINA_OK;
  if (!lm_text_ok(&text)) {
    status = lm_fail_memory(error, 0);
  }
  const unsigned char prefix[PREFIX] = {0x93,
                                        'N',
                                        'U',
                                        'M',
                                        'P',
                                        'Y',
                                        1,
                                        0,
                                        (unsigned char)text.length,
                                        (unsigned char)(text.length >> 8)};
  if (status == LAMINA_OK) {
    status = lm_writer_add(&npy->writer, prefix, sizeof prefix, error);
  }
  if (status == LAMINA_OK) {
    status = lm_writer_add(&npy->writer, text.bytes, text.length, error);
  }
  lm_text_release(&text);
  return status;
}

enum lamina_status lm_npy_open(const char *path, const struct lm_npy_shape *shape,
                               struct lm_npy *npy, struct lm_error *error)
{
  *npy = (struct lm_npy){.left = WIDTH};
  npy->writer.descriptor = -1;
  bool fits = shape->rank <= LM_NPY_MAX_RANK;
  for (uint32_t i = 0; fits && i < shape->rank; i++) {
    fits = shape->dims[i] >= 0 && lm_mul_i64(npy->left, shape->dims[i], &npy->left);
  }
  if (!fits) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: an array of this shape is too large", path);
  }
  LM_TRY(lm_writer_open(path, &npy->writer, error));
  enum lamina_status status = write_header(npy, shape, error);
  if (status != LAMINA_OK) {
    lm_npy_discard(npy);
  }
  return status;
}

enum lamina_status lm_npy_add(struct lm_npy *npy, const void *elements, int64_t count,
                              struct lm_error *error)
{
  if (count < 0 || count > npy->left / WIDTH) {
    return lm_fail(error, LAMINA_E_INTERNAL, "%s: more elements than its shape has",
                   npy->writer.path);
  }
  npy->left -= count * WIDTH;
  return lm_writer_add(&npy->writer, elements, (size_t)(count * WIDTH), error);
}

enum lamina_status lm_npy_commit(struct lm_npy *npy, struct lm_error *error)
{
  if (npy->left != 0) {
    enum lamina_status status =
        lm_fail(error, LAMINA_E_INTERNAL, "%s: %lld bytes fewer than its shape has",
                npy->writer.path, (long long)npy->left);
    lm_npy_discard(npy);
    return status;
  }
  return lm_writer_commit(&npy->writer, error);
}

void lm_npy_discard(struct lm_npy *npy)
{
  lm_writer_discard(&npy->writer);
}
