#!/usr/bin/env bash
# Tries check.sh on small trees: a good one must pass, and each fault must be found.
set -euo pipefail
check="$(cd "$(dirname "$0")" && pwd)/check.sh"
tree="$(mktemp -d)"
trap 'rm -rf "$tree"' EXIT
failed=0

fresh() {
  rm -rf "${tree:?}/src"
  mkdir -p "$tree"/src/{core,io,nn,data,train,metrics,models/clip,models/meru,systems/meru,systems/sam_adapter,cli}
  echo '#include <vector>' >"$tree/src/core/error.h"
  echo '#include "core/error.h"' >"$tree/src/io/tar.h"
  echo '#include "data/loader.h"' >"$tree/src/train/loop.cpp"
  echo '#include "models/clip/clip.h"' >"$tree/src/models/meru/model.h"
  echo '#include "models/meru/model.h"' >"$tree/src/systems/meru/task.cpp"
  echo '#include "systems/meru/task.h"' >"$tree/src/cli/main.cpp"
}

expect() { # WANTED-EXIT NAME [SENTENCE]
  local output code=0
  output="$("$check" "$tree" 2>&1)" || code=$?
  if [[ $code != "$1" || "$output" != *"${3:-}"* ]]; then
    echo "$2: exit code $code, not $1, or not the sentence: $output"
    failed=1
  fi
}

refuse() { # FILE INCLUDE
  fresh
  printf '%s\n' "#include \"$2\"" >>"$tree/src/$1"
  expect 1 "$1 includes $2" "\"$2\""
}

fresh
expect 0 "a good tree"
refuse core/error.h io/tar.h
refuse io/tar.h nn/linear.h
refuse data/loader.h train/loop.h
refuse data/loader.h models/clip/clip.h
refuse train/loop.cpp metrics/retrieval.h
refuse metrics/retrieval.h data/loader.h
refuse models/clip/clip.h models/meru/model.h
refuse models/clip/clip.h systems/meru/task.h
refuse systems/meru/task.cpp systems/sam_adapter/task.h
refuse systems/meru/task.cpp cli/options.h
refuse io/tar.h error.h
fresh
mkdir -p "$tree/src/attic"
echo '#include "core/error.h"' >"$tree/src/attic/old.h"
expect 1 "an unknown room" "src/attic"
fresh
seq 501 >"$tree/src/core/long.cpp"
expect 1 "a file of 501 lines" "501 lines"
exit $failed
