/*
 * Files of other formats through libsndfile, which reads them from memory by callbacks.
 */
#include <limits.h>
#include <math.h>
#include <sndfile.h>
#include <string.h>

#include <lamina/status.h>

#include "sound.h"

static sf_count_t get_length(void *arg)
{
  const struct lm_sound *sound = arg;
  return (sf_count_t)sound->size;
}

static sf_count_t seek(sf_count_t offset, int whence, void *arg)
{
  struct lm_sound *sound = arg;
  sf_count_t from = whence == SEEK_SET   ? 0
                    : whence == SEEK_CUR ? (sf_count_t)sound->at
                                         : (sf_count_t)sound->size;
  sf_count_t to = from + offset;
  if (to < 0 || to > (sf_count_t)sound->size) {
    return -1;
  }
  sound->at = (uint64_t)to;
  return to;
}

static sf_count_t take(void *to, sf_count_t count, void *arg)
{
  struct lm_sound *sound = arg;
  uint64_t left = sound->size - sound->at;
  uint64_t taken = count < 0 ? 0 : (uint64_t)count < left ? (uint64_t)count : left;
  memcpy(to, sound->bytes + sound->at, (size_t)taken);
  sound->at += taken;
  return (sf_count_t)taken;
}

static sf_count_t give(const void *from, sf_count_t count, void *arg)
{
  (void)from;
  (void)count;
  (void)arg;
  return 0;
}

static sf_count_t tell(void *arg)
{
  const struct lm_sound *sound = arg;
  return (sf_count_t)sound->at;
}

int32_t lm_sndfile_open(struct lm_sound *sound)
{
  SF_VIRTUAL_IO memory = {get_length, seek, take, give, tell};
  SF_INFO info = {0};
  sound->at = 0;
  sound->handle = sf_open_virtual(&memory, SFM_READ, &info, sound);
  if (sound->handle == NULL) {
    return lm_sound_fail(sound, "is broken, or no sound: libsndfile says: %s", sf_strerror(NULL));
  }
  sound->rate = info.samplerate;
  sound->channels = info.channels;
  sound->frames = info.frames;
  return LAMINA_OK;
}

int32_t lm_sndfile_read(struct lm_sound *sound, int64_t frames, float *out)
{
  int64_t got = sf_readf_float(sound->handle, out, frames);
  if (got != frames) {
    return lm_sound_fail(sound, "is broken: %lld of %lld frames can be read",
                         (long long)(got < 0 ? 0 : got), (long long)sound->frames);
  }
  for (int64_t i = 0; i < frames * sound->channels; i++) {
    if (!isfinite(out[i])) {
      return lm_sound_fail(sound, "is broken: number %lld is not finite", (long long)i);
    }
  }
  return LAMINA_OK;
}

void lm_sndfile_close(struct lm_sound *sound)
{
  if (sound->handle != NULL) {
    (void)sf_close(sound->handle);
  }
  sound->handle = NULL;
}
