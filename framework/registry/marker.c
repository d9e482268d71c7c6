/*
 * The marker: what LAMINA_PLUGIN of lamina/plugin.h leaves in the file for readers that do not
 * load it. It begins with "\177LAMINA" and a 0, then come texts key=value with a 0 behind
 * each, and an empty text at the end. Unknown keys are for later versions.
 *
 * Only what would be loaded is searched, so that debug information costs nothing, and the text
 * is taken only where a whole marker follows. A file may offer several major versions: the
 * marker of ours is preferred, and another one is kept for the refusal.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

enum { CHUNK = 64 * 1024, MARKER_MAX = 1024 };

static const char needle[] = "\177LAMINA"; /* its 0 belongs to it */

/* "1.12" to two numbers, each below a million. */
static bool parse_version(const char *text, uint32_t *major, uint32_t *minor)
{
  uint32_t numbers[2] = {0, 0};
  for (size_t i = 0; i < 2; i++) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6) {
      return false;
    }
    for (size_t d = 0; d < digits; d++) {
      numbers[i] = numbers[i] * 10 + (uint32_t)(text[d] - '0');
    }
    text += digits;
    if (*text != (i == 0 ? '.' : '\0')) {
      return false;
    }
    text++;
  }
  *major = numbers[0];
  *minor = numbers[1];
  return true;
}

static bool copy_value(char *out, size_t size, const char *value)
{
  for (const char *c = value; *c != '\0'; c++) {
    if (*c < ' ' || *c > '~') {
      return false;
    }
  }
  int length = snprintf(out, size, "%s", value);
  return length > 0 && (size_t)length < size;
}

static bool take_field(struct lm_marker *marker, const char *field)
{
  const char *value = strchr(field, '=');
  if (value == NULL) {
    return false;
  }
  size_t key = (size_t)(value - field);
  uint32_t built_major;
  value++;
  if (key == 3 && memcmp(field, "abi", 3) == 0) {
    return parse_version(value, &marker->major, &marker->needs_minor);
  } else if (key == 5 && memcmp(field, "built", 5) == 0) {
    return parse_version(value, &built_major, &marker->built_minor);
  } else if (key == 4 && memcmp(field, "kind", 4) == 0) {
    return copy_value(marker->kind, sizeof marker->kind, value);
  } else if (key == 4 && memcmp(field, "name", 4) == 0) {
    return copy_value(marker->name, sizeof marker->name, value);
  } else if (key == 7 && memcmp(field, "version", 7) == 0) {
    return copy_value(marker->version, sizeof marker->version, value);
  } else if (key == 3 && memcmp(field, "isa", 3) == 0) {
    return copy_value(marker->isa, sizeof marker->isa, value);
  }
  return true;
}

/* Reads the texts behind the needle; false unless they are a whole marker. */
static bool parse_marker(const char *bytes, size_t size, struct lm_marker *out)
{
  struct lm_marker marker = {0};
  size_t at = 0;
  while (at < size && bytes[at] != '\0') {
    size_t length = strnlen(bytes + at, size - at);
    if (length == size - at || !take_field(&marker, bytes + at)) {
      return false;
    }
    at += length + 1;
  }
  if (at >= size || marker.major == 0 || marker.kind[0] == '\0' || marker.name[0] == '\0') {
    return false;
  }
  *out = marker;
  return true;
}

/* What the search has come to. */
struct search {
  int fd;
  char *chunk;
  struct lm_marker *out;
  bool found, failed;
};

/* Looks at a marker that begins at offset; true when the search is over. */
static bool try_at(struct search *search, uint64_t offset, uint64_t end)
{
  char bytes[MARKER_MAX];
  struct lm_marker marker;
  uint64_t room = end - offset;
  int64_t got =
      lm_read_at(search->fd, offset, bytes, room < MARKER_MAX ? (size_t)room : MARKER_MAX);
  if (got < 0) {
    search->failed = true;
    return true;
  }
  if (!parse_marker(bytes, (size_t)got, &marker)) {
    return false;
  }
  if (marker.major == LAMINA_ABI_MAJOR || !search->found) {
    *search->out = marker;
    search->found = true;
  }
  return marker.major == LAMINA_ABI_MAJOR;
}

static bool search_chunk(struct search *search, size_t got, uint64_t at, uint64_t end)
{
  const char *from = search->chunk;
  size_t left = got;
  for (;;) {
    const char *hit = memmem(from, left, needle, sizeof needle);
    if (hit == NULL) {
      return false;
    }
    uint64_t behind = at + (uint64_t)(hit - search->chunk) + sizeof needle;
    if (try_at(search, behind, end)) {
      return true;
    }
    from = hit + 1;
    left = got - (size_t)(from - search->chunk);
  }
}

static bool search_span(struct search *search, const struct lm_span *span)
{
  uint64_t at = span->begin;
  while (at < span->end) {
    uint64_t room = span->end - at;
    int64_t got = lm_read_at(search->fd, at, search->chunk, room < CHUNK ? (size_t)room : CHUNK);
    if (got < 0) {
      search->failed = true;
      return true;
    }
    if (got < (int64_t)sizeof needle) {
      return false;
    }
    if (search_chunk(search, (size_t)got, at, span->end)) {
      return true;
    }
    at += (uint64_t)got - (sizeof needle - 1); /* a needle may lie across two chunks */
  }
  return false;
}

enum lamina_status lm_marker_read(int fd, const struct lm_elf *elf, struct lm_marker *out,
                                  struct lm_error *error)
{
  struct search search = {.fd = fd, .out = out, .chunk = lm_alloc(CHUNK, 1)};
  if (search.chunk == NULL) {
    return lm_fail_memory(error, CHUNK);
  }
  for (size_t i = 0; i < elf->count && !search_span(&search, &elf->loads[i]); i++) {
  }
  lm_free(search.chunk);
  if (search.failed) {
    return lm_fail(error, LAMINA_E_IO, "the file cannot be read: %s", strerror(errno));
  }
  if (!search.found) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the file is a shared object but no plugin of Lamina: it has no marker");
  }
  return LAMINA_OK;
}
