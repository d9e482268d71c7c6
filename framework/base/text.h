/*
 * Text that grows: a builder for messages, listings, YAML and JSON, and the nearest spelling.
 *
 * A builder that runs out of memory remembers it and ignores what follows; lm_text_ok() tells
 * at the end. Floor 0.
 */
#ifndef LM_BASE_TEXT_H
#define LM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A builder; zero-initialise it. bytes is NULL or ends in a 0 that length does not count. */
struct lm_text {
  char *bytes;
  size_t length, capacity;
  bool failed;
};

void lm_text_add(struct lm_text *text, const char *string);
void lm_text_add_bytes(struct lm_text *text, const char *bytes, size_t length);
void lm_text_addf(struct lm_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Adds a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void lm_text_add_json_string(struct lm_text *text, const char *string);

/** Whether a string is UTF-8 throughout (RFC 3629). */
bool lm_text_is_utf8(const char *string);

/** Adds a JSON number that reads back as the same double; null for NaN and infinities. */
void lm_text_add_json_number(struct lm_text *text, double number);

/**
 * Adds text with the escapes of XML, for content and for attributes in double quotes. Control
 * characters, most of which XML has no way to write, become blanks.
 */
void lm_text_add_xml(struct lm_text *text, const char *string);

bool lm_text_ok(const struct lm_text *text);

/** The content ("" when empty), borrowed until the next change. */
const char *lm_text_get(const struct lm_text *text);

/** Hands the content over to the caller, who releases it with lm_free; NULL after failure. */
char *lm_text_take(struct lm_text *text);

/** Empties the builder but keeps its memory. */
void lm_text_clear(struct lm_text *text);
void lm_text_release(struct lm_text *text);

/**
 * Edits between two words: insertions, deletions, substitutions, swaps of neighbours (optimal
 * string alignment distance). Words over 63 bytes are compared by their first 63.
 */
int lm_spelling_distance(const char *a, const char *b);

/**
 * The word of a list that is nearest to a misspelt one.
 * @param words  count words, `stride` bytes apart, each entry beginning with a const char *
 * @return borrowed; NULL when none is near enough to be meant
 */
const char *lm_spelling_nearest(const char *word, const void *words, size_t count, size_t stride);

/** Formats a byte count for people: "512 B", "3.4 KiB", "1.2 MiB". */
void lm_format_bytes(char *out, size_t size, uint64_t bytes);

#endif
