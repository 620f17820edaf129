# Steps with a number, a title and a time, and a log per step.
#
#   . tools/steps.sh
#   steps_total 3
#   step "building quell" build.log cmake --build …
#
# A failing step ends the script with one sentence that names the log.
# shellcheck shell=bash

STEP=0
steps_total() { STEPS=$1; }

now_ms() { date +%s%3N; }

# step TITLE LOG COMMAND…: runs the command with its output in build/logs/LOG.
step() {
  local title=$1 log=$QUELL_LOGS/$2 began status=0
  shift 2
  STEP=$((STEP + 1))
  mkdir -p "$QUELL_LOGS"
  printf '[%d/%d] %s … ' "$STEP" "$STEPS" "$title"
  began=$(now_ms)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ $status != 0 ]; then
    echo "failed"
    say_why "$title failed (exit code $status); see $log"
    exit 1
  fi
  printf '%s s\n' "$(seconds_since "$began")"
}

# open_step TITLE COMMAND…: the same for a command that reports for itself, without a log.
open_step() {
  local title=$1
  shift
  STEP=$((STEP + 1))
  printf '[%d/%d] %s …\n' "$STEP" "$STEPS" "$title"
  "$@" || exit 1
}

seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}
