/*
 * A layer with a setting of every type, for what shows settings tables.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "tests of Lamina"
#include "fixture.h"

struct settings {
  int64_t units;
  double rate, fraction;
  int32_t bias, mode;
  const char *label, *file;
  struct lamina_i64s sizes;
  struct lamina_f64s weights;
};

static const struct lamina_setting rows[] = {
    LAMINA_I64_REQUIRED(struct settings, units, "[1, 65536]", "number of outputs"),
    LAMINA_F64(struct settings, rate, "1e-3", "(0, inf)", "speed of the thing"),
    LAMINA_F64(struct settings, fraction, "1/255", "[0, 1)", "part of the whole"),
    LAMINA_BOOL(struct settings, bias, "true", "whether to add a bias"),
    LAMINA_CHOICE(struct settings, mode, "zeros", "zeros|ones|twos", "what to fill in"),
    LAMINA_STR(struct settings, label, "''", "a \"quoted\" name: with a colon, and # a hash"),
    LAMINA_PATH_REQUIRED(struct settings, file, "where the thing is"),
    LAMINA_I64S(struct settings, sizes, "[3, 3]", "[1, 9]", "edges of the window"),
    LAMINA_ROW_(struct settings, weights, struct lamina_f64s, "f64s", "[0.5, 1/3]", NULL, "kg",
                "weights of the parts", 0),
};

LAMINA_LAYER(settings, "2.1.0", "a layer with many settings", struct settings,
             LAMINA_SETTINGS(rows), .infer = fixture_infer, .forward = fixture_forward);
