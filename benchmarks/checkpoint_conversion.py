"""One checkpoint in the forms that different recognisers read, converted on this machine.

    demo.pt (compact) ─▶ full openai checkpoint ─▶ Hugging Face folder ─▶ CTranslate2 folder

Official names are passed through where they have not been fetched to this machine: every recogniser
then fetches its own copy. Weights are renamed and never changed; converted forms are kept in the
user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.peers.types import PeerUnavailable
from transcription import model_sources
from transcription.models import checkpoint_of
from transcription.settings import Settings

if TYPE_CHECKING:
    import torch
    from tiktoken import Encoding

    from decoding.loading.checkpoint import Checkpoint

COMPACT_FORMAT: Final = "whisper-longform-compact-1"
_SIZES = ("tiny", "base", "small", "medium")
OFFICIAL_NAMES: Final[dict[str, str]] = {
    **{name: name for size in _SIZES for name in (size, f"{size}.en")},
    **{name: name for name in ("large-v1", "large-v2", "large-v3", "large-v3-turbo")},
    "large": "large-v3",
    "turbo": "large-v3-turbo",
}
"""openai-whisper's names and what the same weights are called elsewhere."""

MULTILINGUAL_VOCABULARY: Final = 51_865
TOKENS_OF_NO_LANGUAGE: Final = 51_765
_RENAMED: Final = (
    ("encoder.positional_embedding", "encoder.embed_positions.weight"),
    ("decoder.positional_embedding", "decoder.embed_positions.weight"),
    ("token_embedding", "embed_tokens"),
    ("encoder.ln_post.", "encoder.layer_norm."),
    ("decoder.ln.", "decoder.layer_norm."),
    ("blocks", "layers"),
    ("mlp_ln", "final_layer_norm"),
    ("mlp.0", "fc1"),
    ("mlp.2", "fc2"),
    ("cross_attn_ln", "encoder_attn_layer_norm"),
    ("cross_attn", "encoder_attn"),
    ("attn_ln", "self_attn_layer_norm"),
    (".attn.", ".self_attn."),
    (".query.", ".q_proj."),
    (".key.", ".k_proj."),
    (".value.", ".v_proj."),
    (".out.", ".out_proj."),
)


def cache_folder() -> Path:
    """Where converted forms are kept."""
    return Path.home() / ".cache" / "whisper-longform" / "benchmarks"


def fetched(name: str, folder: str | None = None) -> str:
    """Where the official model `name` lies in the model folder, if it was fetched; else `name`."""
    if name not in OFFICIAL_NAMES:
        return name
    root = Path(folder) if folder else Settings().model_dir
    return str(model_sources.find(name, root) or name)


def full_checkpoint(name: str, cache: Path | None = None) -> str | Path:
    """What `whisper.load_model` reads: the name itself, or a checkpoint with all its embeddings.

    Directories (Hugging Face's or CTranslate2's) become such a checkpoint.
    """
    if name in OFFICIAL_NAMES:
        return name
    folder = Path(name)
    if folder.is_dir():
        return _converted(folder, cache, lambda: _content_of(folder))
    source = _existing(name)
    content = _load(source)
    if content.get("format") != COMPACT_FORMAT:
        return source
    state = {"dims": content["dims"], "model_state_dict": expand(content)}
    return _converted(source, cache, lambda: state)


def _converted(source: Path, cache: Path | None, content: Callable[[], dict[str, Any]]) -> Path:
    """A checkpoint with that content, kept for the source as it is now."""
    import torch

    target = _folder(source, cache) / "checkpoint.pt"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}.part")  # several workers may make it
        torch.save(content(), unfinished)
        unfinished.replace(target)
    return target


def _content_of(folder: Path) -> dict[str, Any]:
    checkpoint = _read(folder)
    return {"dims": asdict(checkpoint.dimensions), "model_state_dict": checkpoint.state}


def heads_of(name: str) -> tuple[tuple[int, int], ...] | None:
    """The attention heads that time words, (layer, head), where a checkpoint or folder has them."""
    return _read(Path(checkpoint_of(name))).alignment_heads


def _read(path: Path) -> Checkpoint:
    from decoding.errors import ModelUnreadable
    from decoding.loading.loader import read_checkpoint

    try:
        return read_checkpoint(str(path))
    except ModelUnreadable as error:
        raise PeerUnavailable(str(error)) from error


def hugging_face_folder(name: str, cache: Path | None = None) -> Path:
    """A folder that transformers reads, made from a checkpoint of openai-whisper or of ours."""
    source = _existing(str(full_checkpoint(name, cache)) if Path(name).is_dir() else name)
    target = _folder(source, cache) / "transformers"
    if not (target / "config.json").exists():
        _write_hugging_face(_load(source), target)
    return target


def ctranslate2_folder(name: str, cache: Path | None = None) -> Path:
    """A folder that faster-whisper reads: `name` itself, or converted without quantisation."""
    if (Path(name) / "model.bin").is_file():
        return Path(name)
    source = _existing(name)
    target = _folder(source, cache) / "ctranslate2"
    if not (target / "model.bin").exists():
        from ctranslate2.converters import TransformersConverter

        converter = TransformersConverter(
            str(hugging_face_folder(name, cache)),
            copy_files=["tokenizer.json", "preprocessor_config.json"],
        )
        converter.convert(str(target), force=True)
    return target


def fingerprint(name: str) -> str | None:
    """A digest of the checkpoint, or of what its folder holds; None for names of elsewhere."""
    path = Path(checkpoint_of(name))
    if path.is_dir():
        held = sorted((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in path.iterdir())
        return hashlib.blake2b(repr(held).encode(), digest_size=8).hexdigest()
    if not path.is_file():
        return None
    return _digest(path, path.stat().st_size, path.stat().st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed_ns: int) -> str:
    """Read once for each state of the file: `size` and `changed_ns` are what tells them apart."""
    del size, changed_ns
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=8)).hexdigest()


def _existing(name: str) -> Path:
    path = Path(checkpoint_of(name))
    if not path.is_file():
        raise PeerUnavailable(
            f"{name!r} is neither an official Whisper name nor the path of a checkpoint"
        )
    return path


def _folder(source: Path, cache: Path | None) -> Path:
    return (cache or cache_folder()) / f"{source.stem}-{fingerprint(str(source))}"


def _load(source: Path) -> dict[str, Any]:
    import torch

    content: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=True)
    return content


def expand(content: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """State of the model by openai-whisper's names, with one embedding row for each token."""
    state = dict(content["model_state_dict"])
    if content.get("format") == COMPACT_FORMAT:
        rows = content["token_rows"][content["token_index"].long()]
        state["decoder.token_embedding.weight"] = rows
    return state


def renamed(name: str) -> str:
    """openai-whisper's name of a weight as transformers calls it."""
    for before, after in _RENAMED:
        name = name.replace(before, after)
    return f"model.{name}"


def _write_hugging_face(content: Mapping[str, Any], target: Path) -> None:
    import torch
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

    dims = content["dims"]
    model = WhisperForConditionalGeneration(_config(dims))
    state = {renamed(name): weight.float() for name, weight in expand(content).items()}
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state)
    model.generation_config = _generation_config(dims)
    unfinished = target.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with torch.no_grad():
        model.save_pretrained(unfinished)
    WhisperFeatureExtractor(feature_size=dims["n_mels"]).save_pretrained(unfinished)
    _write_tokenizer(dims["n_vocab"], unfinished)
    unfinished.rename(target)


def _config(dims: Mapping[str, int]) -> Any:
    from transformers import WhisperConfig

    special = encoding_of(dims["n_vocab"])[0]._special_tokens
    return WhisperConfig(
        vocab_size=dims["n_vocab"],
        num_mel_bins=dims["n_mels"],
        d_model=dims["n_audio_state"],
        encoder_layers=dims["n_audio_layer"],
        encoder_attention_heads=dims["n_audio_head"],
        encoder_ffn_dim=4 * dims["n_audio_state"],
        decoder_layers=dims["n_text_layer"],
        decoder_attention_heads=dims["n_text_head"],
        decoder_ffn_dim=4 * dims["n_text_state"],
        max_source_positions=dims["n_audio_ctx"],
        max_target_positions=dims["n_text_ctx"],
        decoder_start_token_id=special["<|startoftranscript|>"],
        bos_token_id=special["<|endoftext|>"],
        eos_token_id=special["<|endoftext|>"],
        pad_token_id=special["<|endoftext|>"],
        is_encoder_decoder=True,
        median_filter_width=7,
    )


def _generation_config(dims: Mapping[str, int]) -> Any:
    from transformers import GenerationConfig
    from whisper.tokenizer import get_tokenizer

    encoding, is_multilingual = encoding_of(dims["n_vocab"])
    special = encoding._special_tokens
    languages = max(dims["n_vocab"] - TOKENS_OF_NO_LANGUAGE - int(is_multilingual), 0)
    with open_files_unreported():
        tokenizer = get_tokenizer(is_multilingual, num_languages=languages)
    settings: dict[str, Any] = {
        "decoder_start_token_id": special["<|startoftranscript|>"],
        "eos_token_id": special["<|endoftext|>"],
        "pad_token_id": special["<|endoftext|>"],
        "bos_token_id": special["<|endoftext|>"],
        "prev_sot_token_id": special["<|startofprev|>"],
        "no_timestamps_token_id": special["<|notimestamps|>"],
        "max_initial_timestamp_index": 50,
        "max_length": dims["n_text_ctx"],
        "return_timestamps": False,
        "is_multilingual": is_multilingual,
        "begin_suppress_tokens": [*encoding.encode(" "), special["<|endoftext|>"]],
        "suppress_tokens": sorted(
            {
                *tokenizer.non_speech_tokens,
                *(special[f"<|{name}|>"] for name in _NEVER_SPOKEN),
            }
        ),
        "alignment_heads": [
            [layer, head]
            for layer in range(dims["n_text_layer"] // 2, dims["n_text_layer"])
            for head in range(dims["n_text_head"])
        ],
    }
    if is_multilingual:
        settings["task_to_id"] = {
            task: special[f"<|{task}|>"] for task in ("transcribe", "translate")
        }
        settings["lang_to_id"] = {
            f"<|{code}|>": token
            for code, token in zip(
                tokenizer.all_language_codes, tokenizer.all_language_tokens, strict=True
            )
        }
    return GenerationConfig(**settings)


_NEVER_SPOKEN: Final = (
    "transcribe",
    "translate",
    "startoftranscript",
    "startofprev",
    "startoflm",
    "nospeech",
)


def encoding_of(vocabulary: int) -> tuple[Encoding, bool]:
    """openai-whisper's vocabulary of that size, and whether it is multilingual."""

    from whisper.tokenizer import get_encoding

    is_multilingual = vocabulary >= MULTILINGUAL_VOCABULARY
    languages = vocabulary - TOKENS_OF_NO_LANGUAGE - int(is_multilingual)
    name = "multilingual" if is_multilingual else "gpt2"
    with open_files_unreported():
        encoding: Encoding = get_encoding(name=name, num_languages=languages)
    return encoding, is_multilingual


@contextmanager
def open_files_unreported() -> Iterator[None]:
    """openai-whisper leaves its vocabulary file open; nothing here can close it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def _write_tokenizer(vocabulary: int, folder: Path) -> None:
    """tokenizer.json with the same numbers as openai-whisper's vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    encoding, _ = encoding_of(vocabulary)
    letters = byte_letters()
    ranks = encoding._mergeable_ranks
    spelled = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges = [(spelled[left], spelled[right]) for left, right in merge_rules(ranks)]
    tokenizer = Tokenizer(
        models.BPE(vocab={spelled[token]: rank for token, rank in ranks.items()}, merges=merges)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = sorted(encoding._special_tokens, key=lambda name: encoding._special_tokens[name])
    words = [name for name in names if not _is_timestamp(name)]
    times = [name for name in names if _is_timestamp(name)]
    # elsewhere one of these tokens has its older name
    older = {"<|nospeech|>": "<|nocaptions|>"}
    tokenizer.add_special_tokens(
        [AddedToken(older.get(name, name), special=True, normalized=False) for name in words]
    )
    tokenizer.add_tokens([AddedToken(name, special=False, normalized=False) for name in times])
    tokenizer.save(str(folder / "tokenizer.json"))
    end = "<|endoftext|>"
    settings = {
        "tokenizer_class": "WhisperTokenizer",
        **{f"{role}_token": end for role in ("bos", "eos", "unk", "pad")},
        "model_max_length": 1024,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _is_timestamp(name: str) -> bool:
    return name[2:-2].replace(".", "").isdigit()


def byte_letters() -> list[str]:
    """The letter that stands for each byte in GPT-2's vocabulary: printable ones for themselves."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256))
    return [chr(byte) if byte in printable else chr(256 + next(others)) for byte in range(256)]


def merge_rules(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """The two halves from which each token of several bytes is merged, lowest rank first."""
    for token, rank in sorted(ranks.items(), key=lambda entry: entry[1]):
        if len(token) > 1:
            left, right = _parts_below(token, ranks, rank)
            yield left, right


def _parts_below(token: bytes, ranks: Mapping[bytes, int], limit: int) -> Sequence[bytes]:
    """`token` merged as far as rules below `limit` go: two parts, if it is in the vocabulary."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        candidates = [(ranks.get(parts[i] + parts[i + 1], limit), i) for i in range(len(parts) - 1)]
        rank, i = min(candidates)
        if rank >= limit:
            break
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts
