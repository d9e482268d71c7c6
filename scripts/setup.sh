# Shared by scripts/run, scripts/check and .ci/run, which source it: finds and installs missing
# packages, configures, builds. It says what it does in a line each on standard error, and keeps
# what the tools say in a log.
#
# Environment, for developers:
#   BUILD_DIR        the build's folder, relative to the checkout (default: build)
#   CC               the compiler, when the build is configured
#   CONFIGURE_FLAGS  arguments of configure, separated by spaces
#
# Exit status: 69 when a package is missing and cannot be installed, 70 when the build fails.
#
# The caller sets root, the checkout's absolute path.

# A make that called us must not hand its options on.
unset MAKEFLAGS MFLAGS MAKELEVEL

case ${BUILD_DIR:-build} in
  /*) build=$BUILD_DIR ;;
  *) build=$root/${BUILD_DIR:-build} ;;
esac
log=$build/scripts.log
jobs=$(nproc 2>/dev/null || echo 1)

say() {
  printf 'lamina: %s\n' "$*" >&2
}

# step WHAT COMMAND...: runs a command quietly; when it fails, shows the end of what it said.
step() {
  say "$1"
  shift
  before=$(wc -c 2>/dev/null <"$log" || echo 0)
  "$@" >>"$log" 2>&1 && return 0
  say "this failed: $*"
  tail -c "+$((before + 1))" "$log" | tail -n 40 >&2
  say "the whole log is $log"
  exit 70
}

# missing_packages WHEN...: those of scripts/packages that are not installed, in one line.
missing_packages() {
  for when; do
    awk -v when="$when" '$1 == when { print $2 }' "$root/scripts/packages"
  done | while read -r package; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      printf '%s ' "$package"
  done
}

# install_packages WHEN...: installs what is missing, as root or by sudo.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian: the list of what must be installed is scripts/packages"
    return 0
  fi
  missing=$(missing_packages "$@")
  missing=${missing% }
  [ -n "$missing" ] || return 0
  command="apt-get install -y --no-install-recommends $missing"
  if [ "$(id -u)" -eq 0 ]; then
    as_root=env
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root='sudo env'
  else
    say "these packages are missing: $missing"
    say "only root can install them: apt-get update && $command"
    exit 69
  fi
  say "installing missing packages: $missing"
  apt_log=$(mktemp) || exit 69
  # A fresh machine has no package lists, and old lists name versions that are gone.
  apt_get $command || { apt_get apt-get update && apt_get $command; } || {
    tail -n 20 "$apt_log" >&2
    say "this failed: $command"
    say "the whole log is $apt_log"
    exit 69
  }
  rm -f "$apt_log"
}

apt_get() {
  $as_root DEBIAN_FRONTEND=noninteractive "$@" </dev/null >>"$apt_log" 2>&1
}

# Two scripts at once wait for each other. Descriptor 9 is the lock; unlock() gives it back.
lock() {
  mkdir -p "$build" && exec 9>"$build/.lock" || exit 70
  flock -n 9 || {
    say "waiting for another script that builds in $build"
    flock 9
  }
}

unlock() {
  exec 9>&-
}

# configure_build: makes $build/Makefile, unless one is there that was made the same way.
configure_build() {
  [ "$(wc -c 2>/dev/null <"$log" || echo 0)" -lt 1000000 ] || rm -f "$log"
  flags="CC=${CC-} ${CONFIGURE_FLAGS-}"
  if [ ! -x "$root/configure" ]; then
    step "preparing configure" in_folder "$root" autoreconf -fi
  fi
  if [ -f "$build/Makefile" ]; then
    # Without a wish of the caller's, a build stays as it was configured.
    [ -n "${CC-}${CONFIGURE_FLAGS-}" ] || return 0
    [ "$flags" != "$(cat "$build/.flags" 2>/dev/null)" ] || return 0
    step "configuring again, with other flags" run_configure
    step "removing what was built with the old ones" make -C "$build" clean
  else
    step "configuring" run_configure
  fi
  printf '%s\n' "$flags" >"$build/.flags"
}

# configure is called by a relative path where possible: it refuses an absolute one with spaces.
run_configure() {
  configure=$root/configure
  [ "$(dirname "$build")" != "$root" ] || configure=../configure
  in_folder "$build" "$configure" -q ${CC:+"CC=$CC"} ${CONFIGURE_FLAGS-}
}

in_folder() {
  (cd "$1" && shift && "$@")
}

# build_program: brings the program and the plugins up to date, silently when they are.
build_program() {
  make -q -C "$build" all >/dev/null 2>&1 ||
    step "building" make -C "$build" -j"$jobs" all
}

# count_tests FILE...: adds up the counts at the head of automake's test-suite.log (or in the
# output of make check) and sets passed, failed and skipped.
count_tests() {
  counts=$(awk '
    FILENAME ~ /test-suite\.log$/ && FNR > 20 { next }
    /^# (PASS|XFAIL): +[0-9]+$/ { passed += $3 }
    /^# (FAIL|XPASS|ERROR): +[0-9]+$/ { failed += $3 }
    /^# SKIP: +[0-9]+$/ { skipped += $3 }
    END { print passed + 0, failed + 0, skipped + 0 }' "$@" 2>/dev/null)
  set -- ${counts:-0 0 0}
  passed=$1 failed=$2 skipped=$3
}
