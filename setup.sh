#!/bin/sh
# Makes the virtual environment: torch first (the right build for this machine), then the rest as
# constraints.txt pins it.
#   setup.sh PYTHON VENV           what running needs, and the model
#   setup.sh --extra NAMES VENV    more, by the names of pyproject.toml's extras: dev,training
#   setup.sh --lock PYTHON         write constraints.txt anew
set -eu

TORCH=2.13.0

say() { printf '\033[1m» %s\033[0m\n' "$*" >&2; }

# A machine with an NVIDIA card gets the registry's CUDA build. Others get the CPU build where it
# can be had (it is gigabytes smaller): from pip's own sources, or else through uv.
install_torch() {
    pip="$1/bin/python -m pip install --progress-bar on"
    if nvidia-smi -L >/dev/null 2>&1; then
        say "torch $TORCH for CUDA"
        $pip "torch==$TORCH"
        return
    fi
    say "torch $TORCH for the CPU"
    $pip "torch==$TORCH+cpu" 2>/dev/null && return
    $pip -q uv && "$1/bin/uv" pip install --python "$1/bin/python" --torch-backend=cpu \
        "torch==$TORCH" && return
    say "no CPU build within reach: taking the default build, which is larger"
    $pip "torch==$TORCH"
}

check_python() {
    "$1" - <<'PY'
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(f"whisper-longform needs Python 3.11 to 3.14, this is {sys.version.split()[0]}; "
             "name another one with: make PYTHON=python3.12 ...")
PY
}

# What pyproject.toml asks for under the names given (dependencies, or an extra), one a line; of
# openai-whisper what it asks for itself, but for triton: 1 GB of kernels for NVIDIA cards alone,
# which CUDA builds of torch bring and nothing on a processor loads (`pip check` says it is missing).
requirements_of() {
    python=$1
    shift
    "$python" - "$@" <<'PY'
import sys
import tomllib
from importlib import metadata

from pip._vendor.packaging.requirements import Requirement

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
groups = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
for name in sys.argv[1:]:
    for line in groups[name]:
        if not line.startswith("openai-whisper"):
            print(line)
if "dependencies" in sys.argv[1:]:
    for line in metadata.requires("openai-whisper"):
        asked = Requirement(line)
        if asked.name != "triton" and (not asked.marker or asked.marker.evaluate({"extra": ""})):
            print(line)
PY
}

# install PYTHON PIP-OPTIONS NAMES…: openai-whisper by itself first, so that its requirements can be read.
install() {
    python=$1 options=$2
    shift 2
    whisper=$(sed -n 's/^ *"\(openai-whisper==[^"]*\)".*/\1/p' pyproject.toml)
    pip="$python -m pip install --progress-bar on --no-warn-conflicts $options"
    $pip --no-deps "$whisper"
    wanted=$(mktemp)
    requirements_of "$python" "$@" >"$wanted"
    $pip -r "$wanted"
    rm -f "$wanted"
}

if [ "${1:-}" = "--lock" ]; then
    python=$2
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "$python" -m venv "$folder/venv"
    install_torch "$folder/venv"
    install "$folder/venv/bin/python" "" dependencies dev training postgres peers s3 parquet cluster
    {
        echo "# Tested together; made by \`make lock\`. torch is chosen by setup.sh."
        "$folder/venv/bin/python" -m pip freeze --exclude-editable \
            | grep -viE '^(torch|triton|pip|setuptools|wheel|uv)==|^nvidia-' | sort -f
    } > constraints.txt
    say "constraints.txt: $(grep -c == constraints.txt) versions"
    exit 0
fi

if [ "${1:-}" = "--extra" ]; then
    say "more packages: $2"
    install "$3/bin/python" "-c constraints.txt" $(echo "$2" | tr ',' ' ')
    exit 0
fi

python=$1
venv=$2
check_python "$python"
say "setting up $venv (once; a few minutes at most)"
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv "$venv" || {
        say "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv"
        exit 1
    }
fi
"$venv/bin/python" -c "import torch" 2>/dev/null || install_torch "$venv"
say "whisper-longform and what it needs"
install "$venv/bin/python" "-c constraints.txt" dependencies
"$venv/bin/python" -m pip install --no-deps -e .
say "the model ${LONGFORM_MODEL:-base} (once; verified, then kept in ${LONGFORM_MODEL_DIR:-~/.cache/whisper})"
"$venv/bin/python" -m app fetch || {
    say "THE MODEL COULD NOT BE HAD; setting up goes on. Try again: $venv/bin/python -m app fetch"
    [ -n "${LONGFORM_MODEL:-}" ] \
        || say "Until then the synthetic demo model serves, WHICH DOES NOT UNDERSTAND PEOPLE."
}
say "ready"
