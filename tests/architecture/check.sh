#!/usr/bin/env bash
# Who may know whom (docs/architecture.md): fails on an include in src/ that goes upwards or sideways between rooms, and on
# source files of more than 500 lines.
#   tests/architecture/check.sh [ROOT]   the tree to check (default: this one)
set -euo pipefail
root="${1:-$(cd "$(dirname "$0")/../.." && pwd)}"
cd "$root"

check_includes() {
  find src \( -name '*.cpp' -o -name '*.h' -o -name '*.inc' \) -print0 | xargs -0 grep -Hno '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' | awk '
    BEGIN {
      base = "core io nn"
      allowed["core"] = "core"
      allowed["io"] = "io core"
      allowed["nn"] = base
      allowed["peft"] = "peft " base
      allowed["metrics"] = "metrics " base
      allowed["index"] = "index " base
      allowed["report"] = "report " base
      allowed["data"] = "data " base
      allowed["train"] = "train data " base
      split("clip meru sam sam_adapter latent_diffusion video_ldm efficientnet", models, " ")
      foundation["meru"] = "models/clip"
      foundation["sam_adapter"] = "models/sam"
      foundation["latent_diffusion"] = "models/clip"
      foundation["video_ldm"] = "models/latent_diffusion models/clip"
      for (i in models) {
        allowed["models/" models[i]] = "models/" models[i] " " foundation[models[i]] " peft " base
        everything = everything " models/" models[i]
      }
      everything = everything " peft train data metrics report index " base
      split("meru sam_adapter video_ldm", systems, " ")
      for (i in systems) {
        allowed["systems/" systems[i]] = "systems/" systems[i] " " everything
        all_systems = all_systems " systems/" systems[i]
      }
      allowed["serve"] = "serve " all_systems " " everything
      allowed["cli"] = "cli serve " all_systems " " everything
    }
    # models/ and systems/ hold rooms; every other folder of src/ is one.
    function room(path,   parts) {
      split(path, parts, "/")
      return parts[1] == "models" || parts[1] == "systems" ? parts[1] "/" parts[2] : parts[1]
    }
    {
      split($0, at, ":")
      file = substr(at[1], 5)
      match($0, /"[^"]*"/)
      target = substr($0, RSTART + 1, RLENGTH - 2)
      from = room(file)
      if (!(from in allowed)) {
        if (!(from in reported)) print "src/" from ": is no room that docs/architecture.md and this test know"
        reported[from] = bad = 1
        next
      }
      if (target !~ /\//) {
        print "src/" file ":" at[2] ": name the room in \"" target "\""
        bad = 1
      } else if (index(" " allowed[from] " ", " " room(target) " ") == 0) {
        print "src/" file ":" at[2] ": " from " may not include \"" target "\"; it may know: " allowed[from]
        bad = 1
      }
    }
    END { exit bad }'
}

check_lengths() {
  local folders=() folder
  for folder in src tests tools fuzz bench; do [[ -d "$folder" ]] && folders+=("$folder"); done
  find "${folders[@]}" \( -name '*.cpp' -o -name '*.h' \) -print0 | xargs -0 wc -l | awk '
    $2 != "total" && $1 > 500 { print $2 ": " $1 " lines; a file is about one thing and has at most 500"; bad = 1 }
    END { exit bad }'
}

status=0
check_includes || status=1
check_lengths || status=1
exit $status
