"""A GGUF file, turned once into the safetensors layout of transformers.

transformers reads GGUF by dequantising it on the host, which takes about 15 seconds for 135M parameters; the converted
copy loads in one. The values are those that transformers dequantises to, in float32, so nothing is rounded twice.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return the folder of converted models: `COUNTERFOIL_CACHE`, or in the user's cache folder."""
    chosen = os.environ.get("COUNTERFOIL_CACHE")
    return Path(chosen) if chosen else user_cache_path("counterfoil", appauthor=False)


def converted(gguf: Path, label: str) -> Path:
    """Return the folder with the safetensors copy of a GGUF file, which the first call makes.

    Args:
        gguf: The file.
        label: Names the copy; has to change with the file's contents (a distribution and its version).

    Returns:
        A folder that `from_pretrained` reads.

    Raises:
        ImportError: The readers of the format are not installed.
        OSError: The file cannot be read, or the cache folder cannot be written.
    """
    target = cache_folder() / "models" / f"{label}-{gguf.stat().st_size}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its final place and renamed: two processes may convert at once, and a killed one leaves no half copy.
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _convert(gguf, work)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _convert(gguf: Path, folder: Path) -> None:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    try:
        import accelerate  # noqa: F401, PLC0415
        import gguf as reader  # noqa: F401, PLC0415
    except ImportError as error:
        raise ImportError(
            f'reading {gguf.name} needs gguf and accelerate ({error}): pip install "counterfoil[offline]"'
        ) from error
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    with _bar_on_terminals_only():
        read = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # What was read from GGUF counts as quantised and refuses to be saved, although its weights are plain floats.
    vars(read.config).pop("quantization_config", None)
    plain = AutoModelForCausalLM.from_config(read.config, dtype=torch.float32)
    plain.load_state_dict(read.state_dict())
    plain.generation_config = read.generation_config
    plain.save_pretrained(folder)


@contextmanager
def _bar_on_terminals_only() -> Iterator[None]:
    """Let transformers show its progress in reading GGUF if a person watches, and has not turned progress bars off."""
    from transformers import modeling_gguf_pytorch_utils as reader  # noqa: PLC0415
    from transformers.utils.logging import is_progress_bar_enabled  # noqa: PLC0415

    bar = getattr(reader, "tqdm", None)
    if bar is None:  # another version of transformers, with another bar
        yield
        return
    # `None` is tqdm's own word for "unless this is a terminal".
    reader.__dict__["tqdm"] = partial(bar, disable=None if is_progress_bar_enabled() else True)
    try:
        yield
    finally:
        reader.__dict__["tqdm"] = bar
