#!/bin/sh
# Runs every GPU measurement, one after another, each with its own time limit: under 9 minutes.
#   sh tests/benchmarks/gpu/run.sh FOLDER [dry]
# FOLDER gets the results. A step that fails is said at the end and does not stop the others. With
# "dry" all of it runs on the CPU, small: it only shows that the scripts work.
set -u
folder=${1:?usage: run.sh FOLDER [dry]}
mode=${2:-}
root=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$root" || exit 2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
python=${PYTHON:-python3}
export PYTHONPATH="$root:$root/collectors:$root/dashboard${PYTHONPATH:+:$PYTHONPATH}"
work=$(mktemp -d)
export LATPROBE_HOME="$work/home"
failed=""
total=${TOTAL_S:-535} # what has no time left within it is not begun
started=$(date +%s)
log="$folder/log.txt"
: > "$log"

step() { # step NAME SECONDS COMMAND...
  name=$1 limit=$2
  shift 2
  left=$((total - $(date +%s) + started))
  [ "$limit" -le "$left" ] || limit=$left
  if [ "$limit" -lt 40 ]; then
    echo "== $name: no time left" | tee -a "$log"
    failed="$failed $name(time)"
    return
  fi
  echo "== $name" | tee -a "$log"
  began=$(date +%s)
  timeout "$limit" "$@" > "$work/step.log" 2>&1
  code=$?
  tail -n 120 "$work/step.log" | tee -a "$log"
  echo "-- $name: exit $code, $(($(date +%s) - began)) s" | tee -a "$log"
  [ "$code" -eq 0 ] || failed="$failed $name($code)"
}

example() { # the example, recorded, with what latprobe says of it
  home="$work/example"
  "$python" -m latprobe.cli run --home "$home" $kernels -- \
    "$python" examples/vision_llm/app.py $example_options || return 1
  sleep 8 # the agent reads kernel profiles when it has nothing else to do
  "$python" -m latprobe.cli export --home "$home" "$work/out/vision_llm"
  "$python" -m latprobe.cli gpu --home "$home" --json > "$work/out/vision_llm_gpu.json"
  "$python" -m latprobe.cli report --home "$home" --json > "$work/out/vision_llm_report.json"
  COLUMNS=160 "$python" -m latprobe.cli gpu --home "$home"
  COLUMNS=160 "$python" -m latprobe.cli report --home "$home"
}

record_example() {
  example > "$work/example.log" 2>&1 &
  example_pid=$!
  ( sleep 120; kill "$example_pid" 2>/dev/null ) &
  guard_pid=$!
  wait "$example_pid" || failed="$failed example"
  kill "$guard_pid" 2>/dev/null
  echo "== example" | tee -a "$log"
  tail -n 80 "$work/example.log" | tee -a "$log"
}

pack() { # what was recorded so far
  tar -czf "$folder/recorded.tar.gz" -C "$work/out" . || failed="$failed tar"
}

mkdir -p "$work/out"
if [ "$mode" = dry ]; then
  kernels="" example_options="--requests 3 --size tiny --device cpu"
  step attribution 200 "$python" -m tests.benchmarks.gpu.attribution --dry --requests 60 \
    --alone-s 0.5 --out "$folder/attribution.json" --export "$work/out/gpu_pipeline"
  record_example
  step overhead 120 "$python" -m tests.benchmarks.gpu.overhead --out "$folder/overhead.json" \
    --seconds 5 --device cpu
else
  kernels="--kernels 2%" example_options="--requests 220 --device cuda"
  step attribution 380 "$python" -m tests.benchmarks.gpu.attribution \
    --out "$folder/attribution.json" --export "$work/out/gpu_pipeline"
  pack
  record_example
  pack
  step collector 60 "$python" tests/benchmarks/gpu/collector.py --seconds 12 \
    --out "$folder/collector.json"
  step overhead 110 "$python" -m tests.benchmarks.gpu.overhead --out "$folder/overhead.json"
  step kineto_sample 45 "$python" tests/benchmarks/gpu/kineto_sample.py \
    --out "$folder/kineto_h200.json.gz"
fi
pack
rm -rf "$work"
ls -l "$folder" | tee -a "$log"
echo "failed:${failed:- none}" | tee -a "$log"
[ -z "$failed" ]
