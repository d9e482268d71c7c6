/*
 * The transforms of tiles, for vectors of channels and for single ones. A transform of a square
 * is one of its columns and then one of its rows.
 */
#ifndef LM_CONVOLUTION_WINOGRAD_TILE_H
#define LM_CONVOLUTION_WINOGRAD_TILE_H

#include "lanes.h"
#include "winograd.h"

/* Lines of the matrices B', A', A and G' times a vector. */
#define LM_WINOGRAD_LINES(V, suffix)                                \
  LAMINA_INLINE void lm_line_input_##suffix(const V d[], V t[])     \
  {                                                                 \
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];                        \
    t[1] = (d[3] + d[4]) - 4.0f * (d[1] + d[2]);                    \
    t[2] = (d[4] - d[3]) + 4.0f * (d[1] - d[2]);                    \
    t[3] = (d[4] - d[2]) + 2.0f * (d[3] - d[1]);                    \
    t[4] = (d[4] - d[2]) - 2.0f * (d[3] - d[1]);                    \
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];                        \
  }                                                                 \
  LAMINA_INLINE void lm_line_output_##suffix(const V m[], V y[])    \
  {                                                                 \
    V a = m[1] + m[2], b = m[1] - m[2];                             \
    V c = m[3] + m[4], d = m[3] - m[4];                             \
    y[0] = m[0] + a + c;                                            \
    y[1] = b + 2.0f * d;                                            \
    y[2] = a + 4.0f * c;                                            \
    y[3] = b + 8.0f * d + m[5];                                     \
  }                                                                 \
  LAMINA_INLINE void lm_line_back_##suffix(const V y[], V t[])      \
  {                                                                 \
    V a = y[0] + y[2], b = y[1] + y[3];                             \
    V c = y[0] + 4.0f * y[2], d = 2.0f * y[1] + 8.0f * y[3];        \
    t[0] = y[0];                                                    \
    t[1] = a + b;                                                   \
    t[2] = a - b;                                                   \
    t[3] = c + d;                                                   \
    t[4] = c - d;                                                   \
    t[5] = y[3];                                                    \
  }                                                                 \
  LAMINA_INLINE void lm_line_weight_##suffix(const V g[], V t[])    \
  {                                                                 \
    V a = (g[0] + g[2]) * (-1.0f / 6.0f), b = g[1] * (1.0f / 6.0f); \
    V c = g[0] * (1.0f / 24.0f) + g[2] * (1.0f / 6.0f);             \
    V d = g[1] * (1.0f / 12.0f);                                    \
    t[0] = g[0] * 0.25f;                                            \
    t[1] = a - b;                                                   \
    t[2] = a + b;                                                   \
    t[3] = c + d;                                                   \
    t[4] = c - d;                                                   \
    t[5] = g[2];                                                    \
  }                                                                 \
  LAMINA_INLINE void lm_line_gradient_##suffix(const V u[], V g[])  \
  {                                                                 \
    V a = u[1] + u[2], b = u[2] - u[1];                             \
    V c = u[3] + u[4], d = u[3] - u[4];                             \
    g[0] = u[0] * 0.25f - a * (1.0f / 6.0f) + c * (1.0f / 24.0f);   \
    g[1] = b * (1.0f / 6.0f) + d * (1.0f / 12.0f);                  \
    g[2] = (c - a) * (1.0f / 6.0f) + u[5];                          \
  }

/*
 * A square of `from` x `from` made into one of `to` x `to` by a line transform. Element (i, j)
 * comes from in[i * from + j] + at, and goes to out + (i * to + j) * plane.
 */
#define LM_WINOGRAD_SQUARE(V, name, line, from, to)                                       \
  LAMINA_INLINE void name(const float *const in[], int64_t at, float *out, int64_t plane) \
  {                                                                                       \
    V column[from], made[to], half[from][to], row[from];                                  \
    for (int j = 0; j < (from); j++) {                                                    \
      for (int i = 0; i < (from); i++) {                                                  \
        column[i] = LM_LOAD(V, in[i * (from) + j] + at);                                  \
      }                                                                                   \
      line(column, made);                                                                 \
      for (int i = 0; i < (to); i++) {                                                    \
        half[j][i] = made[i];                                                             \
      }                                                                                   \
    }                                                                                     \
    for (int i = 0; i < (to); i++) {                                                      \
      for (int j = 0; j < (from); j++) {                                                  \
        row[j] = half[j][i];                                                              \
      }                                                                                   \
      line(row, made);                                                                    \
      for (int j = 0; j < (to); j++) {                                                    \
        LM_STORE(V, out + (i * (to) + j) * plane, made[j]);                               \
      }                                                                                   \
    }                                                                                     \
  }

LM_WINOGRAD_LINES(lm_lanes, lanes)
LM_WINOGRAD_LINES(lm_few_lanes, few)
LM_WINOGRAD_LINES(lm_lane, lane)

/* All channels of a tile: vectors first, then one by one. */
#define LM_WINOGRAD_TRANSFORM(name, kind, from, to)                                             \
  LM_WINOGRAD_SQUARE(lm_lanes, name##_lanes, lm_line_##kind##_lanes, from, to)                  \
  LM_WINOGRAD_SQUARE(lm_few_lanes, name##_few, lm_line_##kind##_few, from, to)                  \
  LM_WINOGRAD_SQUARE(lm_lane, name##_lane, lm_line_##kind##_lane, from, to)                     \
  LAMINA_INLINE void name(const float *const in[], int64_t channels, float *out, int64_t plane) \
  {                                                                                             \
    int64_t c = 0;                                                                              \
    for (; c + LM_LANES <= channels; c += LM_LANES) {                                           \
      name##_lanes(in, c, out + c, plane);                                                      \
    }                                                                                           \
    for (; c + LM_FEW_LANES <= channels; c += LM_FEW_LANES) {                                   \
      name##_few(in, c, out + c, plane);                                                        \
    }                                                                                           \
    for (; c < channels; c++) {                                                                 \
      name##_lane(in, c, out + c, plane);                                                       \
    }                                                                                           \
  }

#endif
