"""What a piece of code asks of a device: its operations, what waits for the device, and the memory that it needs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

COPIES = {"lift_fresh", "_to_copy", "copy_", "pin_memory", "index", "index_put_", "index_put", "_index_put_impl_"}
"""Operations by which values come from the host: indices that are lists are copied by the operations that index. Those
that only change a type are among them."""
WAITS = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique_consecutive"}
"""Operations of which the result, or its size, is wanted on the host."""


class Counted(TorchDispatchMode):
    """Counts the operations under it, and the most bytes that their results hold at a time.

    Attributes:
        calls: How often each operation was called, by its name in ATen; those that make views are none.
        peak: The most bytes that tensors made under it have held at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.peak = 0
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)}
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not func.is_view or name in COPIES:
            self.calls[name] += 1
        for leaf in tree_leaves(result):
            storage = leaf.untyped_storage() if torch.is_tensor(leaf) else None
            if storage is not None and storage._cdata not in before:
                self._made[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._made = {key: made for key, made in self._made.items() if not made[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._made.values()))
        return result

    @property
    def operations(self) -> int:
        """All of them."""
        return self.calls.total()

    def of(self, names: set[str]) -> dict[str, int]:
        """Of these operations those that were called."""
        return {name: count for name, count in self.calls.items() if name in names}
