/*
 * What the host offers to a plugin while one of the plugin's functions runs.
 *
 * A plugin links against nothing of Lamina: everything arrives through the table behind a
 * struct lamina_call. The inline functions below are the way to use it.
 *
 * Promises of the host: memory behind views is aligned and stays valid until the function
 * returns; one instance is never entered twice at once; texts given to it are copied.
 * Promises of a plugin: it keeps no pointer from one call to the next (other than what it got
 * in setup from lamina_memory and lamina_service), starts no thread, writes to no stream,
 * and changes no locale, signal handler or floating-point mode.
 *
 * Status tags: [any] in every function; [compute] in forward, backward, update, step, apply,
 * fit, fill and read; [setup] in setup and open.
 */
#ifndef LAMINA_HOST_H
#define LAMINA_HOST_H

#include <stdarg.h>
#include <stdio.h>

#include <lamina/status.h>
#include <lamina/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lamina_host;
struct lamina_epilogue; /* lamina/epilogue.h */

/** One call of a plugin's function. The host's own object begins with it. Frozen. */
struct lamina_call {
  const struct lamina_host *host;
};

/** What a tensor is to the plugin that is called. */
enum {
  LAMINA_IN = 0,     /* input tensor */
  LAMINA_OUT = 1,    /* output tensor */
  LAMINA_WEIGHT = 2, /* trained by the optimizer */
  LAMINA_STATE = 3,  /* persistent, not trained */
  LAMINA_SAVE = 4,   /* from forward to the backward of the same step */
  LAMINA_RECORDS = 5 /* transforms: int64 [N], the record number of each sample */
};

/** What the caller wants done with a gradient. */
enum {
  LAMINA_SKIP = 0,  /* nobody needs it: do not compute it; the view is NULL */
  LAMINA_WRITE = 1, /* overwrite: old content is undefined */
  LAMINA_ADD = 2    /* add to what is there */
};

/** Bits of lamina_mode(). */
enum {
  LAMINA_MODE_TRAIN = 1,   /* behave as in training: drop units, use batch statistics */
  LAMINA_MODE_KEEP = 2,    /* a backward follows: fill the saved tensors */
  LAMINA_MODE_OBSERVED = 4 /* the layer's observer has seen every element: lamina/span.h */
};

enum { LAMINA_LOG_DEBUG = 0, LAMINA_LOG_INFO = 1, LAMINA_LOG_WARNING = 2 };

/** The lane number that stands for the part of the scratch that all lanes share. */
#define LAMINA_SHARED 0xffffffffu

/** The body of a parallel loop: handles begin <= i < end; lane indexes the lane's scratch. */
typedef int32_t (*lamina_body_fn)(void *arg, int64_t begin, int64_t end, uint32_t lane);

/** The host's services. Append-only; the same object for the life of a plugin. */
struct lamina_host {
  uint32_t size, abi_minor;
  void (*fail)(struct lamina_call *call, int32_t status, const char *utf8);
  void (*log)(struct lamina_call *call, int32_t level, const char *utf8);
  uint32_t (*mode)(const struct lamina_call *call);
  const struct lamina_view *(*get)(struct lamina_call *call, uint32_t what, uint32_t index);
  const struct lamina_view *(*grad)(struct lamina_call *call, uint32_t what, uint32_t index,
                                    uint32_t *request);
  void *(*scratch)(struct lamina_call *call, uint32_t lane);
  int32_t (*parallel_for)(struct lamina_call *call, int64_t n, int64_t grain, lamina_body_fn body,
                          void *arg);
  int32_t (*random_u32)(struct lamina_call *call, uint32_t purpose, uint64_t first, uint64_t n,
                        uint32_t *out);
  const void *(*service)(struct lamina_call *call, const char *id);
  void *(*memory)(struct lamina_call *call, uint64_t bytes);
  uint32_t (*count)(const struct lamina_call *call, uint32_t what);
  const struct lamina_epilogue *(*epilogue)(struct lamina_call *call, uint32_t what,
                                            uint32_t index);
  int32_t (*chosen_service)(struct lamina_call *call, const char *id, const void **out);
};

/**
 * Records why the call fails; the plugin then returns the same status. The host puts the
 * node, the plugin, its version and the place in the experiment before the text. [any]
 *
 * @param status  a LAMINA_E_* code
 * @param utf8    one sentence without a final period; copied
 * @return status, so that a function can end with: return lamina_fail(call, ...)
 */
static inline int32_t lamina_fail(struct lamina_call *call, int32_t status, const char *utf8)
{
  call->host->fail(call, status, utf8);
  return status;
}

/** lamina_fail with a printf format; texts over 511 bytes are cut. [any] */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline int32_t
lamina_failf(struct lamina_call *call, int32_t status, const char *format, ...)
{
  char text[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return lamina_fail(call, status, text);
}

/** Gives one line to the host's log. level is LAMINA_LOG_*. [any] */
static inline void lamina_log(struct lamina_call *call, int32_t level, const char *utf8)
{
  call->host->log(call, level, utf8);
}

/** LAMINA_MODE_* bits of this call. [compute] */
static inline uint32_t lamina_mode(const struct lamina_call *call)
{
  return call->host->mode(call);
}

/**
 * The view of one of the call's tensors. [compute]
 *
 * In forward: inputs, weights and states (read), outputs and saved tensors (write), states
 * (write, in training). In backward: only what infer() declared by lamina_bwd_reads(), and
 * saved tensors. Asking for anything else fails the run, naming the layer and the tensor.
 *
 * @return borrowed until the function returns; NULL when not declared: return
 *         LAMINA_E_PLUGIN then, the host has the sentence already
 */
static inline const struct lamina_view *lamina_get(struct lamina_call *call, uint32_t what,
                                                   uint32_t index)
{
  return call->host->get(call, what, index);
}

/** How many tensors of a role the call has, reachable or not: inputs, outputs ... [compute] */
static inline uint32_t lamina_count(const struct lamina_call *call, uint32_t what)
{
  return call->host->count(call, what);
}

/**
 * The gradient of the loss with respect to a tensor. [backward]
 *
 * LAMINA_OUT: read it, request is LAMINA_WRITE and is never SKIP. LAMINA_IN, LAMINA_WEIGHT:
 * produce it as *request says; the view is NULL when *request is LAMINA_SKIP.
 *
 * @param request  may be NULL for LAMINA_OUT
 */
static inline const struct lamina_view *lamina_grad(struct lamina_call *call, uint32_t what,
                                                    uint32_t index, uint32_t *request)
{
  return call->host->grad(call, what, index, request);
}

/**
 * Scratch memory as declared by lamina_plan_scratch() for the running pass, content undefined.
 * [compute]
 *
 * @param lane  the lane of a parallel body, or LAMINA_SHARED for the part used by all
 * @return aligned to LAMINA_ALIGNMENT; NULL when none was declared
 */
static inline void *lamina_scratch(struct lamina_call *call, uint32_t lane)
{
  return call->host->scratch(call, lane);
}

/**
 * Runs body over 0 <= i < n, cut into chunks of grain, on the host's threads. [compute]
 *
 * Chunks depend on n and grain alone, never on the number of threads, so a result that is
 * made per chunk and summed in chunk order has the same bits on any machine size. A nested
 * call runs in the calling thread. Nothing but the body's writes may be shared.
 *
 * @param grain  elements a chunk, >= 1; about 10-50 us of work is a good size
 * @return LAMINA_OK, or the status of the first chunk, in chunk order, that failed
 */
static inline int32_t lamina_parallel_for(struct lamina_call *call, int64_t n, int64_t grain,
                                          lamina_body_fn body, void *arg)
{
  return call->host->parallel_for(call, n, grain, body, arg);
}

/**
 * Random 32-bit words first .. first+n-1 of the stream (seed, node, step, purpose). [compute]
 *
 * A pure function: the same words at any thread count and in any order, in forward and in the
 * backward of the same step, and after a resume. Generator: Philox4x32-10 (Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Reading from a multiple of 4 is
 * fastest. May be called inside a parallel body.
 *
 * @param purpose  a number declared by lamina_random() in infer()
 * @return LAMINA_OK; LAMINA_E_PLUGIN if the purpose was not declared
 */
static inline int32_t lamina_random_u32(struct lamina_call *call, uint32_t purpose, uint64_t first,
                                        uint64_t n, uint32_t *out)
{
  return call->host->random_u32(call, purpose, first, n, out);
}

/** Maps a random word to (0, 1): the middle of one of 2^24 equal steps, never 0 or 1. */
static inline float lamina_unit_f32(uint32_t word)
{
  return ((float)(word >> 8) + 0.5f) * (1.0f / 16777216.0f);
}

/**
 * The table of a named service, such as "lamina.gemm/1". Look it up once, in setup. [setup]
 *
 * @return borrowed for the life of the instance; NULL when no plugin offers it, and then the
 *         host has recorded the sentence: return LAMINA_E_MISSING
 */
static inline const void *lamina_service(struct lamina_call *call, const char *id)
{
  return call->host->service(call, id);
}

/**
 * Zeroed memory that lives as long as the plugin's instance, aligned to LAMINA_ALIGNMENT.
 * [setup]
 *
 * @return owned by the host; NULL when there is not enough: return LAMINA_E_NOMEM
 */
static inline void *lamina_memory(struct lamina_call *call, uint64_t bytes)
{
  return call->host->memory(call, bytes);
}

#ifdef __cplusplus
}
#endif
#endif
