#!/bin/sh
# A run that is killed (SIGKILL) at random moments, and resumed each time with another number of
# threads, ends with the bytes of the model of a run that was left alone; so do runs with any
# number of threads that are not killed. `make check` kills a few times, `make check-resume` for
# longer and on a larger network too.
#
#   kills.sh [KILLS FILE [THREADS...]]
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

kills=8
[ "${LAMINA_TEST_SANITIZED:-no}" = no ] || kills=3
file=configs/digits.yaml
if [ $# -gt 0 ]; then
  kills=$1 file=$2
  shift 2
fi
[ $# -gt 0 ] || set -- 1 2 4 8
threads="$*"

# Saved often, so that a run that is killed often comes to its end, and many kills hit a save.
cat >run.yaml <<END
include: $source/$file
train: {checkpoint: {every_steps: 200}}
END

now() {
  date +%s.%N
}

# Runs that are left alone. The time of the last one is what kills are drawn from.
reference=
for count in $threads; do
  begun=$(now)
  lamina train run.yaml --run-dir "whole-$count" --threads "$count" --quiet
  wants 0
  whole=$(awk "BEGIN { print $(now) - $begun }")
  if [ -z "$reference" ]; then
    reference=whole-$count/model.safetensors
  else
    same "$reference" "whole-$count/model.safetensors"
  fi
done
[ "$failures" -eq 0 ] || finish

# The moments, in seconds from the start of the process: a generator of its own (Lehmer's), evenly
# over 0.7 of a whole run, so that some runs come to their end before they are killed.
awk -v n=$((kills * 6)) -v most="$whole" 'BEGIN {
  state = 20240607
  while (n-- > 0) {
    state = state * 48271 % 2147483647
    printf "%.4f\n", 0.001 + 0.7 * most * state / 2147483647
  }
}' >moments

# next_threads: another number of threads for each start.
next_threads() {
  count=${threads%% *}
  threads="${threads#* } $count"
}

# check_end: a run has come to its end.
check_end() {
  runs=$((runs + 1))
  same "$reference" killed/model.safetensors
  sed 's/, "seconds".*//' "${reference%/*}/metrics.jsonl" >a
  sed 's/, "seconds".*//' killed/metrics.jsonl >b
  same a b
  rm -rf killed
}

# start SECONDS: begins or resumes the run, and kills it after that time, or never.
start() {
  next_threads
  resume=
  if [ -e killed/checkpoint.safetensors ]; then
    resume=--resume
    resumed=$((resumed + 1))
  else
    rm -rf killed # a kill before the first save leaves nothing to go on from
  fi
  ran="lamina train $file $resume with $count threads, killed after $1 s"
  {
    "$program" train run.yaml --run-dir killed $resume --threads "$count" --quiet >out </dev/null &
    child=$!
    [ "$1" = never ] || { sleep "$1" && kill -s KILL "$child"; }
    wait "$child" # until it is gone, and its lock on the folder with it
    status=$?
  } 2>err # where the shell's own word on it goes, too
  case $status in
    0) check_end ;;
    137) killed=$((killed + 1)) ;;
    *) fail "a resumed run was refused" ;;
  esac
}

# half_saved: what a save has begun to write and not put in its place.
half_saved() {
  echo killed/.*.safetensors.*
}

killed=0 resumed=0 runs=0 in_save=0
while [ "$killed" -lt "$kills" ] && [ "$failures" -eq 0 ] && read -r moment; do
  before=$(half_saved)
  start "$moment"
  case $(half_saved) in
    'killed/.*.safetensors.*' | "$before") ;;
    *) in_save=$((in_save + 1)) ;;
  esac
done <moments
[ "$killed" -eq "$kills" ] || fail "only $killed of $kills kills hit a run"
[ ! -d killed ] || start never
[ "$runs" -gt 0 ] || fail "no run came to its end"
echo "$file: $killed kills ($in_save in the middle of a save), $resumed resumes," \
  "$runs runs of $whole s ended with the same bytes; threads $*" >&2
finish
