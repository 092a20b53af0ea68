"""Run tests against the Python parts of a vLLM that has no build for this machine.

    python -m tools.next_engine tests/decoding/vllm/engine tests/decoding/vllm/worker

The newest vLLM is published for GPUs first, with a torch of its own. Its scheduler, its requests, its samplers and the
loaders of logits processors are Python, and run beside the torch that is here. The wheel (half a gigabyte) is fetched
once, and only its Python files are unpacked, into `build/`, from where they come before the installed vLLM.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = "0.33.0"
TARGET = Path("build") / f"vllm-{VERSION}"


def unpacked(wheel: Path, target: Path) -> None:
    """Unpack the Python files of a wheel of vLLM into a folder to import from, as a build for a CPU."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((".py", ".json", "/METADATA")):
                archive.extract(name, target)
    for metadata in target.glob("*.dist-info/METADATA"):
        # By this vLLM tells which platform it was built for.
        metadata.write_text(re.sub(r"(?m)^(Version: [\d.]+)$", r"\1+cpu", metadata.read_text(), count=1))


def fetched(target: Path) -> Path | None:
    """Return the folder with the Python files of vLLM, fetched if they are not there, or None if they cannot be had."""
    if not (target / "vllm").is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "8", "--timeout", "60"]
        command = [*pip, "--dest", str(target.parent), f"vllm=={VERSION}"]
        if subprocess.run(command, check=False).returncode:
            return None
        wheel = next(target.parent.glob(f"vllm-{VERSION}-*.whl"))
        unpacked(wheel, target)
        wheel.unlink()
    return target


def main() -> None:
    """Run pytest with what the command line names, and end as it ends.

    If vLLM cannot be fetched nothing is run, as `make test` skips the tests of an engine that cannot be installed.
    """
    folder = fetched(TARGET)
    if folder is None:
        print(f"vLLM {VERSION} could not be fetched on this machine: its tests are skipped")
        return
    path = os.pathsep.join(filter(None, [str(folder.resolve()), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode)


if __name__ == "__main__":
    main()
