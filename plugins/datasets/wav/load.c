/*
 * From files to numbers: in a first pass over the files their heads, which say how much room they
 * need, in a second one what is in them. Both go over the files in slots, each of which keeps one
 * file at a time and stops at its first broken one; of those the first in order is told, whatever
 * ran first.
 */
#include <math.h>
#include <string.h>

#include <lamina/signal.h>

#include "wav.h"

enum { SLOTS = 8, SENTENCE = 600 };

/* What goes over every eighth file. */
struct slot {
  unsigned char *bytes; /* of the file */
  float *frames;        /* what is read of it; from the second pass on */
  int64_t failed;       /* the record that it failed at; -1: none */
  char sentence[SENTENCE];
};

struct work {
  struct lm_wav *wav;
  struct lamina_call *call;
  struct slot *slots;
  int64_t n_slots;
  int32_t (*run)(const struct work *work, struct slot *slot, int64_t record);
};

/* Frames of the file for one of the record. */
static double step_of(const struct lm_wav *wav, const struct lm_wav_item *item)
{
  return wav->rate == 0 ? 1.0 : (double)item->rate / (double)wav->rate;
}

static int64_t length_of(const struct lm_wav *wav, const struct lm_wav_item *item)
{
  return (int64_t)ceil((double)item->frames / step_of(wav, item));
}

static int64_t channels_of(const struct lm_wav *wav, const struct lm_wav_item *item)
{
  return wav->channels == LM_WAV_MIX ? 1 : item->channels;
}

/* Frames that the record is made of. */
static int64_t needed_of(const struct lm_wav *wav, const struct lm_wav_item *item)
{
  double step = step_of(wav, item);
  double reach = item->rate == wav->rate || wav->rate == 0
                     ? 0.0
                     : LAMINA_SINC_ZEROS * (step > 1.0 ? step : 1.0) + 1.0;
  double needed = ceil((double)wav->shape[0] * step + reach);
  return needed < (double)item->frames ? (int64_t)needed : item->frames;
}

/* A broken file is kept in mind, not told: see go_over(). */
static int32_t tell(struct slot *slot, int64_t record, const char *path, const char *reason)
{
  slot->failed = record;
  (void)snprintf(slot->sentence, sizeof slot->sentence, "%.250s %s", path, reason);
  return LAMINA_OK;
}

/* Opens a file in the slot's bytes; what is wrong with it is the sound's reason. */
static int32_t open_sound(const struct lm_wav *wav, struct lamina_call *call, unsigned char *bytes,
                          struct lm_wav_item *item, struct lm_sound *sound)
{
  char path[LM_WAV_PATH];
  memset(sound, 0, sizeof *sound);
  LAMINA_TRY(lm_wav_path(wav, call, item, path));
  LAMINA_TRY(wav->files->peek(wav->files->self, call, path, bytes, item->size, &sound->size));
  sound->bytes = bytes;
  if (lm_sound_open(sound) == LAMINA_OK) {
    item->rate = sound->rate;
    item->channels = sound->channels;
    item->frames = sound->frames;
  }
  return LAMINA_OK;
}

/* ---- the shape of a record ---- */

int32_t lm_wav_find_shape(struct lm_wav *wav, struct lamina_call *call)
{
  char path[LM_WAV_PATH];
  struct lm_wav_item *first = &wav->items[0];
  struct lm_sound sound;
  unsigned char *bytes = lamina_memory(call, first->size + 1);
  if (bytes == NULL) {
    return LAMINA_E_NOMEM;
  }
  LAMINA_TRY(open_sound(wav, call, bytes, first, &sound));
  lm_sound_close(&sound);
  LAMINA_TRY(lm_wav_path(wav, call, first, path));
  if (sound.reason[0] != '\0') {
    return lamina_failf(call, LAMINA_E_INVALID, "%.250s %s", path, sound.reason);
  }
  wav->shape[0] = wav->length > 0 ? wav->length : length_of(wav, first);
  wav->shape[1] = channels_of(wav, first);
  wav->first_rate = first->rate;
  return wav->shape[0] > 0 ? LAMINA_OK
                           : lamina_failf(call, LAMINA_E_INVALID,
                                          "%.250s has no frames; length: tells how many a record "
                                          "has",
                                          path);
}

/* Why a file does not fit to the first one; an empty text when it does. */
static void compare(const struct lm_wav *wav, const struct lm_wav_item *item, char *reason,
                    size_t size)
{
  double step = step_of(wav, item);
  reason[0] = '\0';
  if (wav->rate == 0 && item->rate != wav->first_rate) {
    (void)snprintf(reason, size,
                   "has a rate of %lld, the first file %lld: rate: %lld makes them alike",
                   (long long)item->rate, (long long)wav->first_rate, (long long)wav->first_rate);
  } else if (channels_of(wav, item) != wav->shape[1]) {
    (void)snprintf(reason, size,
                   "has %lld channels, the first file %lld: channels: mix makes them alike",
                   (long long)item->channels, (long long)wav->shape[1]);
  } else if (wav->length == 0 && length_of(wav, item) != wav->shape[0]) {
    (void)snprintf(
        reason, size, "has %lld frames, the first file %lld: length: %lld makes them alike",
        (long long)length_of(wav, item), (long long)wav->shape[0], (long long)wav->shape[0]);
  } else if (step > 64.0 || step < 1.0 / 64.0) {
    (void)snprintf(reason, size, "has a rate of %lld, more than 64 times too high or too low",
                   (long long)item->rate);
  }
}

/* ---- the passes ---- */

static int32_t read_head(const struct work *work, struct slot *slot, int64_t record)
{
  char path[LM_WAV_PATH], reason[LM_SOUND_REASON];
  struct lm_wav_item *item = &work->wav->items[record];
  struct lm_sound sound;
  LAMINA_TRY(lm_wav_path(work->wav, work->call, item, path));
  LAMINA_TRY(open_sound(work->wav, work->call, slot->bytes, item, &sound));
  lm_sound_close(&sound);
  if (sound.reason[0] != '\0') {
    return tell(slot, record, path, sound.reason);
  }
  compare(work->wav, item, reason, sizeof reason);
  return reason[0] == '\0' ? LAMINA_OK : tell(slot, record, path, reason);
}

static void mix(float *frames, int64_t count, int64_t channels)
{
  for (int64_t i = 0; i < count; i++) {
    double sum = 0.0;
    for (int64_t c = 0; c < channels; c++) {
      sum += (double)frames[i * channels + c];
    }
    frames[i] = (float)(sum / (double)channels);
  }
}

/* From the frames of a file to its record. */
static void deliver(const struct lm_wav *wav, const struct lm_wav_item *item, const float *frames,
                    int64_t count, float *out)
{
  struct lamina_signal signal = {count, wav->shape[1]};
  struct lamina_resampling how = {wav->table, step_of(wav, item)};
  if (wav->rate != 0 && item->rate != wav->rate) {
    lamina_resample(&how, frames, &signal, out, wav->shape[0]);
    return;
  }
  int64_t kept = count < wav->shape[0] ? count : wav->shape[0];
  size_t frame = (size_t)wav->shape[1] * sizeof *out;
  memcpy(out, frames, (size_t)kept * frame);
  memset(out + kept * wav->shape[1], 0, (size_t)(wav->shape[0] - kept) * frame);
}

static int32_t read_frames(const struct work *work, struct slot *slot, int64_t record)
{
  struct lm_wav *wav = work->wav;
  char path[LM_WAV_PATH];
  struct lm_wav_item *item = &wav->items[record], before = *item;
  struct lm_sound sound;
  int64_t needed = needed_of(wav, item);
  LAMINA_TRY(lm_wav_path(wav, work->call, item, path));
  LAMINA_TRY(open_sound(wav, work->call, slot->bytes, item, &sound));
  if (sound.reason[0] == '\0' && (item->rate != before.rate || item->channels != before.channels ||
                                  item->frames != before.frames)) {
    (void)lm_sound_fail(&sound, "has changed while it was read");
  }
  if (sound.reason[0] == '\0') {
    (void)lm_sound_read(&sound, needed, slot->frames);
  }
  lm_sound_close(&sound);
  if (sound.reason[0] != '\0') {
    return tell(slot, record, path, sound.reason);
  }
  if (wav->channels == LM_WAV_MIX && item->channels > 1) {
    mix(slot->frames, needed, item->channels);
  }
  deliver(wav, item, slot->frames, needed, wav->signals + record * wav->shape[0] * wav->shape[1]);
  return LAMINA_OK;
}

static int32_t run_slots(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t s = begin; s < end; s++) {
    struct slot *slot = &work->slots[s];
    for (int64_t i = s; i < work->wav->count && slot->failed < 0; i += work->n_slots) {
      LAMINA_TRY(work->run(work, slot, i));
    }
  }
  return LAMINA_OK;
}

static int32_t go_over(struct work *work,
                       int32_t (*run)(const struct work *, struct slot *, int64_t))
{
  const struct slot *first = NULL;
  work->run = run;
  LAMINA_TRY(lamina_parallel_for(work->call, work->n_slots, 1, run_slots, work));
  for (int64_t s = 0; s < work->n_slots; s++) {
    const struct slot *slot = &work->slots[s];
    if (slot->failed >= 0 && (first == NULL || slot->failed < first->failed)) {
      first = slot;
    }
  }
  return first == NULL ? LAMINA_OK : lamina_fail(work->call, LAMINA_E_INVALID, first->sentence);
}

/* ---- room ---- */

static int32_t make_room_for_files(struct work *work)
{
  uint64_t largest = 0;
  for (int64_t i = 0; i < work->wav->count; i++) {
    uint64_t size = work->wav->items[i].size;
    largest = size > largest ? size : largest;
  }
  if (largest > UINT64_MAX / 4 / SLOTS) {
    return lamina_fail(work->call, LAMINA_E_NOMEM, "a file is too large for any memory");
  }
  for (int64_t s = 0; s < work->n_slots; s++) {
    work->slots[s].failed = -1;
    work->slots[s].bytes = lamina_memory(work->call, largest + 1);
    if (work->slots[s].bytes == NULL) {
      return LAMINA_E_NOMEM;
    }
  }
  return LAMINA_OK;
}

static int32_t make_room_for_frames(struct work *work)
{
  struct lm_wav *wav = work->wav;
  int64_t most = 1;
  for (int64_t i = 0; i < wav->count; i++) {
    int64_t needed = needed_of(wav, &wav->items[i]) * wav->items[i].channels;
    most = needed > most ? needed : most;
  }
  uint64_t record = (uint64_t)wav->shape[0] * (uint64_t)wav->shape[1] * sizeof(float);
  if (record > (uint64_t)INT64_MAX / (uint64_t)wav->count) {
    return lamina_fail(work->call, LAMINA_E_NOMEM, "the sounds are too long for any memory");
  }
  wav->signals = lamina_memory(work->call, record * (uint64_t)wav->count);
  wav->table = lamina_memory(work->call, LAMINA_SINC_TABLE * sizeof *wav->table);
  for (int64_t s = 0; s < work->n_slots && wav->signals != NULL && wav->table != NULL; s++) {
    work->slots[s].frames = lamina_memory(work->call, (uint64_t)most * sizeof(float));
    if (work->slots[s].frames == NULL) {
      return LAMINA_E_NOMEM;
    }
  }
  if (wav->signals == NULL || wav->table == NULL) {
    return LAMINA_E_NOMEM;
  }
  lamina_sinc_fill(wav->table);
  return LAMINA_OK;
}

int32_t lm_wav_load(struct lm_wav *wav, struct lamina_call *call)
{
  struct slot slots[SLOTS];
  struct work work = {wav, call, slots, wav->count < SLOTS ? wav->count : SLOTS, NULL};
  LAMINA_TRY(make_room_for_files(&work));
  LAMINA_TRY(go_over(&work, read_head));
  LAMINA_TRY(make_room_for_frames(&work));
  return go_over(&work, read_frames);
}
