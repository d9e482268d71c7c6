/*
 * Tests of a plugin, for its own test program: the conformance checks in one line, a probe that
 * runs a layer or loss by itself, comparisons, and a host that is not one.
 *
 *   #include <criterion/criterion.h>
 *   #include <lamina/testing.h>
 *
 *   LAMINA_CONFORM(layer, swish)
 *
 * The plugin is found as by every program: through LAMINA_PLUGIN_PATH first. Link with what
 * `pkg-config --libs lamina-testing` says. This header is for test programs only: plugins do not
 * include it, and it is no part of the ABI.
 */
#ifndef LAMINA_TESTING_H
#define LAMINA_TESTING_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- conformance ---- */

/** What is to be checked. Zero-initialise it; size is sizeof the struct. Grows at the end. */
struct lamina_conform {
  uint32_t size;
  uint32_t strict;      /* not 0: what a plugin should do counts like what it must do */
  const char *kind;     /* "layer" */
  const char *name;     /* "swish" */
  const char *file;     /* of the plugin; NULL: it is looked for */
  const char *settings; /* YAML, "{units: 4}": these alone; NULL: some are found */
  const char *shapes;   /* "7x5 7:5", see lamina_probe_open(): these alone; NULL: some are found */
  const char *only;     /* requirements such as "L05,P"; NULL: all */
  const char *skip;     /* likewise; NULL: none */
  uint64_t seed;        /* 0: 1 */
  uint32_t limit_seconds; /* of each check; 0: 10 */
  uint32_t reserved;
};

/**
 * Checks a plugin against the numbered requirements, each in a process of its own.
 * @param report  owned by the caller, release with lamina_testing_free(): who broke what, and how
 * @return the number of broken requirements; a negative LAMINA_E_* when nothing could be checked,
 *         and then the report says why
 */
int32_t lamina_testing_conform(const struct lamina_conform *what, char **report);
void lamina_testing_free(void *memory);

/** A Criterion test `name::conforms`: the plugin keeps every requirement. */
#define LAMINA_CONFORM(kind, name) LAMINA_CONFORM_WITH(kind, name, .seed = 1)

/** The same with fields of struct lamina_conform: .settings = "{units: 4}", .skip = "L20". */
#define LAMINA_CONFORM_WITH(kind_, name_, ...)                                               \
  Test(name_, conforms)                                                                      \
  {                                                                                          \
    const struct lamina_conform lamina_what_ = {                                             \
        .size = (uint32_t)sizeof lamina_what_, .kind = #kind_, .name = #name_, __VA_ARGS__}; \
    char *lamina_report_ = NULL;                                                             \
    int32_t lamina_broken_ = lamina_testing_conform(&lamina_what_, &lamina_report_);         \
    cr_expect(lamina_broken_ == 0, "%s", lamina_report_);                                    \
    lamina_testing_free(lamina_report_);                                                     \
  }

/* ---- a layer or loss by itself ---- */

/** One instance with memory for all tensors at some shapes, each between forbidden pages. */
struct lamina_probe;

/**
 * Makes an instance of a layer or loss, and tensors for it.
 *
 * Shapes are a word for each input: "7x5" is float32 [7, 5], "-" a single number, "7:5" int32 [7],
 * labels of 5 classes ("7:5+" of at least 5, "7:0" of an unknown number). lamina_probe_fill() gives
 * numbers from -1 to 1; of "7x5u" from 0 to 1; of "7x5p" rows of probabilities.
 *
 * @param settings  YAML, "{units: 4}"; NULL for none
 * @param why       where the sentence goes when it is refused; size bytes
 * @return NULL when it is refused; release with lamina_probe_close()
 */
struct lamina_probe *lamina_probe_open(const char *kind, const char *name, const char *settings,
                                       const char *shapes, char *why, uint64_t size);
void lamina_probe_close(struct lamina_probe *probe);

/** Fills inputs, weights and gradients of outputs with numbers, states with their first value. */
void lamina_probe_fill(struct lamina_probe *probe, uint64_t seed);

/**
 * Runs a pass. mode is LAMINA_MODE_* bits. Touching what is not its own is LAMINA_E_PLUGIN; a
 * touch of a forbidden page ends the test, as a crash does.
 */
int32_t lamina_probe_forward(struct lamina_probe *probe, uint32_t mode, uint64_t step);
int32_t lamina_probe_backward(struct lamina_probe *probe, uint32_t mode, uint64_t step);

/** The sentence of the last pass that failed; "" if none did. */
const char *lamina_probe_error(const struct lamina_probe *probe);

/** A tensor of LAMINA_IN, _OUT, _WEIGHT, _STATE or _SAVE; NULL if there is none. */
const struct lamina_view *lamina_probe_tensor(struct lamina_probe *probe, uint32_t what,
                                              uint32_t index);
/** The gradient of an input, output or weight. */
const struct lamina_view *lamina_probe_gradient(struct lamina_probe *probe, uint32_t what,
                                                uint32_t index);

/** Asks backward for the gradient of a tensor by LAMINA_SKIP, LAMINA_WRITE (at first) or _ADD. */
void lamina_probe_request(struct lamina_probe *probe, uint32_t what, uint32_t index,
                          uint32_t request);

/**
 * Compares backward's gradients of all inputs and weights with central differences of forward, at
 * contents that lamina_probe_fill() makes of a seed.
 * @param constant  bit i: input i has no gradient
 * @return NULL when they agree, else a sentence, which lives as long as the probe
 */
const char *lamina_probe_check_gradients(struct lamina_probe *probe, uint64_t seed,
                                         uint32_t constant);

/** A test fails unless the gradients agree. */
#define LAMINA_ASSERT_GRADIENTS(probe, seed, constant)                                   \
  do {                                                                                   \
    const char *lamina_why_ = lamina_probe_check_gradients((probe), (seed), (constant)); \
    cr_assert(lamina_why_ == NULL, "%s", lamina_why_);                                   \
  } while (0)

/* ---- comparisons ---- */

enum { LAMINA_TESTING_WHY = 200 };

/**
 * The first element that is further from what is expected than relative times its size plus
 * absolute; NaN is near NaN only.
 * @param why  gets a sentence
 * @return its index, or -1 when there is none
 */
int64_t lamina_testing_far(const float *found, const float *expected, int64_t n, double relative,
                           double absolute, char why[LAMINA_TESTING_WHY]);

/** A test fails unless n floats are near others. */
#define LAMINA_ASSERT_NEAR(found, expected, n, relative, absolute)                                \
  do {                                                                                            \
    char lamina_why_[LAMINA_TESTING_WHY];                                                         \
    cr_assert(lamina_testing_far((found), (expected), (n), (relative), (absolute), lamina_why_) < \
                  0,                                                                              \
              "%s", lamina_why_);                                                                 \
  } while (0)

/* ---- a host that is not one ---- */

/** A host for calling a function of one's own that takes a struct lamina_call. */
struct lamina_mock;

/** Release with lamina_mock_free(); NULL when there is not enough memory. */
struct lamina_mock *lamina_mock_create(uint32_t threads);
void lamina_mock_free(struct lamina_mock *mock);

/** What the function is called with. */
struct lamina_call *lamina_mock_call(struct lamina_mock *mock);

/** LAMINA_MODE_* bits, and the step that random words depend on. */
void lamina_mock_mode(struct lamina_mock *mock, uint32_t mode, uint64_t step);

/** What lamina_get() and lamina_grad() give; view is borrowed, NULL takes it away. */
void lamina_mock_tensor(struct lamina_mock *mock, uint32_t what, uint32_t index,
                        const struct lamina_view *view);
void lamina_mock_gradient(struct lamina_mock *mock, uint32_t what, uint32_t index,
                          const struct lamina_view *view, uint32_t request);

/** Scratch of exactly these sizes, between guard bytes; 0 when there is not enough memory. */
int32_t lamina_mock_scratch(struct lamina_mock *mock, uint64_t shared, uint64_t per_lane);
/** Not 0 while nobody has written beside it. */
int32_t lamina_mock_scratch_intact(const struct lamina_mock *mock);

/** What lamina_service() and lamina_chosen_service() answer, by id; NULL: nothing. */
void lamina_mock_services(struct lamina_mock *mock, const void *(*find)(const char *id));

/** The status of the last lamina_fail(), LAMINA_OK if there was none; *text gets its sentence. */
int32_t lamina_mock_failure(const struct lamina_mock *mock, const char **text);

#ifdef __cplusplus
}
#endif
#endif
