/*
 * Models in several threads at once through lamina/lamina.h: each thread loads its model, runs it
 * at some batch sizes and frees it, round after round. For ThreadSanitizer and valgrind, as many.c.
 *
 *     embedded THREADS ROUNDS MODEL...
 */
#include <lamina/lamina.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_THREADS = 64, MOST_BATCH = 9 };

struct thread {
  pthread_t id;
  const char *model;
  int rounds;
  int failed;
};

/* The first input and output get memory; models with more are not for this program. */
static int32_t run(struct lamina_model *model, struct lamina_error *error)
{
  struct lamina_model_tensor in = {.size = sizeof in};
  struct lamina_model_tensor out = {.size = sizeof out};
  LAMINA_TRY(lamina_model_input(model, 0, &in, error));
  LAMINA_TRY(lamina_model_output(model, 0, &out, error));
  void *memory[2] = {calloc(MOST_BATCH, in.bytes), calloc(MOST_BATCH, out.bytes)};
  int32_t status = LAMINA_OK;
  for (int64_t batch = 0; batch <= MOST_BATCH && status == LAMINA_OK; batch += 3) {
    const struct lamina_samples input = {memory[0], (uint64_t)batch * in.bytes};
    const struct lamina_results output = {memory[1], (uint64_t)batch * out.bytes};
    status = lamina_model_run(model, batch, &input, &output, error);
  }
  free(memory[0]);
  free(memory[1]);
  return status;
}

static void *work(void *arg)
{
  struct thread *thread = arg;
  const struct lamina_model_options options = {.size = sizeof options, .threads = 2};
  struct lamina_error error;
  struct lamina_model *model;
  for (int i = 0; i < thread->rounds && !thread->failed; i++) {
    thread->failed = lamina_model_load(thread->model, &options, &model, &error) != LAMINA_OK ||
                     run(model, &error) != LAMINA_OK ||
                     lamina_model_set_threads(model, 1, &error) != LAMINA_OK ||
                     run(model, &error) != LAMINA_OK;
    lamina_model_free(model);
  }
  if (thread->failed) {
    (void)fprintf(stderr, "%s: %s\n", thread->model, error.sentence);
  }
  return NULL;
}

int main(int argc, char **argv)
{
  struct thread threads[MOST_THREADS];
  int count = argc > 3 ? atoi(argv[1]) : 0;
  int failed = 0;
  if (count < 1 || count > MOST_THREADS) {
    return 77; /* for check-unload.sh and check-threads.sh */
  }
  for (int i = 0; i < count; i++) {
    threads[i] =
        (struct thread){.model = argv[3 + i % (argc - 3)], .rounds = atoi(argv[2]), .failed = 0};
    if (pthread_create(&threads[i].id, NULL, work, &threads[i]) != 0) {
      return 71;
    }
  }
  for (int i = 0; i < count; i++) {
    (void)pthread_join(threads[i].id, NULL);
    failed |= threads[i].failed;
  }
  return failed;
}
