/*
 * The layout of every public struct as of ABI 1.0, on machines with 64-bit pointers. A line that
 * no longer holds means that plugins which exist would read the wrong bytes: lines are added
 * for fields at the end of a growable struct, in the minor version that adds them, and never
 * changed. Sizes are those of 1.0; a struct that grows has a larger one, and then its line
 * here says "at least".
 */
#include <criterion/criterion.h>
#include <stddef.h>

#include <lamina/dataset.h>
#include <lamina/files.h>
#include <lamina/gemm.h>
#include <lamina/epilogue.h>
#include <lamina/host.h>
#include <lamina/initializer.h>
#include <lamina/layer.h>
#include <lamina/metric.h>
#include <lamina/optimizer.h>
#include <lamina/plan.h>
#include <lamina/plugin.h>
#include <lamina/regularizer.h>
#include <lamina/schedule.h>
#include <lamina/service.h>
#include <lamina/tensor.h>
#include <lamina/transform.h>

/* S(struct, its size in 1.0), F(struct, field, its offset). */
#define LAYOUT_1_0(S, F)                  \
  S(lamina_type, 24)                      \
  F(lamina_type, dims, 0)                 \
  F(lamina_type, rank, 8)                 \
  F(lamina_type, layout, 12)              \
  F(lamina_type, dt_code, 16)             \
  F(lamina_type, dt_bits, 17)             \
  F(lamina_type, dt_lanes, 18)            \
  F(lamina_type, device, 20)              \
  S(lamina_view, 40)                      \
  F(lamina_view, data, 0)                 \
  F(lamina_view, strides, 8)              \
  F(lamina_view, type, 16)                \
  S(lamina_call, 8)                       \
  F(lamina_call, host, 0)                 \
  S(lamina_host, 104)                     \
  F(lamina_host, size, 0)                 \
  F(lamina_host, abi_minor, 4)            \
  F(lamina_host, fail, 8)                 \
  F(lamina_host, log, 16)                 \
  F(lamina_host, mode, 24)                \
  F(lamina_host, get, 32)                 \
  F(lamina_host, grad, 40)                \
  F(lamina_host, scratch, 48)             \
  F(lamina_host, parallel_for, 56)        \
  F(lamina_host, random_u32, 64)          \
  F(lamina_host, service, 72)             \
  F(lamina_host, memory, 80)              \
  F(lamina_host, count, 88)               \
  F(lamina_host, epilogue, 96)            \
  S(lamina_epilogue, 24)                  \
  F(lamina_epilogue, size, 0)             \
  F(lamina_epilogue, reserved, 4)         \
  F(lamina_epilogue, self, 8)             \
  F(lamina_epilogue, apply, 16)           \
  S(lamina_file, 16)                      \
  F(lamina_file, bytes, 0)                \
  F(lamina_file, size, 8)                 \
  S(lamina_files, 32)                     \
  F(lamina_files, size, 0)                \
  F(lamina_files, reserved, 4)            \
  F(lamina_files, self, 8)                \
  F(lamina_files, load, 16)               \
  F(lamina_files, peek, 24)               \
  S(lamina_gemm_task, 128)                \
  F(lamina_gemm_task, size, 0)            \
  F(lamina_gemm_task, flags, 4)           \
  F(lamina_gemm_task, m, 8)               \
  F(lamina_gemm_task, n, 16)              \
  F(lamina_gemm_task, k, 24)              \
  F(lamina_gemm_task, a, 32)              \
  F(lamina_gemm_task, a_row, 40)          \
  F(lamina_gemm_task, a_column, 48)       \
  F(lamina_gemm_task, b, 56)              \
  F(lamina_gemm_task, b_row, 64)          \
  F(lamina_gemm_task, b_column, 72)       \
  F(lamina_gemm_task, c, 80)              \
  F(lamina_gemm_task, c_row, 88)          \
  F(lamina_gemm_task, bias, 96)           \
  F(lamina_gemm_task, shared_offset, 104) \
  F(lamina_gemm_task, lane_offset, 112)   \
  F(lamina_gemm_task, epilogue, 120)      \
  S(lamina_gemm_scratch, 16)              \
  F(lamina_gemm_scratch, shared, 0)       \
  F(lamina_gemm_scratch, per_lane, 8)     \
  S(lamina_gemm, 40)                      \
  F(lamina_gemm, size, 0)                 \
  F(lamina_gemm, reserved, 4)             \
  F(lamina_gemm, self, 8)                 \
  F(lamina_gemm, scratch, 16)             \
  F(lamina_gemm, run, 24)                 \
  F(lamina_gemm, isa, 32)                 \
  S(lamina_setting, 72)                   \
  F(lamina_setting, name, 0)              \
  F(lamina_setting, type, 8)              \
  F(lamina_setting, deflt, 16)            \
  F(lamina_setting, range, 24)            \
  F(lamina_setting, unit, 32)             \
  F(lamina_setting, doc, 40)              \
  F(lamina_setting, replaced_by, 48)      \
  F(lamina_setting, flags, 56)            \
  F(lamina_setting, since_minor, 60)      \
  F(lamina_setting, offset, 64)           \
  F(lamina_setting, reserved, 68)         \
  S(lamina_i64s, 16)                      \
  F(lamina_i64s, items, 0)                \
  F(lamina_i64s, count, 8)                \
  S(lamina_f64s, 16)                      \
  F(lamina_f64s, items, 0)                \
  F(lamina_f64s, count, 8)                \
  S(lamina_plugin, 96)                    \
  F(lamina_plugin, magic, 0)              \
  F(lamina_plugin, size, 4)               \
  F(lamina_plugin, major, 8)              \
  F(lamina_plugin, built_minor, 10)       \
  F(lamina_plugin, needs_minor, 12)       \
  F(lamina_plugin, kind, 14)              \
  F(lamina_plugin, name, 16)              \
  F(lamina_plugin, version, 24)           \
  F(lamina_plugin, marker, 32)            \
  F(lamina_plugin, summary, 40)           \
  F(lamina_plugin, license, 48)           \
  F(lamina_plugin, origin, 56)            \
  F(lamina_plugin, settings, 64)          \
  F(lamina_plugin, n_settings, 72)        \
  F(lamina_plugin, setting_stride, 76)    \
  F(lamina_plugin, instance_bytes, 80)    \
  F(lamina_plugin, vtable, 88)            \
  S(lamina_nothing, 8)                    \
  F(lamina_nothing, unused, 0)            \
  S(lamina_plan, 16)                      \
  F(lamina_plan, planner, 0)              \
  F(lamina_plan, call, 8)                 \
  S(lamina_weight, 56)                    \
  F(lamina_weight, size, 0)               \
  F(lamina_weight, flags, 4)              \
  F(lamina_weight, name, 8)               \
  F(lamina_weight, init, 16)              \
  F(lamina_weight, type, 24)              \
  F(lamina_weight, fan_in, 32)            \
  F(lamina_weight, fan_out, 40)           \
  F(lamina_weight, lr_mult, 48)           \
  S(lamina_state, 32)                     \
  F(lamina_state, size, 0)                \
  F(lamina_state, flags, 4)               \
  F(lamina_state, name, 8)                \
  F(lamina_state, type, 16)               \
  F(lamina_state, init, 24)               \
  S(lamina_field, 32)                     \
  F(lamina_field, size, 0)                \
  F(lamina_field, flags, 4)               \
  F(lamina_field, name, 8)                \
  F(lamina_field, type, 16)               \
  F(lamina_field, classes, 24)            \
  S(lamina_planner, 128)                  \
  F(lamina_planner, size, 0)              \
  F(lamina_planner, abi_minor, 4)         \
  F(lamina_planner, n_in, 8)              \
  F(lamina_planner, in, 16)               \
  F(lamina_planner, out, 24)              \
  F(lamina_planner, weight, 32)           \
  F(lamina_planner, state, 40)            \
  F(lamina_planner, save, 48)             \
  F(lamina_planner, scratch, 56)          \
  F(lamina_planner, bwd_reads, 64)        \
  F(lamina_planner, may_share, 72)        \
  F(lamina_planner, random, 80)           \
  F(lamina_planner, note, 88)             \
  F(lamina_planner, classes, 96)          \
  F(lamina_planner, field, 104)           \
  F(lamina_planner, accumulators, 112)    \
  F(lamina_planner, may_fuse, 120)        \
  S(lamina_layer, 48)                     \
  F(lamina_layer, size, 0)                \
  F(lamina_layer, caps, 4)                \
  F(lamina_layer, setup, 8)               \
  F(lamina_layer, infer, 16)              \
  F(lamina_layer, forward, 24)            \
  F(lamina_layer, backward, 32)           \
  F(lamina_layer, extension, 40)          \
  S(lamina_update, 72)                    \
  F(lamina_update, size, 0)               \
  F(lamina_update, n_state, 4)            \
  F(lamina_update, weight, 8)             \
  F(lamina_update, grad, 16)              \
  F(lamina_update, state, 24)             \
  F(lamina_update, n, 32)                 \
  F(lamina_update, rate, 40)              \
  F(lamina_update, keep, 48)              \
  F(lamina_update, grad_scale, 56)        \
  F(lamina_update, step, 64)              \
  S(lamina_optimizer, 56)                 \
  F(lamina_optimizer, size, 0)            \
  F(lamina_optimizer, caps, 4)            \
  F(lamina_optimizer, setup, 8)           \
  F(lamina_optimizer, infer, 16)          \
  F(lamina_optimizer, rate, 24)           \
  F(lamina_optimizer, keep, 32)           \
  F(lamina_optimizer, step, 40)           \
  F(lamina_optimizer, extension, 48)      \
  S(lamina_penalty, 40)                   \
  F(lamina_penalty, size, 0)              \
  F(lamina_penalty, reserved, 4)          \
  F(lamina_penalty, weight, 8)            \
  F(lamina_penalty, grad, 16)             \
  F(lamina_penalty, n, 24)                \
  F(lamina_penalty, value, 32)            \
  S(lamina_regularizer, 32)               \
  F(lamina_regularizer, size, 0)          \
  F(lamina_regularizer, caps, 4)          \
  F(lamina_regularizer, setup, 8)         \
  F(lamina_regularizer, apply, 16)        \
  F(lamina_regularizer, extension, 24)    \
  S(lamina_init, 48)                      \
  F(lamina_init, size, 0)                 \
  F(lamina_init, reserved, 4)             \
  F(lamina_init, type, 8)                 \
  F(lamina_init, fan_in, 16)              \
  F(lamina_init, fan_out, 24)             \
  F(lamina_init, weight, 32)              \
  F(lamina_init, n, 40)                   \
  S(lamina_initializer, 32)               \
  F(lamina_initializer, size, 0)          \
  F(lamina_initializer, caps, 4)          \
  F(lamina_initializer, setup, 8)         \
  F(lamina_initializer, fill, 16)         \
  F(lamina_initializer, extension, 24)    \
  S(lamina_progress, 32)                  \
  F(lamina_progress, size, 0)             \
  F(lamina_progress, reserved, 4)         \
  F(lamina_progress, step, 8)             \
  F(lamina_progress, total_steps, 16)     \
  F(lamina_progress, steps_per_epoch, 24) \
  S(lamina_schedule, 32)                  \
  F(lamina_schedule, size, 0)             \
  F(lamina_schedule, caps, 4)             \
  F(lamina_schedule, setup, 8)            \
  F(lamina_schedule, factor, 16)          \
  F(lamina_schedule, extension, 24)       \
  S(lamina_metric, 64)                    \
  F(lamina_metric, size, 0)               \
  F(lamina_metric, caps, 4)               \
  F(lamina_metric, setup, 8)              \
  F(lamina_metric, infer, 16)             \
  F(lamina_metric, update, 24)            \
  F(lamina_metric, merge, 32)             \
  F(lamina_metric, value, 40)             \
  F(lamina_metric, direction, 48)         \
  F(lamina_metric, extension, 56)         \
  S(lamina_dataset, 56)                   \
  F(lamina_dataset, size, 0)              \
  F(lamina_dataset, caps, 4)              \
  F(lamina_dataset, setup, 8)             \
  F(lamina_dataset, infer, 16)            \
  F(lamina_dataset, open, 24)             \
  F(lamina_dataset, count, 32)            \
  F(lamina_dataset, read, 40)             \
  F(lamina_dataset, extension, 48)        \
  S(lamina_transform, 56)                 \
  F(lamina_transform, size, 0)            \
  F(lamina_transform, caps, 4)            \
  F(lamina_transform, setup, 8)           \
  F(lamina_transform, infer, 16)          \
  F(lamina_transform, fit, 24)            \
  F(lamina_transform, fit_end, 32)        \
  F(lamina_transform, apply, 40)          \
  F(lamina_transform, extension, 48)      \
  S(lamina_service, 32)                   \
  F(lamina_service, size, 0)              \
  F(lamina_service, caps, 4)              \
  F(lamina_service, setup, 8)             \
  F(lamina_service, interface, 16)        \
  F(lamina_service, extension, 24)

#if __SIZEOF_POINTER__ == 8
#define CHECK_SIZE(T, bytes) \
  _Static_assert(sizeof(struct T) >= (bytes), "struct " #T " has become smaller");
#define CHECK_OFFSET(T, field, bytes) \
  _Static_assert(offsetof(struct T, field) == (bytes), "struct " #T ": " #field " has moved");
LAYOUT_1_0(CHECK_SIZE, CHECK_OFFSET)
#endif

/* Frozen structs never grow; arrays of them cross the boundary. */
#define FROZEN(X)    \
  X(lamina_type, 24) \
  X(lamina_view, 40) \
  X(lamina_call, 8)  \
  X(lamina_plan, 16) \
  X(lamina_i64s, 16) X(lamina_f64s, 16) X(lamina_file, 16) X(lamina_gemm_scratch, 16)

struct line {
  const char *what;
  size_t found, expected;
};

#define SIZE_LINE(T, bytes) {"sizeof " #T, sizeof(struct T), bytes},
#define OFFSET_LINE(T, field, bytes) {#T "." #field, offsetof(struct T, field), bytes},
#define NOTHING(T, bytes)

static void expect_lines(const struct line *lines, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    cr_expect_eq(lines[i].found, lines[i].expected, "%s: %zu, was %zu", lines[i].what,
                 lines[i].found, lines[i].expected);
  }
}

Test(layout, every_field_is_where_abi_1_0_has_it)
{
  static const struct line lines[] = {LAYOUT_1_0(NOTHING, OFFSET_LINE)};
  if (sizeof(void *) != 8) {
    cr_skip_test("offsets are listed for 64-bit pointers");
  }
  expect_lines(lines, sizeof lines / sizeof lines[0]);
}

Test(layout, frozen_structs_have_the_size_of_abi_1_0)
{
  static const struct line lines[] = {FROZEN(SIZE_LINE)};
  if (sizeof(void *) != 8) {
    cr_skip_test("sizes are listed for 64-bit pointers");
  }
  expect_lines(lines, sizeof lines / sizeof lines[0]);
}

/* In a later minor version this test goes, with the sizes that have grown. */
Test(layout, every_struct_has_the_size_of_this_minor)
{
#define NO_OFFSET(T, field, bytes)
  static const struct line lines[] = {LAYOUT_1_0(SIZE_LINE, NO_OFFSET)};
  if (sizeof(void *) != 8 || LAMINA_ABI_MINOR != 0) {
    cr_skip_test("sizes are listed for ABI 1.0 and 64-bit pointers");
  }
  expect_lines(lines, sizeof lines / sizeof lines[0]);
}

Test(layout, the_numbers_of_the_abi_are_those_of_1_0)
{
  static const struct line lines[] = {
      {"IN", LAMINA_IN, 0},
      {"OUT", LAMINA_OUT, 1},
      {"WEIGHT", LAMINA_WEIGHT, 2},
      {"STATE", LAMINA_STATE, 3},
      {"SAVE", LAMINA_SAVE, 4},
      {"RECORDS", LAMINA_RECORDS, 5},
      {"SKIP", LAMINA_SKIP, 0},
      {"WRITE", LAMINA_WRITE, 1},
      {"ADD", LAMINA_ADD, 2},
      {"MODE_TRAIN", LAMINA_MODE_TRAIN, 1},
      {"MODE_KEEP", LAMINA_MODE_KEEP, 2},
      {"FORWARD", LAMINA_FORWARD, 0},
      {"BACKWARD", LAMINA_BACKWARD, 1},
      {"KIND_LAYER", LAMINA_KIND_LAYER, 1},
      {"KIND_LOSS", LAMINA_KIND_LOSS, 2},
      {"KIND_OPTIMIZER", LAMINA_KIND_OPTIMIZER, 3},
      {"KIND_REGULARIZER", LAMINA_KIND_REGULARIZER, 4},
      {"KIND_INITIALIZER", LAMINA_KIND_INITIALIZER, 5},
      {"KIND_SCHEDULE", LAMINA_KIND_SCHEDULE, 6},
      {"KIND_METRIC", LAMINA_KIND_METRIC, 7},
      {"KIND_DATASET", LAMINA_KIND_DATASET, 8},
      {"KIND_TRANSFORM", LAMINA_KIND_TRANSFORM, 9},
      {"KIND_SERVICE", LAMINA_KIND_SERVICE, 10},
      {"DT_INT", LAMINA_DT_INT, 0},
      {"DT_UINT", LAMINA_DT_UINT, 1},
      {"DT_FLOAT", LAMINA_DT_FLOAT, 2},
      {"ALIGNMENT", LAMINA_ALIGNMENT, 64},
      {"MAX_RANK", LAMINA_MAX_RANK, 8},
      {"ABI_MAJOR", LAMINA_ABI_MAJOR, 1},
      {"MAGIC", LAMINA_MAGIC, 0x4e4d414c},
      {"WEIGHT_DECAY", LAMINA_WEIGHT_DECAY, 1},
      {"SETTING_REQUIRED", LAMINA_SETTING_REQUIRED, 1},
      {"FIELD_CLASSES_EXACT", LAMINA_FIELD_CLASSES_EXACT, 1},
      {"GEMM_ADD", LAMINA_GEMM_ADD, 1},
  };
  expect_lines(lines, sizeof lines / sizeof lines[0]);
}
