/*
 * The service "lamina.gemm/1". setup() chooses the instruction set, run() the way: small
 * products go straight to the tiles, products bound by memory are streamed, all others are cut
 * into blocks. gemm_internal.h tells how it hangs together.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "Lamina"
#include <string.h>

#include <lamina/service.h>

#include "gemm_internal.h"

/* Indices into the words of the setting, and into the tables below. */
enum { KERNEL_AUTO, KERNEL_PORTABLE, KERNEL_AVX2, KERNEL_AVX512, KERNELS };

struct gemm {
  int32_t kernel;
  const struct lm_gemm_kernel *chosen;
  struct lamina_gemm interface;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct gemm, kernel, "auto", "auto|portable|avx2|avx512",
                  "instruction set; auto takes the best that the CPU has"),
};

static const struct lm_gemm_kernel *const kernels[KERNELS] = {
    [KERNEL_PORTABLE] = &lm_gemm_portable,
#ifdef LM_GEMM_X86
    [KERNEL_AVX2] = &lm_gemm_avx2,
    [KERNEL_AVX512] = &lm_gemm_avx512,
#endif
};
static const char *const kernel_names[KERNELS] = {"auto", "portable", "avx2", "avx512"};

static const struct lm_gemm_kernel *best_kernel(void)
{
  for (int i = KERNELS - 1; i > KERNEL_PORTABLE; i--) {
    if (kernels[i] != NULL && kernels[i]->supported()) {
      return kernels[i];
    }
  }
  return &lm_gemm_portable;
}

static void scratch(void *self, int64_t m, int64_t n, int64_t k, struct lamina_gemm_scratch *out)
{
  const struct gemm *gemm = self;
  lm_gemm_blocks_scratch(gemm->chosen, m, n, k, out);
}

static int32_t run(void *self, struct lamina_call *call, const struct lamina_gemm_task *task)
{
  const struct gemm *gemm = self;
  LAMINA_TRY(lamina_gemm_check(call, task));
  if (task->m == 0 || task->n == 0) {
    return LAMINA_OK;
  }
  if (lm_gemm_small(gemm->chosen, task)) {
    return lamina_epilogue_apply(lamina_gemm_epilogue(task), 0, task->m * task->n);
  }
  int32_t status = LAMINA_OK;
  if (lm_gemm_stream(gemm->chosen, call, task, &status)) {
    return status;
  }
  return lm_gemm_blocks(gemm->chosen, call, task);
}

static int32_t run_alone(void *self, struct lamina_call *call, const struct lamina_gemm_task *task,
                         void *scratch)
{
  const struct gemm *gemm = self;
  LAMINA_TRY(lamina_gemm_check(call, task));
  if (task->m == 0 || task->n == 0) {
    return LAMINA_OK;
  }
  if (lm_gemm_small(gemm->chosen, task)) {
    return lamina_epilogue_apply(lamina_gemm_epilogue(task), 0, task->m * task->n);
  }
  return lm_gemm_blocks_alone(gemm->chosen, task, scratch);
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct gemm *gemm = self;
  gemm->chosen = gemm->kernel == KERNEL_AUTO ? best_kernel() : kernels[gemm->kernel];
  if (gemm->chosen == NULL || !gemm->chosen->supported()) {
    return lamina_failf(call, LAMINA_E_UNSUPPORTED,
                        "kernel: %s needs instructions that this CPU lacks; '%s' is the best "
                        "it has",
                        kernel_names[gemm->kernel], best_kernel()->name);
  }
  gemm->interface = (struct lamina_gemm){.size = sizeof gemm->interface,
                                         .self = gemm,
                                         .scratch = scratch,
                                         .run = run,
                                         .run_alone = run_alone,
                                         .isa = gemm->chosen->name};
  return LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  const struct gemm *gemm = self;
  return strcmp(id, LAMINA_GEMM_ID) == 0 ? &gemm->interface : NULL;
}

LAMINA_SERVICE(gemm, "1.0.0", "matrix products in float32 with kernels for AVX2 and AVX-512",
               struct gemm, LAMINA_SETTINGS(settings), .setup = setup, .interface = interface);
