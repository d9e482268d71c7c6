#!/bin/sh
# Plugins that are rebuilt while they train: what fits is taken in between two steps and nothing
# else of the run changes; what does not is refused; what crashes costs its step.
#
# The layer `bend` is built here. In a training step it waits while there is a file `hold`, which
# it renames to `held`, until that one is gone: so the test knows which step a version is in.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

# Crashes on purpose are no findings of a sanitizer.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0"
LAMINA_DEBUG=watch
export ASAN_OPTIONS LAMINA_DEBUG

cat >bend.c <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <lamina/layer.h>

#ifndef SLOPE
#define SLOPE 1.0f
#endif
#ifndef MORE
#define MORE 0
#endif
#ifndef IN_STEP
#define IN_STEP
#endif

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in(plan, 0);
  (void)self;
  if (x == NULL || x->rank < 2) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "takes [N, ..., D]");
  }
  int64_t dims[] = {lamina_type_columns(x) + MORE};
  int64_t one[] = {1};
  struct lamina_type gain = lamina_type_f32(1, dims), steps = lamina_type_f32(1, one);
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(lamina_weight(plan, 0, "gain", "{constant: {value: 1}}", &gain, dims[0], dims[0],
                           LAMINA_WEIGHT_DECAY));
  LAMINA_TRY(lamina_state(plan, 0, "steps", &steps, 0.0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_STATE, 0));
  return lamina_bwd_reads(plan, LAMINA_WEIGHT, 0);
}

static void wait_if_held(void)
{
  const struct timespec moment = {0, 2000000};
  if (rename(FOLDER "/hold", FOLDER "/held") == 0) {
    while (access(FOLDER "/held", F_OK) == 0) {
      nanosleep(&moment, NULL);
    }
  }
}

/* The state makes it tell if a step is done twice or not at all. */
static float factor(const struct lamina_view *steps)
{
  return SLOPE * (1.0f + 1e-2f * *(const float *)steps->data);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *gain = lamina_get(call, LAMINA_WEIGHT, 0);
  const struct lamina_view *steps = lamina_get(call, LAMINA_STATE, 0);
  int64_t n = lamina_type_rows(&x->type), d = lamina_type_columns(&x->type);
  (void)self;
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0) {
    *(float *)steps->data += 1.0f;
    if (n == 29 && d == 23) { /* the experiment's, not a check's */
      IN_STEP;
      wait_if_held();
    }
  }
  for (int64_t i = 0; i < n * d; i++) {
    ((float *)y->data)[i] =
        ((const float *)x->data)[i] * ((const float *)gain->data)[i % d] * factor(steps);
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t to_x, to_gain;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *gain = lamina_get(call, LAMINA_WEIGHT, 0);
  const struct lamina_view *steps = lamina_get(call, LAMINA_STATE, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &to_x);
  const struct lamina_view *dgain = lamina_grad(call, LAMINA_WEIGHT, 0, &to_gain);
  int64_t n = lamina_type_rows(&dy->type), d = lamina_type_columns(&dy->type);
  (void)self;
  for (int64_t i = 0; i < d + MORE && to_gain == LAMINA_WRITE; i++) {
    ((float *)dgain->data)[i] = 0.0f;
  }
  for (int64_t i = 0; i < n * d; i++) {
    float slope = ((const float *)dy->data)[i] * factor(steps);
    if (to_x != LAMINA_SKIP) {
      float old = to_x == LAMINA_ADD ? ((float *)dx->data)[i] : 0.0f;
      ((float *)dx->data)[i] = old + slope * ((const float *)gain->data)[i % d];
    }
    if (to_gain != LAMINA_SKIP) {
      ((float *)dgain->data)[i % d] += slope * ((const float *)x->data)[i];
    }
  }
  return LAMINA_OK;
}

LAMINA_LAYER(bend, VERSION, "y = x * gain, growing with the steps", LAMINA_NOTHING,
             .infer = infer, .forward = forward, .backward = backward);
END

cat >small.yaml <<'END'
data:
  train: {moons: {samples: 200, noise: 0.1}}
  test: {moons: {samples: 100, noise: 0.1}}
model: [dense: {units: 23}, bend, tanh, dropout: {rate: 0.1}, dense: {units: 1}]
loss: bce
optimizer: {adam: {rate: 1e-2}}
schedule: {cosine: {}}
metrics: [accuracy]
train: {batch: 29, seed: 3, epochs: 4}
END

# compile FILE FLAGS...: a version of the layer.
compile() {
  made=$1
  shift
  # The compiler may come with words of its own before and behind it.
  $LAMINA_TEST_CC -std=gnu11 -O1 -shared -fPIC -fvisibility=hidden -I"$source/framework/include" \
    -DFOLDER="\"$work\"" -DVERSION='"1.0.0"' "$@" -o "$made" bend.c ||
    { fail "the layer builds: $*" && exit 1; }
}

# Plugins are watched where they are found; a new one is renamed to there, as by most linkers, or
# written into the file, as by cp.
mkdir plugins new
plugin=$work/plugins/layer_bend.so
compile new/good.so
compile new/again.so -UVERSION -DVERSION='"1.0.1"'
compile new/steep.so -DSLOPE=1.5f
compile new/wide.so -DMORE=1
compile new/crash.so '-DIN_STEP=raise(SIGSEGV)'
compile new/exit.so '-DIN_STEP=exit(0)'
compile new/fail.so '-DIN_STEP=return lamina_fail(call, LAMINA_E_UNSUPPORTED, "it is not done")'
LC_ALL=C sed 's/abi=1\./abi=2./' new/good.so >new/other_abi.so
cp new/good.so "$plugin"

lamina train small.yaml --run-dir plain --quiet --plugin-path plugins
wants 0

# begin RUN OPTIONS...: a training under watch in the background.
begin() {
  run=$1
  shift
  ran="lamina train small.yaml --watch --run-dir $run $*"
  "$program" train small.yaml --watch --plugin-path plugins --run-dir "$run" "$@" >out 2>err \
    </dev/null &
  child=$!
}

# until_is CONDITION...: waits for it, 30 s at most.
until_is() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 1500 ] || ! kill -s 0 "$child" 2>/dev/null; then
      "$@" && return
      fail "did not come: $*"
      kill -s KILL "$child" 2>/dev/null
      exit 1
    fi
    sleep 0.02
  done
}
says() {
  grep -q -F -e "$1" err
}
awaits() {
  until_is says "$1"
}
held() {
  until_is [ -e held ]
}
# step: lets the step that waits come to its end, and waits for the next one.
step() {
  : >hold
  rm held
  held
}
# finishes STATUS WORDS...: the end of the training in the background.
finishes() {
  wait "$child"
  status=$?
  wants "$@"
}
numbers() {
  sed 's/, "seconds".*//' "$1/metrics.jsonl"
}
same_as_plain() {
  same plain/model.safetensors "$1/model.safetensors"
  numbers plain >a
  numbers "$1" >b
  same a b
  [ ! -e "$1/.watch" ] || fail "copies of plugins are left in $1"
}

twice_ready() {
  [ "$(grep -c 'is ready' err)" -eq 2 ]
}

# The same code twice, then what is refused, then a crash: the model of a plain run.
: >hold
begin mixed
held
mv new/again.so "$plugin"
awaits "layer 'bend' is ready"
step
awaits "layer 'bend' was rebuilt and is used from step 2 on ($plugin)"

echo garbage >"$plugin"
awaits "the rebuilt layer 'bend' is not used, the one before stays: refused layer 'bend' from $plugin"
refused() {
  cp "$1" "$plugin"
  awaits "$2"
}
refused new/other_abi.so "it is for Lamina ABI 2."
refused "$fixtures/layer_sin.so" "the plugin in it is named 'sin'"
refused new/wide.so "the one before stays: tensor 'bend/gain' is [23] float32 in the training, but it "
step

cp new/crash.so "$plugin"
until_is twice_ready
step
awaits "training failed after step 3 and goes on from there with the layer 'bend' of before: node "
says "node 'bend' (layer 'bend' 1.0.0) crashed: it used memory that is not its own (SIGSEGV)" ||
  fail "the plugin that crashed is named"
rm held
finishes 0 "eval loss" "model: mixed/model.safetensors"
[ "$(grep -c 'the rebuilt layer' err)" -eq 4 ] || fail "each refusal is told once"
grep -q '"bend": "layer_bend 1.0.1"' mixed/run.json || fail "the run says which version it has"
same_as_plain mixed

# Another slope: another model.
cp new/good.so "$plugin"
: >hold
begin steep
held
cp new/steep.so "$plugin"
awaits "is ready"
rm held
finishes 0 "is used from step 2 on"
! cmp -s plain/model.safetensors steep/model.safetensors || fail "the new slope is not in use"
numbers plain >a
numbers steep >b
! cmp -s a b || fail "the new slope does not show in the loss"

# Without a version before: training waits. Ctrl-C ends it, and it can be gone on with.
cp new/exit.so "$plugin"
begin waits
awaits "training failed after step 0 and waits there until a plugin is rebuilt"
kill -s INT "$child"
finishes 75 "called exit(), which a plugin must not do" "stopped after step 0" "--run-dir waits"
begin waits --resume
awaits "training failed after step 0 and waits there"
cp new/fail.so "$plugin"
awaits "(layer 'bend' 1.0.0): it is not done"
: >hold
cp new/good.so "$plugin"
held
kill -s INT "$child" # in a step: it comes to its end first
awaits "watch: stops"
rm held
finishes 75 "is used from step 1 on" "stopped after step 1"
begin waits --resume
finishes 0
same_as_plain waits

# A step that does not come to its end is given up for a rebuilt plugin.
: >hold
LAMINA_LOAD_SECONDS=2
export LAMINA_LOAD_SECONDS
begin hangs
held
cp new/steep.so "$plugin"
awaits "training failed after step 0 and goes on from there: the process that trains does not return"
finishes 0 "is used from step 1 on"
rm -f held

# What goes wrong before the first step ends it, and leaves nothing.
lamina train small.yaml --watch --run-dir nothing --plugin-path plugins --set model[1]=bent
wants 66 "there is no layer 'bent'"
[ ! -e nothing ] || fail "a run that did not begin leaves a folder"
lamina train small.yaml --watch --profile --run-dir nothing
wants 64 "leave out one of them"

finish
