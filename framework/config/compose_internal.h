/*
 * What compose.c and compose_error.c share. The only header of the room that shows libyaml.
 */
#ifndef LM_CONFIG_COMPOSE_INTERNAL_H
#define LM_CONFIG_COMPOSE_INTERNAL_H

#include <yaml.h>

#include "config/config_internal.h"

/** An anchor's value, open while it is still being read. */
struct lm_anchor {
  char *name;
  uint32_t hash;
  bool open;
  struct lm_value *value;
};

/** One document on its way from events to a tree. */
struct lm_composer {
  struct lm_config *config;
  const struct lm_source *source;
  struct lm_error *error;
  yaml_parser_t parser;
  struct lm_anchor *anchors;
  size_t anchor_count, anchor_capacity;
};

/** A mark of libyaml (from 0) as a place (from 1). */
struct lm_where lm_compose_where(const struct lm_composer *composer, const yaml_mark_t *mark);

/** The sentence for what libyaml has just refused. */
enum lamina_status lm_compose_refusal(const struct lm_composer *composer);

/** Refuses texts that libyaml would read, or would not finish reading. */
enum lamina_status lm_compose_screen(const struct lm_composer *composer) LM_MUST_CHECK;

#endif
