/*
 * Who reads a file: its first bytes say, not its name. A WAVE whose numbers are neither PCM nor
 * float, such as ADPCM, is libsndfile's too.
 */
#include "sound.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <lamina/status.h>

int32_t lm_sound_fail(struct lm_sound *sound, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(sound->reason, sizeof sound->reason, format, arguments);
  va_end(arguments);
  return LAMINA_E_INVALID;
}

#ifndef HAVE_SNDFILE
int32_t lm_sndfile_open(struct lm_sound *sound)
{
  return lm_sound_fail(sound, "is no WAVE of PCM or float numbers, and what reads others, "
                              "libsndfile, was not there when Lamina was built");
}

int32_t lm_sndfile_read(struct lm_sound *sound, int64_t frames, float *out)
{
  (void)frames;
  (void)out;
  return lm_sndfile_open(sound);
}

void lm_sndfile_close(struct lm_sound *sound)
{
  sound->handle = NULL;
}
#endif

static int32_t check(struct lm_sound *sound)
{
  if (sound->rate >= 1 && sound->rate <= LM_SOUND_RATE && sound->channels >= 1 &&
      sound->channels <= LM_SOUND_CHANNELS && sound->frames >= 0) {
    return LAMINA_OK;
  }
  return lm_sound_fail(
      sound, "claims %lld channels at a rate of %lld, accepted are %d at a rate of %d",
      (long long)sound->channels, (long long)sound->rate, LM_SOUND_CHANNELS, LM_SOUND_RATE);
}

int32_t lm_sound_open(struct lm_sound *sound)
{
  int is_wave = sound->size >= 12 && memcmp(sound->bytes, "RIFF", 4) == 0 &&
                memcmp(sound->bytes + 8, "WAVE", 4) == 0;
  int32_t status = is_wave ? lm_riff_open(sound) : LAMINA_OK;
  if (status == LAMINA_OK && sound->form == 0) {
    status = lm_sndfile_open(sound);
  }
  return status == LAMINA_OK ? check(sound) : status;
}

int32_t lm_sound_read(struct lm_sound *sound, int64_t frames, float *out)
{
  return sound->form != 0 ? lm_riff_read(sound, frames, out) : lm_sndfile_read(sound, frames, out);
}

void lm_sound_close(struct lm_sound *sound)
{
  lm_sndfile_close(sound);
}
