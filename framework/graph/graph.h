/*
 * The graph: nodes, the edges between them, and what inference finds out about them.
 *
 * A node is one use of a layer, a loss or a metric. Its inputs are outputs of other nodes or
 * sources (fields of the data). The graph is built once; lm_graph_infer() then asks every
 * plugin, in topological order, what it makes of its inputs at one batch size. The first
 * inference also makes the tables of parameters and states; later ones must agree with them.
 *
 * Floor 5. Knows plugins' functions, not files, YAML or memory plans.
 */
#ifndef LM_GRAPH_GRAPH_H
#define LM_GRAPH_GRAPH_H

#include "host/host.h"

enum { LM_MAX_FACTS = 32 }; /* tensors of one role that a node may have */

enum lm_node_kind { LM_NODE_LAYER = 0, LM_NODE_LOSS, LM_NODE_METRIC };

/** A wish about overwriting a node's input. */
enum lm_in_place { LM_IN_PLACE_AUTO = 0, LM_IN_PLACE_REQUIRED, LM_IN_PLACE_NEVER };

/** Where an input comes from: output `output` of node `node`, or source ~node if negative. */
struct lm_edge {
  int32_t node;
  uint32_t output;
};

static inline struct lm_edge lm_edge_source(uint32_t source)
{
  return (struct lm_edge){.node = ~(int32_t)source, .output = 0};
}
static inline bool lm_edge_is_source(struct lm_edge edge)
{
  return edge.node < 0;
}
static inline uint32_t lm_edge_source_index(struct lm_edge edge)
{
  return (uint32_t)~edge.node;
}

/** One use of a plugin. */
struct lm_node {
  char *name;
  enum lm_node_kind kind;
  struct lm_instance *instance; /* owned by the graph */
  struct lm_edge *inputs;
  uint32_t n_inputs;
  int32_t share; /* node whose parameters are used, or -1 */
  char *owner;   /* name of a node that is not here, whose parameters these are; or NULL */
  enum lm_in_place in_place;
  bool no_fusion;                   /* always in passes of its own */
  bool frozen;                      /* as a whole: its states are not updated either */
  double loss_weight;               /* losses: factor in the sum that is trained */
  int32_t parameters[LM_MAX_FACTS]; /* indices into the graph's table */
  int32_t states[LM_MAX_FACTS];
  uint32_t n_parameters, n_states;
};

/** A tensor's shape with its own memory for the dimensions. type.dims points to dims. */
struct lm_shape {
  struct lamina_type type;
  int64_t dims[LAMINA_MAX_RANK];
};

/** A trainable tensor: "node/weight". */
struct lm_parameter {
  char *name;
  char *init; /* default initializer, YAML text */
  int32_t node;
  struct lm_shape shape;
  int64_t fan_in, fan_out;
  uint32_t flags; /* LAMINA_WEIGHT_* */
  bool frozen;
  double lr_mult;
};

/** A persistent tensor that is not trained: "node/running_mean". */
struct lm_persistent {
  char *name;
  struct lm_shape shape;
  double init;
  int32_t node;
};

/** A field of the data that feeds the graph. */
struct lm_source {
  char *name;
  struct lm_where where;
  struct lm_shape record; /* without N; float32 or int32 */
  int64_t classes;
  bool classes_exact;
};

/** What a source is to be. */
struct lm_source_spec {
  const char *name;
  const struct lamina_type *record; /* without N; float32 or int32 */
  int64_t classes;                  /* of class labels; 0: not known */
  bool classes_exact;
  struct lm_where where;
};

struct lm_graph {
  struct lm_host *host; /* borrowed */
  struct lm_source **sources;
  struct lm_node **nodes;           /* in the order of the experiment */
  struct lm_parameter **parameters; /* made by the first inference */
  struct lm_persistent **states;    /* likewise */
  uint32_t *order;                  /* nodes in topological order, metrics last */
  uint32_t n_sources, n_nodes, n_parameters, n_states;
  size_t sources_capacity, nodes_capacity, parameters_capacity, states_capacity;
  bool inferred; /* the tables of parameters and states are complete */
};

enum lamina_status lm_graph_create(struct lm_host *host, struct lm_graph **out,
                                   struct lm_error *error) LM_MUST_CHECK;
void lm_graph_free(struct lm_graph *graph);

/** Adds a source; everything is copied. */
enum lamina_status lm_graph_add_source(struct lm_graph *graph, const struct lm_source_spec *spec,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Adds a node; takes the instance over, also on failure. *out is borrowed. */
enum lamina_status lm_graph_add_node(struct lm_graph *graph, enum lm_node_kind kind,
                                     const char *name, struct lm_instance *instance,
                                     struct lm_node **out, struct lm_error *error) LM_MUST_CHECK;

/** Sets a node's inputs; edges are copied. */
enum lamina_status lm_graph_connect(struct lm_node *node, const struct lm_edge *edges,
                                    uint32_t count, struct lm_error *error) LM_MUST_CHECK;

/**
 * Moves nodes first .. first + count - 1 of a graph, which can only be freed afterwards, to one
 * without nodes. Their edges stay as they were: the caller connects them anew. A node that shares
 * the weights of one before `first` has them of its own from now on, under that one's name.
 */
enum lamina_status lm_graph_take_nodes(struct lm_graph *graph, struct lm_graph *from,
                                       uint32_t first, uint32_t count,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Index of a node or source of that name; -1 if there is none. */
int32_t lm_graph_find_node(const struct lm_graph *graph, const char *name);
int32_t lm_graph_find_source(const struct lm_graph *graph, const char *name);

/** Orders the nodes: smallest index first among those that are ready. A cycle is refused with
 *  the names along it. */
enum lamina_status lm_graph_sort(struct lm_graph *graph, struct lm_error *error) LM_MUST_CHECK;

/* ---- inference ---- */

/** A tensor that flows along edges, at one batch size. */
struct lm_tensor {
  char *name; /* "hidden", "split.1", "input" */
  struct lm_shape shape;
  size_t bytes;
  int64_t classes;
  bool classes_exact;
  struct lm_edge producer;
};

struct lm_sharing {
  uint32_t pass, from, to;
};

/** Everything that one node declared. */
struct lm_facts {
  struct lm_tensor *in[LM_MAX_FACTS]; /* borrowed from their producers */
  struct lm_tensor *out[LM_MAX_FACTS];
  struct lm_tensor *save[LM_MAX_FACTS];
  uint32_t n_in, n_out, n_save;
  uint64_t scratch[2], lane_scratch[2]; /* by pass, bytes */
  uint32_t reads[4];                    /* by role: bit i: backward reads tensor i */
  struct lm_sharing sharing[LM_MAX_FACTS];
  uint32_t n_sharing;
  uint32_t purposes;
  uint32_t accumulators;
  uint32_t may_fuse[2]; /* by pass: bit i: output i, or the gradient of input i, in pieces */
  char *notes[2];       /* by topic; NULL if none */
};

/** What inference found at one batch size. */
struct lm_inference {
  int64_t batch;
  uint32_t n_nodes, n_sources;
  struct lm_facts *nodes;     /* by node index */
  struct lm_tensor **sources; /* by source index */
};

/**
 * Asks all nodes. Refusals name the node, its line, and for each input where it comes from.
 * @param batch  N, >= 0
 * @param out    owned by the caller, release with lm_inference_free()
 */
enum lamina_status lm_graph_infer(struct lm_graph *graph, int64_t batch, struct lm_inference **out,
                                  struct lm_error *error) LM_MUST_CHECK;
void lm_inference_free(struct lm_inference *inference);

/** Which parameters a node was given in an inference: see struct lm_node. */
struct lm_tensor *lm_inference_tensor(const struct lm_inference *inference, struct lm_edge edge);

/* ---- shapes ---- */

/** Checks a type that a plugin declared and copies it; sentence without a subject. */
enum lamina_status lm_shape_copy(struct lm_shape *shape, const struct lamina_type *type,
                                 struct lm_error *error) LM_MUST_CHECK;
/** A shape with `batch` put before the dimensions of record. */
enum lamina_status lm_shape_batched(struct lm_shape *shape, int64_t batch,
                                    const struct lm_shape *record,
                                    struct lm_error *error) LM_MUST_CHECK;
size_t lm_shape_bytes(const struct lm_shape *shape);
/** Sets every element of a float32 or float64 tensor; others are left as they are (zero). */
void lm_view_fill(const struct lamina_view *view, double value);
bool lm_shape_equal(const struct lm_shape *a, const struct lm_shape *b);
/** "[N, 28, 28] float32"; the first dimension is written N when it equals batch (-1: never). */
const char *lm_shape_format(const struct lamina_type *type, int64_t batch, char *out, size_t size);

#endif
