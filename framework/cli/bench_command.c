/*
 * lamina bench: how fast an experiment trains on this machine, in one line or one JSON object.
 */
#include <string.h>
#include <time.h>

#include <lamina/gemm.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "trainer/bench.h"

static double cpu_seconds(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The most memory that the process has had, in MB; 0 where the system does not tell. */
static double peak_memory(void)
{
  char line[256];
  double kilobytes = 0.0;
  FILE *file = fopen("/proc/self/status", "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) {
      (void)sscanf(line + 6, "%lf", &kilobytes);
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
  return kilobytes * 1024.0 / 1e6;
}

/* The instructions that matrix products are computed with, or "none" without products. */
static const char *kernel_name(struct lm_experiment *experiment)
{
  const void *found = NULL;
  if (lm_service_find(&experiment->host, LAMINA_GEMM_ID, &found, NULL) != LAMINA_OK) {
    return "none";
  }
  const struct lamina_gemm *gemm = found;
  bool tells = gemm->size >= offsetof(struct lamina_gemm, isa) + sizeof gemm->isa;
  return tells && gemm->isa != NULL ? gemm->isa : "unknown";
}

static void add_json(const struct lm_cli *cli, const struct lm_experiment *experiment,
                     const struct lm_bench_result *result, struct lm_text *out)
{
  lm_text_add(out, "{\"experiment\": ");
  lm_text_add_json_string(out, cli->args[0]);
  lm_text_addf(out, ", \"batch\": %lld, \"steps\": %llu, \"steps_per_s\": %.6g",
               (long long)experiment->train.batch, (unsigned long long)result->steps,
               result->steps_per_s);
  lm_text_addf(out, ", \"samples_per_s\": %.6g, \"slowest\": %.6g, \"fastest\": %.6g",
               result->samples_per_s, result->slowest, result->fastest);
}

static void add_line(const struct lm_cli *cli, const struct lm_bench_result *result,
                     struct lm_text *out)
{
  lm_text_addf(out, "%s: %.0f samples/s (%.0f to %.0f), %.1f steps/s", cli->args[0],
               result->samples_per_s, result->slowest, result->fastest, result->steps_per_s);
}

static enum lamina_status bench(struct lm_cli *cli, struct lm_experiment *experiment, double began,
                                struct lm_error *error)
{
  struct lm_bench_result result;
  struct lm_text text = {0};
  double seconds = cli->seconds > 0.0 ? cli->seconds : 2.0;
  LM_TRY(lm_experiment_open_data(experiment, error));
  LM_TRY(lm_bench(experiment, seconds, &result, error));
  double first = result.first_step - began;
  uint32_t threads = lm_pool_threads(cli->pool);
  const char *kernel = kernel_name(experiment);
  if (cli->json) {
    add_json(cli, experiment, &result, &text);
    lm_text_addf(&text, ", \"first_step_s\": %.4f, \"peak_mb\": %.1f, \"threads\": %u, ", first,
                 peak_memory(), threads);
    lm_text_add(&text, "\"isa\": ");
    lm_text_add_json_string(&text, kernel);
    lm_text_add(&text, "}\n");
  } else {
    add_line(cli, &result, &text);
    lm_text_addf(&text, ", first step after %.3f s, %.1f MB, %u thread%s, %s\n", first,
                 peak_memory(), threads, threads == 1 ? "" : "s", kernel);
  }
  return lm_cli_print(&text, error);
}

enum lamina_status lm_command_bench(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  /* Up to here the program had one thread that hardly waited: its CPU time is its age, in a
   * finer unit than the one in which the system keeps when a process was started. */
  double began = lm_clock_seconds() - cpu_seconds();
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  enum lamina_status status = bench(cli, experiment, began, error);
  lm_experiment_free(experiment);
  return status;
}
