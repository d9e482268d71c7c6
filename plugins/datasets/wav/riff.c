/*
 * RIFF WAVE: chunks of four letters, a length and so many bytes, padded to an even number. `fmt `
 * says what the numbers in `data` are; other chunks are skipped. All numbers are little-endian.
 * What a length claims is believed only as far as the file goes.
 */
#include <math.h>
#include <string.h>

#include <lamina/status.h>

#include "sound.h"

enum { PCM = 1, FLOAT = 3, EXTENSIBLE = 0xfffe };

static uint32_t word(const unsigned char *bytes, int count)
{
  uint32_t value = 0;
  for (int i = 0; i < count; i++) {
    value |= (uint32_t)bytes[i] << (8 * i);
  }
  return value;
}

/* The form of the numbers; 0: one that is not read here. */
static int32_t form_of(uint32_t tag, uint32_t bits)
{
  switch (bits < 256 ? tag << 8 | bits : 0) {
    case PCM << 8 | 8:
      return LM_SOUND_U8;
    case PCM << 8 | 16:
      return LM_SOUND_S16;
    case PCM << 8 | 24:
      return LM_SOUND_S24;
    case PCM << 8 | 32:
      return LM_SOUND_S32;
    case FLOAT << 8 | 32:
      return LM_SOUND_F32;
    case FLOAT << 8 | 64:
      return LM_SOUND_F64;
    default:
      return 0;
  }
}

static int64_t bytes_of(int32_t form)
{
  static const int64_t sizes[] = {0, 1, 2, 3, 4, 4, 8};
  return sizes[form];
}

static int32_t read_format(struct lm_sound *sound, uint64_t at, uint32_t length)
{
  static const unsigned char guid[] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
  const unsigned char *format = sound->bytes + at;
  if (length < 16) {
    return lm_sound_fail(sound, "is broken at byte %llu: chunk 'fmt ' of %u bytes, expected 16",
                         (unsigned long long)at, length);
  }
  uint32_t tag = word(format, 2), bits = word(format + 14, 2);
  if (tag == EXTENSIBLE && length >= 40 && memcmp(format + 26, guid, sizeof guid) == 0) {
    tag = word(format + 24, 2);
  }
  sound->channels = word(format + 2, 2);
  sound->rate = word(format + 4, 4);
  sound->form = form_of(tag, bits);
  if (sound->form != 0 &&
      (int64_t)word(format + 12, 2) != sound->channels * bytes_of(sound->form)) {
    return lm_sound_fail(sound,
                         "is broken at byte %llu: frames of %u bytes, expected %lld for %lld "
                         "channels of %u bits",
                         (unsigned long long)at + 12, word(format + 12, 2),
                         (long long)(sound->channels * bytes_of(sound->form)),
                         (long long)sound->channels, bits);
  }
  return LAMINA_OK;
}

static int32_t read_data(struct lm_sound *sound, uint64_t at, uint32_t length)
{
  int64_t frame = sound->channels * bytes_of(sound->form);
  if (sound->channels == 0) {
    return lm_sound_fail(sound, "is broken at byte %llu: chunk 'data' without 'fmt ' before it",
                         (unsigned long long)at - 8);
  }
  if (sound->form == 0) {
    return LAMINA_OK; /* libsndfile's */
  }
  if (length % frame != 0) {
    return lm_sound_fail(sound,
                         "is broken at byte %llu: %u bytes are no whole number of frames of %lld",
                         (unsigned long long)at - 4, length, (long long)frame);
  }
  sound->data = at;
  sound->frames = length / frame;
  return LAMINA_OK;
}

int32_t lm_riff_open(struct lm_sound *sound)
{
  for (uint64_t at = 12; sound->size - at >= 8;) {
    const unsigned char *chunk = sound->bytes + at;
    uint32_t length = word(chunk + 4, 4);
    at += 8;
    if (length > sound->size - at) {
      return lm_sound_fail(sound,
                           "is broken at byte %llu: a chunk of %u bytes, of which %llu are "
                           "there",
                           (unsigned long long)at - 4, length,
                           (unsigned long long)(sound->size - at));
    }
    if (memcmp(chunk, "data", 4) == 0) {
      return read_data(sound, at, length);
    }
    if (memcmp(chunk, "fmt ", 4) == 0) {
      int32_t status = read_format(sound, at, length);
      if (status != LAMINA_OK) {
        return status;
      }
    }
    at += length;
    at += at % 2 != 0 && at < sound->size ? 1 : 0;
  }
  return lm_sound_fail(sound, "is broken at byte %llu: the file ends before its chunk 'data'",
                       (unsigned long long)sound->size);
}

static float number(const unsigned char *bytes, int32_t form)
{
  uint32_t bits;
  uint64_t wide;
  float single;
  double twice;
  switch (form) {
    case LM_SOUND_U8:
      return (float)(bytes[0] - 128) / 128.0f;
    case LM_SOUND_S16:
      return (float)(int16_t)word(bytes, 2) / 32768.0f;
    case LM_SOUND_S24:
      return (float)((int32_t)(word(bytes, 3) << 8) / 256) / 8388608.0f;
    case LM_SOUND_S32:
      return (float)((double)(int32_t)word(bytes, 4) / 2147483648.0);
    case LM_SOUND_F32:
      bits = word(bytes, 4);
      memcpy(&single, &bits, sizeof single);
      return single;
    default:
      wide = word(bytes, 4) | (uint64_t)word(bytes + 4, 4) << 32;
      memcpy(&twice, &wide, sizeof twice);
      return (float)twice;
  }
}

int32_t lm_riff_read(struct lm_sound *sound, int64_t frames, float *out)
{
  int64_t size = bytes_of(sound->form), count = frames * sound->channels;
  for (int64_t i = 0; i < count; i++) {
    uint64_t at = sound->data + (uint64_t)(i * size);
    out[i] = number(sound->bytes + at, sound->form);
    if (!isfinite(out[i])) {
      return lm_sound_fail(sound, "is broken at byte %llu: a number that is not finite",
                           (unsigned long long)at);
    }
  }
  return LAMINA_OK;
}
