/*
 * One sound from the bytes of its file: what it is, and its numbers as floats from -1 to 1.
 *
 * RIFF WAVE of PCM and float numbers is read here (riff.c). Everything else is libsndfile's
 * (sndfile.c), where configure has found it.
 */
#ifndef LM_WAV_SOUND_H
#define LM_WAV_SOUND_H

#include <stdint.h>

enum { LM_SOUND_REASON = 200, LM_SOUND_CHANNELS = 256, LM_SOUND_RATE = 10000000 };

/** How a number lies in a file. */
enum lm_sound_form {
  LM_SOUND_U8 = 1,
  LM_SOUND_S16,
  LM_SOUND_S24,
  LM_SOUND_S32,
  LM_SOUND_F32,
  LM_SOUND_F64
};

struct lm_sound {
  const unsigned char *bytes; /* of the file */
  uint64_t size;
  int64_t rate, channels, frames; /* a frame has a number of each channel */
  uint64_t data;                  /* WAVE: where the frames begin */
  int32_t form;                   /* WAVE: enum lm_sound_form; 0: it is libsndfile's */
  int32_t reserved;
  uint64_t at;                  /* libsndfile: where it reads */
  void *handle;                 /* libsndfile's */
  char reason[LM_SOUND_REASON]; /* why it failed */
};

/**
 * Reads the head of a file: rate, channels and frames. bytes and size are set, all else is 0.
 * @return LAMINA_OK or LAMINA_E_INVALID; lm_sound_close() in any case
 */
int32_t lm_sound_open(struct lm_sound *sound);

/** Reads the first `frames` of the sound, at most all, into [frames, channels]; once. */
int32_t lm_sound_read(struct lm_sound *sound, int64_t frames, float *out);
void lm_sound_close(struct lm_sound *sound);

/** The same of one kind of file. */
int32_t lm_riff_open(struct lm_sound *sound);
int32_t lm_riff_read(struct lm_sound *sound, int64_t frames, float *out);
int32_t lm_sndfile_open(struct lm_sound *sound);
int32_t lm_sndfile_read(struct lm_sound *sound, int64_t frames, float *out);
void lm_sndfile_close(struct lm_sound *sound);

/** Fails: reason becomes what printf() would write. */
int32_t lm_sound_fail(struct lm_sound *sound, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
