/*
 * Outputs of models as pictures. Floor 10.
 */
#ifndef LM_ANALYSIS_PICTURE_H
#define LM_ANALYSIS_PICTURE_H

#include "analysis/part_run.h"
#include "analysis/sheet.h"

/**
 * Says in a sheet how high and wide the pictures are that an output is, and their channels: as
 * given; or as the output's own shape is [H, W] or [H, W, C]; or as that of the field `input` of
 * the model's own data, when it has as many elements.
 * @param given  such as "28x28" or "32x32x3"; or NULL
 * @return LAMINA_OK; LAMINA_E_USAGE for a given shape that does not fit; LAMINA_E_INVALID when
 *         none is known, telling how to give one
 */
enum lamina_status lm_picture_shape(const struct lm_output *output, const char *given,
                                    const struct lm_declared_field *fields, uint32_t n_fields,
                                    struct lm_sheet *sheet, struct lm_error *error) LM_MUST_CHECK;

/** Writes a sheet of pictures as a PNG file. */
enum lamina_status lm_picture_write(const char *path, const struct lm_sheet *sheet,
                                    struct lm_error *error) LM_MUST_CHECK;

#endif
