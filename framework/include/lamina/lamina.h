/*
 * Running trained models from a program of your own: the library liblamina.
 *
 *     cc program.c $(pkg-config --cflags --libs liblamina)
 *
 * A model file (`model.safetensors` of a run folder) has the weights and the experiment; neither
 * the training data nor any other file is needed, only the plugins that the model is made of. They
 * are looked for in the folders of options.plugin_path, of the environment variable
 * LAMINA_PLUGIN_PATH, of the experiment's plugin_path, and beside the library.
 *
 *     struct lamina_error error;
 *     struct lamina_model *model;
 *     if (lamina_model_load("model.safetensors", NULL, &model, &error) != LAMINA_OK) {
 *       fprintf(stderr, "%s\n", error.sentence);
 *       return lamina_exit_code(error.status);
 *     }
 *
 * Ownership: arguments are borrowed for the length of the call; the model is the caller's, and
 * everything that is asked of it lives as long as it does.
 *
 * Threads: models have nothing in common. Each is used by one thread at a time, different ones by
 * different threads at the same time; load and free are allowed at any time, too.
 *
 * Errors: functions that can fail return LAMINA_OK or a negative code of lamina/status.h and fill
 * *error, which may be NULL, with one sentence. After a failure nothing has changed, but that
 * outputs may be written in part. The library prints nothing, never ends the process, installs no
 * signal handler and does not touch locale, environment or the state of floating point.
 *
 * This header and its structs are no part of the plugin ABI. Structs that begin with their size may
 * grow at the end; the others never change.
 */
#ifndef LAMINA_LAMINA_H
#define LAMINA_LAMINA_H

#include <lamina/status.h>
#include <lamina/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LAMINA_API __attribute__((visibility("default")))
#else
#define LAMINA_API
#endif

/** A trained model, ready to run. */
struct lamina_model;

/** The caller's storage for a failure; needs no initialisation. Never grows. */
struct lamina_error {
  int32_t status;      /* LAMINA_OK or LAMINA_E_* */
  char sentence[2044]; /* UTF-8, without newline and final period; "" for LAMINA_OK */
};

/** For lamina_model_options.threads: one thread for each CPU that the process may use. */
#define LAMINA_THREADS_ALL UINT32_MAX

/** Flags of lamina_model_options. */
enum {
  /* Inputs are as the first layer takes them: the experiment's transforms are not applied. */
  LAMINA_MODEL_PREPARED = 1
};

/** How to load a model: zero is the usual. Grows at the end. */
struct lamina_model_options {
  uint32_t size;     /* sizeof(struct lamina_model_options) */
  uint32_t flags;    /* LAMINA_MODEL_* */
  uint32_t threads;  /* 0 and 1: only the caller's; more: so many with the caller's; at most 1024 */
  uint32_t reserved; /* 0 */
  const char *plugin_path; /* folders with ':' between them, searched first; or NULL */
  /* Told warnings, one sentence each, perhaps from a thread of the model; NULL: nobody is. level
     is LAMINA_LOG_WARNING or another one of lamina/host.h. */
  void (*log)(void *arg, int32_t level, const char *sentence);
  void *log_arg;
};

/** An input or output of a model. Grows at the end; pointers live as long as the model. */
struct lamina_model_tensor {
  uint32_t size;       /* sizeof(struct lamina_model_tensor), set by the caller */
  uint32_t rank;       /* dimensions of one sample, without the batch */
  const char *name;    /* "input", or the name of the node that makes the output */
  const int64_t *dims; /* [rank] */
  uint64_t bytes;      /* of one sample */
  uint8_t dt_code;     /* LAMINA_DT_* of lamina/tensor.h: float 32 bits is usual, pixels may be */
  uint8_t dt_bits;     /* unsigned 8 bits; elements as the machine has them */
  uint16_t dt_lanes;   /* 1 */
  uint32_t reserved;
};

/** Samples, one behind the other, row-major. Neither struct ever grows. */
struct lamina_samples {
  const void *data; /* aligned for its elements; may be NULL when bytes is 0 */
  uint64_t bytes;   /* batch * lamina_model_tensor.bytes: anything else is refused */
};
struct lamina_results {
  void *data; /* likewise; written to */
  uint64_t bytes;
};

/**
 * Loads a model: reads and checks its file, loads its plugins, puts the weights in place.
 *
 * @param path     of a model.safetensors
 * @param options  NULL: the usual
 * @param out      owned by the caller, release with lamina_model_free(); NULL on failure
 * @return LAMINA_OK; LAMINA_E_MISSING for a file or plugin that does not exist; LAMINA_E_INVALID
 *         for a file that is damaged or no model; LAMINA_E_UNSUPPORTED for a plugin of another ABI
 *         or for another processor; LAMINA_E_PLUGIN; LAMINA_E_USAGE for wrong arguments;
 *         LAMINA_E_IO; LAMINA_E_NOMEM; LAMINA_E_INTERNAL when threads cannot be started
 */
LAMINA_API int32_t lamina_model_load(const char *path, const struct lamina_model_options *options,
                                     struct lamina_model **out, struct lamina_error *error);

/** Stops the model's threads and releases everything of it. NULL is fine. */
LAMINA_API void lamina_model_free(struct lamina_model *model);

/** Numbers of inputs and outputs; 0 for NULL. */
LAMINA_API uint32_t lamina_model_inputs(const struct lamina_model *model);
LAMINA_API uint32_t lamina_model_outputs(const struct lamina_model *model);

/**
 * Says what an input or output is. Inputs are in the order of the data's fields, outputs in that
 * of the model; most models have one of each.
 *
 * @param out  out->size is set by the caller
 * @return LAMINA_OK; LAMINA_E_USAGE for NULL, an index that is too large, or a size that is too
 *         small
 */
LAMINA_API int32_t lamina_model_input(const struct lamina_model *model, uint32_t index,
                                      struct lamina_model_tensor *out, struct lamina_error *error);
LAMINA_API int32_t lamina_model_output(const struct lamina_model *model, uint32_t index,
                                       struct lamina_model_tensor *out, struct lamina_error *error);

/** Number of classes that the model was trained to tell apart; 0 when it is not known. */
LAMINA_API int64_t lamina_model_classes(const struct lamina_model *model);

/** Name of a class, as the training data had it; NULL when it had none, or for no such class. */
LAMINA_API const char *lamina_model_class_name(const struct lamina_model *model, int64_t label);

/**
 * Runs the model on a batch, as for evaluation: dropout is off, batch statistics are those of the
 * training. The result for a sample is that of `lamina predict` at the same batch size.
 *
 * The first run of a batch size makes a plan and memory for it, which are kept, the plan for each
 * size and the memory for the largest: settle on few sizes. Later runs allocate nothing and take
 * no lock; with more than one thread they may wait for the others.
 *
 * @param batch    samples, 0 or more
 * @param inputs   [lamina_model_inputs()]
 * @param outputs  [lamina_model_outputs()], which may not overlap inputs
 * @return LAMINA_OK; LAMINA_E_USAGE for NULL or a negative batch; LAMINA_E_SHAPE for sizes in bytes
 *         that are not those of the batch, or a batch that is too large; LAMINA_E_NOMEM;
 *         LAMINA_E_PLUGIN, or what else a plugin reports
 */
LAMINA_API int32_t lamina_model_run(struct lamina_model *model, int64_t batch,
                                    const struct lamina_samples *inputs,
                                    const struct lamina_results *outputs,
                                    struct lamina_error *error);

/**
 * Changes the number of threads, with the values of lamina_model_options.threads. What was made
 * for batch sizes is made anew. Results are the same with any number of threads.
 *
 * @return LAMINA_OK; LAMINA_E_USAGE; LAMINA_E_NOMEM; LAMINA_E_INTERNAL
 */
LAMINA_API int32_t lamina_model_set_threads(struct lamina_model *model, uint32_t threads,
                                            struct lamina_error *error);

/** Version of the library, such as "1.2.0"; static. */
LAMINA_API const char *lamina_version(void);

/** Exit code that the program `lamina` ends with for a status: 0, or that of lamina/status.h. */
LAMINA_API int32_t lamina_exit_code(int32_t status);

#ifdef __cplusplus
}
#endif
#endif
