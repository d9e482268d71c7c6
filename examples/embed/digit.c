/*
 * Reads one digit, 64 numbers from 0 to 16 with commas between, from standard input and prints
 * which one it is:
 *
 *     zcat digits.csv.gz | head -n 1 | ./digit model.safetensors
 */
#include <lamina/lamina.h>
#include <stdio.h>

enum { PIXELS = 64, CLASSES = 10 };

int main(int argc, char **argv)
{
  float pixels[PIXELS];
  float scores[CLASSES];
  const struct lamina_samples input = {pixels, sizeof pixels};
  const struct lamina_results output = {scores, sizeof scores};
  struct lamina_model *model;
  struct lamina_error error;
  int best = 0;

  for (int i = 0; i < PIXELS; i++) {
    if (scanf("%f%*[,]", &pixels[i]) != 1) {
      (void)fprintf(stderr, "pixel %d is missing, expected %d of them\n", i, PIXELS);
      return 65;
    }
  }
  if (lamina_model_load(argc > 1 ? argv[1] : "model.safetensors", NULL, &model, &error) != 0 ||
      lamina_model_run(model, 1, &input, &output, &error) != 0) {
    (void)fprintf(stderr, "%s\n", error.sentence);
    lamina_model_free(model);
    return lamina_exit_code(error.status);
  }
  for (int k = 1; k < CLASSES; k++) {
    best = scores[k] > scores[best] ? k : best;
  }
  (void)printf("%d\n", best);
  lamina_model_free(model);
  return 0;
}
