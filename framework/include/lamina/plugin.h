/*
 * What every plugin is: one shared object <kind>_<name>.so with one exported constant.
 *
 * The descriptor says who the plugin is and which ABI it needs, lists its settings, and points
 * to the table of functions of its kind. Nothing in it is code, so a host learns all it needs
 * before it runs anything of the plugin. The marker is the same in a form that can be read
 * from the file without loading it.
 *
 * Use the macro of your kind (LAMINA_LAYER in lamina/layer.h, and so on); LAMINA_PLUGIN is
 * what they are made of, and serves C++, where initializers by name are not standard.
 */
#ifndef LAMINA_PLUGIN_H
#define LAMINA_PLUGIN_H

#include <stddef.h>

#include <lamina/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI's version. The major is also in the name of the exported symbol. */
#define LAMINA_ABI_MAJOR 1
#define LAMINA_ABI_MINOR 0

/* The oldest minor version of the host that the plugin accepts. Newer declarations are hidden
 * unless the author raises it, so building with new headers never asks for a new host. */
#ifndef LAMINA_TARGET_MINOR
#define LAMINA_TARGET_MINOR 0
#endif

#define LAMINA_MAGIC 0x4e4d414cu /* "LAMN" */

/** Kinds of plugins; the numbers are part of the ABI. */
enum {
  LAMINA_KIND_NONE = 0,
  LAMINA_KIND_LAYER = 1,
  LAMINA_KIND_LOSS = 2,
  LAMINA_KIND_OPTIMIZER = 3,
  LAMINA_KIND_REGULARIZER = 4,
  LAMINA_KIND_INITIALIZER = 5,
  LAMINA_KIND_SCHEDULE = 6,
  LAMINA_KIND_METRIC = 7,
  LAMINA_KIND_DATASET = 8,
  LAMINA_KIND_TRANSFORM = 9,
  LAMINA_KIND_SERVICE = 10
};

/** Flags of a setting. */
enum {
  LAMINA_SETTING_REQUIRED = 1, /* no default: the key must be given */

  /* An experiment may change the number from step to step by a schedule. So every call that
   * computes reads it anew, and neither setup() nor infer() keeps what it made of it. Only of
   * type "f64", and of layers, losses and regularizers. */
  LAMINA_SETTING_SCHEDULABLE = 2
};

/**
 * One setting: a YAML key that the host checks and writes into the plugin's instance.
 *
 * type         C type of the field            YAML
 * "i64"        int64_t                        an integer
 * "f64"        double                         a number, or a fraction such as 1/255
 * "bool"       int32_t, 0 or 1                true or false
 * "str"        const char *                   a text
 * "path"       const char *                   a file; made absolute, relative to the YAML file
 * "choice"     int32_t, index into range      one of the words in range: "zeros|ones"
 * "i64s"       struct lamina_i64s             a list of integers, or one integer
 * "f64s"       struct lamina_f64s             a list of numbers, or one number
 *
 * range, of numbers: an interval such as "[1, 100]", "(0, inf)" or "[0, 1)", or NULL; it holds
 * for each element of a list. deflt is YAML text, NULL only if required. Texts are UTF-8.
 */
struct lamina_setting {
  const char *name;
  const char *type;
  const char *deflt;
  const char *range;
  const char *unit;        /* "s", "pixels", ... or NULL */
  const char *doc;         /* one sentence, mandatory */
  const char *replaced_by; /* the new name, for a key that was renamed; NULL otherwise */
  uint32_t flags;          /* LAMINA_SETTING_* */
  uint32_t since_minor;    /* of the plugin's own version */
  uint32_t offset;         /* of the field in the plugin's instance */
  uint32_t reserved;
};

/** Lists as they arrive in an instance; items belongs to the host and lives as long. */
struct lamina_i64s {
  const int64_t *items;
  int64_t count;
};
struct lamina_f64s {
  const double *items;
  int64_t count;
};

/**
 * The descriptor. Its first 40 bytes are the same in every major version; it grows at the end
 * only, and size tells how far this one reaches.
 */
struct lamina_plugin {
  uint32_t magic, size;
  uint16_t major, built_minor, needs_minor, kind;
  const char *name, *version, *marker;
  const char *summary, *license, *origin; /* one sentence; SPDX id; project or author */
  const struct lamina_setting *settings;
  uint32_t n_settings, setting_stride;
  uint64_t instance_bytes; /* the host allocates it, zeroes it and fills the settings in */
  const void *vtable;      /* struct lamina_layer, struct lamina_optimizer, ... by kind */
};

/* Rows of a settings table: the instance's type, the field (also the key), and the rest. The
 * size of the field is checked by the compiler: a wrong one makes an array of negative size. */
#define LAMINA_FIELD_(T, field, C) \
  ((uint32_t)(offsetof(T, field) + 0 * sizeof(char[sizeof(((T *)0)->field) == sizeof(C) ? 1 : -1])))
/* clang-format off */
#define LAMINA_ROW_(T, field, C, type, deflt, range, unit, doc, flags) \
  { #field, type, deflt, range, unit, doc, NULL, flags, 0, LAMINA_FIELD_(T, field, C), 0 }
/* clang-format on */

#define LAMINA_I64(T, field, deflt, range, doc) \
  LAMINA_ROW_(T, field, int64_t, "i64", deflt, range, NULL, doc, 0)
#define LAMINA_F64(T, field, deflt, range, doc) \
  LAMINA_ROW_(T, field, double, "f64", deflt, range, NULL, doc, 0)
#define LAMINA_BOOL(T, field, deflt, doc) \
  LAMINA_ROW_(T, field, int32_t, "bool", deflt, NULL, NULL, doc, 0)
#define LAMINA_STR(T, field, deflt, doc) \
  LAMINA_ROW_(T, field, const char *, "str", deflt, NULL, NULL, doc, 0)
#define LAMINA_PATH(T, field, deflt, doc) \
  LAMINA_ROW_(T, field, const char *, "path", deflt, NULL, NULL, doc, 0)
#define LAMINA_CHOICE(T, field, deflt, words, doc) \
  LAMINA_ROW_(T, field, int32_t, "choice", deflt, words, NULL, doc, 0)
#define LAMINA_I64S(T, field, deflt, range, doc) \
  LAMINA_ROW_(T, field, struct lamina_i64s, "i64s", deflt, range, NULL, doc, 0)
#define LAMINA_F64S(T, field, deflt, range, doc) \
  LAMINA_ROW_(T, field, struct lamina_f64s, "f64s", deflt, range, NULL, doc, 0)

/* The same without a default: the experiment must give the key. */
#define LAMINA_I64_REQUIRED(T, field, range, doc) \
  LAMINA_ROW_(T, field, int64_t, "i64", NULL, range, NULL, doc, LAMINA_SETTING_REQUIRED)
#define LAMINA_F64_REQUIRED(T, field, range, doc) \
  LAMINA_ROW_(T, field, double, "f64", NULL, range, NULL, doc, LAMINA_SETTING_REQUIRED)
#define LAMINA_I64S_REQUIRED(T, field, range, doc) \
  LAMINA_ROW_(T, field, struct lamina_i64s, "i64s", NULL, range, NULL, doc, LAMINA_SETTING_REQUIRED)
#define LAMINA_STR_REQUIRED(T, field, doc) \
  LAMINA_ROW_(T, field, const char *, "str", NULL, NULL, NULL, doc, LAMINA_SETTING_REQUIRED)
#define LAMINA_PATH_REQUIRED(T, field, doc) \
  LAMINA_ROW_(T, field, const char *, "path", NULL, NULL, NULL, doc, LAMINA_SETTING_REQUIRED)

/* The same for numbers that an experiment may change from step to step. */
#define LAMINA_F64_SCHEDULABLE(T, field, deflt, range, doc) \
  LAMINA_ROW_(T, field, double, "f64", deflt, range, NULL, doc, LAMINA_SETTING_SCHEDULABLE)
#define LAMINA_F64_SCHEDULABLE_REQUIRED(T, field, range, doc)  \
  LAMINA_ROW_(T, field, double, "f64", NULL, range, NULL, doc, \
              LAMINA_SETTING_REQUIRED | LAMINA_SETTING_SCHEDULABLE)

/** What a plugin without settings passes for its instance and its settings. */
struct lamina_nothing {
  uint64_t unused;
};
#define LAMINA_NOTHING struct lamina_nothing, LAMINA_NO_SETTINGS
#define LAMINA_NO_SETTINGS NULL, 0
/** A settings array with its length, for the settings argument of the macros. */
#define LAMINA_SETTINGS(rows) rows, (uint32_t)(sizeof(rows) / sizeof((rows)[0]))

/* The instruction set that the compiler was allowed to use, so that a host can refuse the file
 * with a sentence on a machine that lacks it. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define LAMINA_ISA "x86-64-v4"
#elif defined(__AVX2__) && defined(__FMA__)
#define LAMINA_ISA "x86-64-v3"
#elif defined(__SSE4_2__)
#define LAMINA_ISA "x86-64-v2"
#elif defined(__x86_64__)
#define LAMINA_ISA "x86-64"
#elif defined(__aarch64__)
#define LAMINA_ISA "aarch64"
#else
#define LAMINA_ISA "generic"
#endif

#define LAMINA_TEXT_(x) #x
#define LAMINA_TEXT(x) LAMINA_TEXT_(x)
#define LAMINA_VERSION_TEXT_(minor) LAMINA_TEXT(LAMINA_ABI_MAJOR) "." LAMINA_TEXT(minor)

#if defined(__GNUC__)
/* The first is for the declaration, since to C++ a const that is not declared is internal; the
 * second is for the definition, since gcc ignores it elsewhere. */
#define LAMINA_EXPORT __attribute__((visibility("default")))
#define LAMINA_USED __attribute__((used))
#else
#define LAMINA_EXPORT
#define LAMINA_USED
#endif

#ifndef LAMINA_LICENSE
#define LAMINA_LICENSE "" /* SPDX id; define it before including a header of Lamina */
#endif
#ifndef LAMINA_ORIGIN
#define LAMINA_ORIGIN "" /* project or author */
#endif

#ifdef __cplusplus
#define LAMINA_EXTERN_ extern "C"
#else
#define LAMINA_EXTERN_ extern
#endif

/**
 * Defines the marker and the descriptor of a plugin: the one symbol that it exports.
 *
 * @param KIND     LAYER, LOSS, OPTIMIZER, ... as in LAMINA_KIND_*
 * @param kind     the same in lower case; with name it must be the file's name
 * @param name     [a-z][a-z0-9_]*, not quoted
 * @param version  "major.minor.patch" of the plugin
 * @param summary  one sentence
 * @param T        type of the instance
 * @param rows, n  the settings and their number: LAMINA_SETTINGS(rows) or LAMINA_NO_SETTINGS
 * @param table    address of the function table of the kind
 */
#define LAMINA_PLUGIN(...) LAMINA_PLUGIN_(__VA_ARGS__)
/* clang-format off */
#define LAMINA_PLUGIN_(KIND, kind, name, version, summary, T, rows, n, table)                   \
  static const char lamina_marker_[] =                                                         \
      "\177LAMINA\0abi=" LAMINA_VERSION_TEXT_(LAMINA_TARGET_MINOR)                             \
      "\0built=" LAMINA_VERSION_TEXT_(LAMINA_ABI_MINOR)                                        \
      "\0kind=" #kind "\0name=" #name "\0version=" version "\0isa=" LAMINA_ISA "\0";           \
  LAMINA_EXTERN_ LAMINA_EXPORT const struct lamina_plugin                                      \
      kind##_##name##_LTX_lamina_plugin_v1;                                                    \
  LAMINA_USED const struct lamina_plugin kind##_##name##_LTX_lamina_plugin_v1 = {              \
      LAMINA_MAGIC, (uint32_t)sizeof(struct lamina_plugin), LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR, \
      LAMINA_TARGET_MINOR, LAMINA_KIND_##KIND, #name, version, lamina_marker_, summary,        \
      LAMINA_LICENSE, LAMINA_ORIGIN, rows, n, (uint32_t)sizeof(struct lamina_setting),         \
      sizeof(T), table}
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif
