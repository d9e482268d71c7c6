/*
 * What the files of this plugin share: its instance, and the functions of each file.
 *
 *   sound.h    one sound from the bytes of its file
 *   list.c     which files are records, and what their targets are
 *   load.c     from files to numbers, on all threads
 *   wav.c      settings, and the functions that the host calls
 */
#ifndef LM_WAV_WAV_H
#define LM_WAV_WAV_H

#include <lamina/dataset.h>
#include <lamina/files.h>

#include "sound.h"

enum { LM_WAV_KEEP = 0, LM_WAV_MIX = 1 };
enum { LM_WAV_PATH = 4096 };

/** A file. */
struct lm_wav_item {
  const char *folder; /* below the data set's; NULL: in it */
  const char *name;
  uint64_t size;
  int64_t label;                  /* number of its folder; with a list -1 */
  int64_t rate, channels, frames; /* known from open() on */
};

struct lm_wav {
  const char *folder, *list;
  int64_t length, rate;
  int32_t channels, reserved;
  /* From setup. */
  const struct lamina_files *files;
  const char **classes; /* names of the folders */
  int64_t n_classes;
  struct lm_wav_item *items; /* the records */
  int64_t count;
  float *numbers; /* [count, n_numbers] of the list; NULL without one */
  int64_t n_numbers;
  int64_t shape[2], first_rate; /* of a record: length and channels; its numbers a second */
  /* From open. */
  float *table;   /* of lamina_sinc_fill() */
  float *signals; /* [count, length, channels] */
};

/** Writes an item's path; refuses one that is too long. */
int32_t lm_wav_path(const struct lm_wav *wav, struct lamina_call *call,
                    const struct lm_wav_item *item, char path[LM_WAV_PATH]);

/** Finds the records, at least one, their classes or numbers. [setup] */
int32_t lm_wav_find(struct lm_wav *wav, struct lamina_call *call);

/** Finds the shape of a record from the settings or the first file. [setup] */
int32_t lm_wav_find_shape(struct lm_wav *wav, struct lamina_call *call);

/** Reads all files into signals. [open] */
int32_t lm_wav_load(struct lm_wav *wav, struct lamina_call *call);

#endif
