"""Tensor operations recorded and done again: what a CUDA graph does, in Python, on any device.

Fails on whatever cannot be in a graph: questions to the device, shapes that depend on numbers,
tensors that come from the host.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

FORBIDDEN = {
    "_local_scalar_dense": "asks the device",
    "equal": "asks the device",
    "is_nonzero": "asks the device",
    "nonzero": "has a shape that depends on numbers",
    "masked_select": "has a shape that depends on numbers",
    "repeat_interleave": "has a shape that depends on numbers",
    "bincount": "has a shape that depends on numbers",
    "_unique2": "has a shape that depends on numbers",
    "unique_dim": "has a shape that depends on numbers",
    "unique_consecutive": "has a shape that depends on numbers",
    "lift_fresh": "comes from the host",
}
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index_put")


class NotReplayable(AssertionError):
    """An operation that a graph cannot hold."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`fresh`: what it made the first time, whose memory later operations of the tape read."""

    function: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    fresh: list[Tensor]

    def again(self, olds: set[int]) -> None:
        made = self.function(*self.arguments, **self.named)
        for kept, new in zip(self.fresh, _outside(tensors_in(made), olds), strict=True):
            kept.copy_(new)


class OperationRecorder:
    """A `decoding.device.cuda_graphs.Recorder`. Counts what it is asked to do."""

    def __init__(self) -> None:
        self.recordings = 0
        self.replays = 0
        self.forgotten = 0
        self.operations: list[str] = []  # of the last recording

    def record(self, body: Callable[[], None]) -> Callable[[], None]:
        tape = _Tape()
        with tape:
            body()
        tape.undo()
        self.recordings += 1
        self.operations = [str(one.function) for one in tape.operations]

        def replay() -> None:
            self.replays += 1
            tape.replay()

        return replay

    def forget(self) -> None:
        self.forgotten += 1


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._kept = {storage_of(one) for one in living_tensors()}  # from before, and made here
        self._made: set[int] = set()
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        self._device: torch.device | None = None

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        del types
        named = named or {}
        with self:  # what it is made of, if it is made of others
            result = function.decompose(*arguments, **named)
        if result is not NotImplemented:
            return result
        given = tensors_in((arguments, named))
        self._check(function, arguments, given)
        self._save(function, arguments, named)
        result = function(*arguments, **named)
        fresh = _outside(tensors_in(result), {storage_of(one) for one in given})
        self._check_device(function, [*given, *fresh])
        self._made |= {storage_of(one) for one in fresh}
        if fresh or function._schema.is_mutable:  # else it only looks at what is there
            self.operations.append(Operation(function, arguments, named, fresh))
        return result

    def replay(self) -> None:
        for one in self.operations:
            one.again({storage_of(given) for given in tensors_in((one.arguments, one.named))})

    def undo(self) -> None:
        """A recording does nothing: put back what was there before."""
        for storage, before in self._before.values():
            storage.copy_(before)

    def _check(self, function: Any, arguments: tuple[Any, ...], given: list[Tensor]) -> None:
        name = function._schema.name.removeprefix("aten::")
        if name in FORBIDDEN:
            raise NotReplayable(f"{function} {FORBIDDEN[name]}")
        if name in INDEXING and any(one.dtype == torch.bool for one in tensors_in(arguments[1])):
            raise NotReplayable(f"{function} by truth values has a shape that depends on numbers")
        if not {storage_of(one) for one in given} <= self._kept | self._made:
            raise NotReplayable(f"{function} reads what no operation made")

    def _check_device(self, function: Any, tensors: list[Tensor]) -> None:
        for one in tensors:
            self._device = self._device or one.device
            if one.device != self._device:
                raise NotReplayable(f"{function} joins {one.device} and {self._device}")

    def _save(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Remember what is about to be overwritten."""
        for at, declared in enumerate(function._schema.arguments):
            if declared.alias_info is None or not declared.alias_info.is_write:
                continue
            target = arguments[at] if at < len(arguments) else named[declared.name]
            if storage_of(target) not in self._made | self._before.keys():
                storage = target.untyped_storage()
                self._before[storage_of(target)] = storage, storage.clone()


def storage_of(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def tensors_in(nested: Any) -> list[Tensor]:
    return _plain(leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor))


def _outside(tensors: Iterable[Tensor], storages: set[int]) -> list[Tensor]:
    return [one for one in tensors if storage_of(one) not in storages]


def living_tensors() -> list[Tensor]:
    return _plain(one for one in gc.get_objects() if issubclass(type(one), Tensor))


def _plain(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Without weights that a library packed, into which nobody looks."""
    return [one for one in tensors if torch._C._has_storage(one)]
