/*
 * The nearest spelling: optimal string alignment over three rows of the classic table. A word
 * counts as meant when at most a third of it, and at most three letters, would change.
 */
#include <string.h>

#include "base/text.h"

enum { LONGEST = 63 };

static int smallest(int a, int b, int c)
{
  int least = a < b ? a : b;
  return least < c ? least : c;
}

static int bounded_length(const char *word)
{
  size_t length = strlen(word);
  return (int)(length > LONGEST ? LONGEST : length);
}

int lm_spelling_distance(const char *a, const char *b)
{
  int rows[3][LONGEST + 1];
  int a_length = bounded_length(a);
  int b_length = bounded_length(b);
  for (int j = 0; j <= b_length; j++) {
    rows[0][j] = j;
  }
  for (int i = 1; i <= a_length; i++) {
    int *now = rows[i % 3];
    const int *before = rows[(i + 2) % 3];
    now[0] = i;
    for (int j = 1; j <= b_length; j++) {
      int change = a[i - 1] == b[j - 1] ? 0 : 1;
      now[j] = smallest(before[j] + 1, now[j - 1] + 1, before[j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        int swapped = rows[(i + 1) % 3][j - 2] + 1;
        now[j] = swapped < now[j] ? swapped : now[j];
      }
    }
  }
  return rows[a_length % 3][b_length];
}

const char *lm_spelling_nearest(const char *word, const void *words, size_t count, size_t stride)
{
  const char *nearest = NULL;
  int least = 4;
  for (size_t i = 0; i < count; i++) {
    const char *candidate;
    memcpy(&candidate, (const char *)words + i * stride, sizeof candidate);
    int distance = lm_spelling_distance(word, candidate);
    int longer = bounded_length(word) > bounded_length(candidate) ? bounded_length(word)
                                                                  : bounded_length(candidate);
    if (distance < least && distance * 3 <= longer + 2) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}
