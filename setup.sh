#!/bin/sh
# Makes the virtual environment: torch first (the right build for this machine), then the rest as
# constraints.txt pins it. `setup.sh --lock PYTHON` writes constraints.txt anew.
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

if [ "${1:-}" = "--lock" ]; then
    python=$2
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "$python" -m venv "$folder/venv"
    install_torch "$folder/venv"
    "$folder/venv/bin/python" -m pip install -e ".[dev,training,postgres,peers]"
    {
        echo "# Tested together; made by \`make lock\`. torch is chosen by setup.sh."
        "$folder/venv/bin/python" -m pip freeze --exclude-editable \
            | grep -viE '^(torch|triton|pip|setuptools|wheel|uv)==|^nvidia-' | sort -f
    } > constraints.txt
    say "constraints.txt: $(grep -c == constraints.txt) versions"
    exit 0
fi

python=$1
venv=$2
check_python "$python"
say "setting up $venv (once; a few minutes at most)"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -c "import torch" 2>/dev/null || install_torch "$venv"
say "whisper-longform and what it needs"
"$venv/bin/python" -m pip install --progress-bar on -c constraints.txt -e ".[dev,training]"
say "ready"
