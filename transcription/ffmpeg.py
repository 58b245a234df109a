"""One run of ffmpeg as a child that can be trusted with a stranger's file.

The child has its own session and an empty folder, a small environment, limits on memory and
processor time, and dies with the thread that started it. It never sees a network, an option of
ours from the caller, or a file that we did not name: the lists below say what it may open.
This module knows nothing of sound; `transcription.audio` decides what an outcome means.

Limits are set by a shell that replaces itself with ffmpeg, because the service has many threads:
Python code between fork and exec (`preexec_fn`) may wait for ever for a lock that another thread
held at the fork, and it copies the page tables of a process that may hold a model.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from transcription.errors import DecoderFailed

DEMUXERS = (
    "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,mov,mp4,m4a,3gp,3g2,mj2,mov,mp4,m4a,3gp,3g2,mj2,"
    "matroska,webm,matroska,webm,asf,amr,amrnb,amrwb,avi,ac3,eac3,mpegts,mpeg,flv,wv,tta,ape,"
    "nistsphere,dss"
)
DECODERS = (
    "mp3,mp3float,mp2,mp2float,mp1,mp1float,aac,aac_latm,flac,alac,opus,libopus,vorbis,libvorbis,"
    "ac3,eac3,dca,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_u8,pcm_s8,"
    "pcm_u16le,pcm_u16be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_mulaw,pcm_alaw,pcm_dvd,"
    "pcm_bluray,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,g722,g726,g726le,gsm,gsm_ms,amrnb,amrwb,"
    "libopencore_amrnb,libopencore_amrwb,wmav1,wmav2,wmapro,wmavoice,wavpack,ape,tta,speex,"
    "libspeex,nellymoser,shorten,g723_1,g729,truespeech,dss_sp"
)
MAX_STREAMS = 64
MAX_PIXELS = 40_000_000
GUARDS = (
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", DEMUXERS),
    *("-codec_whitelist", DECODERS),
    *("-max_streams", str(MAX_STREAMS)),
    *("-max_pixels", str(MAX_PIXELS)),
)

SHELL = "/bin/sh"
# A limit that cannot be set is one that is already lower; the arguments are never parsed again.
LAUNCH = (
    '{ ulimit -v "$1" || :; ulimit -t "$2" || :; ulimit -c 0 || :; } 2>/dev/null'
    '; shift 2; exec "$@"'
)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
READ_BYTES = 1 << 18
PIPE_BYTES = 1 << 18  # four times the usual
_STARTED = itertools.count()
KEPT_COMPLAINTS_BYTES = {"error": 1 << 13, "info": 1 << 18}  # by level; tags may be long


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one run may take: address space, processor seconds, seconds that we wait for it.

    `stall_seconds` bounds the wait for the next byte of output, whatever the child complains of
    meanwhile; `wait_seconds` the sum of all waits. Beyond the first `stall_seconds` it must also
    have given `least_bytes_per_second` of waiting: a child that dribbles is no better than one
    that stands still. Time in which nobody reads does not count: a slow reader is not the file's
    fault.
    """

    memory_bytes: int = 1 << 30
    processor_seconds: int = 900
    wait_seconds: float = 1800.0
    stall_seconds: float = 60.0
    least_bytes_per_second: float = 0.0

    def is_spent(self, outcome: Outcome) -> bool:
        """Whether a killed child has used up its processor seconds; else somebody else ended it.

        The system counts whole ticks against the limit and reports afterwards what really ran, on
        busy virtual processors far less: six tenths are enough, and a quarter where as much time
        went by. Nobody gets more ticks than that from one processor, but a child that waited long
        for its reader and is then ended by others may look the same.
        """
        is_late = outcome.seconds >= 0.9 * self.processor_seconds
        share = 0.25 if is_late else 0.6
        return outcome.processor_seconds >= share * self.processor_seconds


LIMITS_OF_A_CHECK = ChildLimits(processor_seconds=30, wait_seconds=60.0, stall_seconds=60.0)


class ChildStuck(Exception):
    """The child gave nothing for too long, too little, or took too long in all."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: exit status (negative: the signal), what it complained about, the processor
    seconds that it took and the seconds that went by meanwhile."""

    status: int
    complaints: str
    processor_seconds: float = 0.0
    seconds: float = 0.0


def check_ffmpeg(ffmpeg: Path | None = None) -> None:
    """Raise `transcription.errors.DecoderFailed` if ffmpeg, the bundled one if None, cannot run."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            program = ffmpeg or bundled_ffmpeg()
            with Child(program, ("-version",), Path(folder), LIMITS_OF_A_CHECK) as child:
                while child.read():
                    pass
                outcome = child.finish()
        except (OSError, RuntimeError, ChildStuck) as error:
            raise DecoderFailed(f"ffmpeg cannot be run: {error}") from error
    if outcome.status != 0:
        complaint = outcome.complaints.strip() or f"it ends with {outcome.status}"
        raise DecoderFailed(f"ffmpeg cannot be run: {complaint}")


def _seconds_of_the_dead() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@functools.cache
def bundled_ffmpeg() -> Path:
    """The ffmpeg that comes with the `imageio-ffmpeg` package."""
    import imageio_ffmpeg

    return Path(imageio_ffmpeg.get_ffmpeg_exe())


@functools.cache
def _dies_with_parent() -> tuple[str, ...]:
    """The command that makes what follows die with us, or nothing where there is none."""
    setpriv = shutil.which("setpriv", path=SYSTEM_PATH)
    if setpriv is None:
        return ()
    prefix = (setpriv, "--pdeathsig", "KILL", "--no-new-privs", "--")
    true = shutil.which("true", path=SYSTEM_PATH) or "true"
    probe = subprocess.run([*prefix, true], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else ()


def _keep_on_one_processor(process: int) -> None:
    """Its threads hand each other every packet; across processors that costs more than it gains."""
    if sys.platform != "linux":
        return
    allowed = sorted(os.sched_getaffinity(0))
    with contextlib.suppress(OSError):  # it has ended, or the system does not let us
        os.sched_setaffinity(process, {allowed[next(_STARTED) % len(allowed)]})


def _widen(pipe: int) -> None:
    """Let it hold more, so that the child and we wake each other up less often."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):  # its user has as many wide pipes as the system allows
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Child:
    """ffmpeg at work; a context manager that leaves no process behind.

    Read and close it in the thread that made it: when that thread ends the child is killed.
    """

    def __init__(
        self,
        ffmpeg: Path,
        arguments: tuple[str, ...],
        folder: Path,
        limits: ChildLimits,
        level: str = "error",
    ) -> None:
        launcher = (
            *(SHELL, "-c", LAUNCH, "sh"),
            *(str(limits.memory_bytes // 1024), str(limits.processor_seconds)),
        )
        command = (str(ffmpeg), "-nostdin", "-nostats", "-hide_banner", "-v", level, *arguments)
        self._limits = limits
        self._kept_bytes = KEPT_COMPLAINTS_BYTES[level]
        self._waited = 0.0
        self._waited_in_vain = 0.0  # since the last byte of output
        self._given_bytes = 0
        self._complaints = bytearray()
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            (*launcher, *_dies_with_parent(), *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C"},
            start_new_session=True,
        )
        _keep_on_one_processor(self._process.pid)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._output = self._process.stdout.fileno()
        self._errors = self._process.stderr.fileno()
        _widen(self._output)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._poll.register(self._errors, select.POLLIN)
        self._complained = select.poll()
        self._complained.register(self._errors, select.POLLIN)
        self._open = {self._output, self._errors}

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def has_complained(self) -> bool:
        return bool(self._complaints)

    def read(self) -> bytes:
        """The next bytes of standard output, b"" at its end; raises `ChildStuck`."""
        while self._open:
            for descriptor in self._ready():
                chunk = os.read(descriptor, READ_BYTES)
                if not chunk:
                    self._poll.unregister(descriptor)
                    self._open.discard(descriptor)
                elif descriptor == self._output:
                    self._given_bytes += len(chunk)
                    self._waited_in_vain = 0.0
                    self._keep_what_came_before()
                    return chunk
                else:
                    self._keep(chunk)
        return b""

    def _keep_what_came_before(self) -> None:
        """A complaint that was written between looking and reading, before the output just read."""
        if self._errors in self._open and self._complained.poll(0):
            self._keep(os.read(self._errors, READ_BYTES))

    def finish(self) -> Outcome:
        """Wait for the end; call it when `read` has given b""."""
        left = self._patience()
        before = _seconds_of_the_dead()
        try:
            status = self._process.wait(max(left, 0.1))
        except subprocess.TimeoutExpired as error:
            raise ChildStuck("the child closed its output and did not end") from error
        busy = _seconds_of_the_dead() - before  # those of others that ended just now with it
        complaints = self._complaints.decode("utf-8", "replace")
        return Outcome(status, complaints, busy, time.monotonic() - self._began)

    def kill(self) -> None:
        """End the child and all it started; harmless when it has ended."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _ready(self) -> list[int]:
        """Descriptors with bytes or an end to read, complaints first: output may follow them."""
        allowed = self._patience()
        began = time.monotonic()
        events = self._poll.poll(max(allowed, 0.0) * 1000)
        waited = time.monotonic() - began
        self._waited += waited
        self._waited_in_vain += waited
        if not events:
            raise ChildStuck(
                f"the child gave {self._given_bytes} bytes, nothing for the last "
                f"{self._waited_in_vain:.0f} s of {self._waited:.0f}"
            )
        return sorted((descriptor for descriptor, _ in events), key=self._output.__eq__)

    def _patience(self) -> float:
        """How long the child may still be waited for."""
        limits = self._limits
        left = min(limits.stall_seconds - self._waited_in_vain, limits.wait_seconds - self._waited)
        if limits.least_bytes_per_second:
            pace = limits.stall_seconds + self._given_bytes / limits.least_bytes_per_second
            left = min(left, pace - self._waited)
        return left

    def _keep(self, chunk: bytes) -> None:
        """Keep the first complaints; a child that talks for ever costs no memory."""
        room = self._kept_bytes - len(self._complaints)
        self._complaints += chunk[: max(room, 0)]
