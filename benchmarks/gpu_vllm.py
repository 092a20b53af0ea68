"""Pairs in vLLM on a GPU: the engine's self-test, the tokens of pairs under plenty and want, and what pairs cost.

    python benchmarks/gpu_vllm.py --out out/gpu
    python benchmarks/gpu_vllm.py --device cpu --tiny --out out/gpu

One process for each engine, the most wanted first; weights are random. Whatever vLLM chooses on the machine is what
runs: on a GPU Model Runner V2 and asynchronous scheduling, see the record. Writes `gpu_vllm.json` and `gpu_vllm.md`,
prints the tables, and ends with 1 if something is wrong or an engine does not run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

GRAPHS: dict[str, dict[str, Any]] = {
    "none": {"enforce_eager": True},
    "decode": {"compilation_config": {"mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY"}},
    "default": {},
}
"""No CUDA graphs; graphs of whole decoding steps without torch.compile; what vLLM does by itself."""
CHECKS = {"checks": True, "shape": "tiny", "cases": 48, "new": 24, "seconds": 90}
COSTS = {"shape": "1B", "pairs": [8, 32, 128], "prompt": 512, "new": 64, "rounds": 3, "seconds": 120}
RUNS: dict[str, dict[str, Any]] = {
    "tokens, no graphs": {**CHECKS, "graphs": "none"},
    "cost at 1B, graphs": {**COSTS, "graphs": "decode"},
    "tokens, graphs": {**CHECKS, "graphs": "decode"},
    "cost at 1B, no graphs": {**COSTS, "graphs": "none", "pairs": [32]},
    "cost at 8B, graphs": {**COSTS, "shape": "8B", "graphs": "decode", "pairs": [8, 32], "rounds": 2},
    "tokens, compiled": {**CHECKS, "graphs": "default"},
}
TINY: dict[str, dict[str, Any]] = {
    "tiny": {"checks": True, "shape": "tiny", "graphs": "none", "cases": 14, "pairs": [4], "prompt": 24, "new": 40,
             "rounds": 1, "seconds": 500},
}  # fmt: skip
WANTS: dict[str, dict[str, int] | None] = {
    "cold": {},
    "warm prefix cache": None,
    "128 tokens a step": {"budget": 128},
    "few blocks": {"blocks": 30},
}


# In the process of one engine.


def engine_for(run: dict[str, Any], folder: Path) -> Any:
    """Return an engine for a run: with weights in float32 to check tokens, without any in bfloat16 to measure."""
    import torch  # noqa: PLC0415
    from engine_bench import Engine  # noqa: PLC0415
    from random_llamas import SHAPES, SPREAD, llama  # noqa: PLC0415

    on_gpu = torch.cuda.is_available()
    options: dict[str, Any] = {"max_num_seqs": 256, "block_size": 32, **GRAPHS[run["graphs"]]}
    if run.get("checks"):
        llama("tiny", "cpu", torch.float32, SPREAD).save_pretrained(folder)
        options |= {"dtype": "float32", "max_model_len": 512, "max_num_seqs": 128}
        if on_gpu:
            options |= {"gpu_memory_utilization": 0.3, "attention_backend": "TRITON_ATTN"}
        return Engine(str(folder), **options)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 500000.0, "dtype": "bfloat16", "bos_token_id": 1,
        "eos_token_id": 2, **SHAPES[run["shape"]],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    options |= {"load_format": "dummy", "dtype": "bfloat16" if on_gpu else "float32"}
    return Engine(str(folder), max_model_len=run["prompt"] + run["new"] + 16, **options)


def self_test(engine: Any) -> str | None:
    """Return what the server's self-test finds wrong, or `None`."""
    import asyncio  # noqa: PLC0415

    from counterfoil.decoding.vllm.engine_limits import EngineLimits  # noqa: PLC0415
    from counterfoil.decoding.vllm.server.self_test import failure, tolerance  # noqa: PLC0415
    from vllm import SamplingParams  # noqa: PLC0415

    async def asked(prompt: list[int], **sampling: Any) -> Any:
        params = SamplingParams(temperature=0.0, ignore_eos=True, detokenize=False, **sampling)
        found = engine.llm.generate([{"prompt_token_ids": list(prompt)}], params, use_tqdm=False)
        return found[0].outputs[0]

    limits = EngineLimits.of(engine.config)
    return asyncio.run(failure(asked, limits, tolerance(engine.config.model_config.dtype)))


def cases(vocabulary: int, count: int) -> list[tuple[list[int], list[int], dict[str, Any] | None, Any]]:
    """Return prompt, other prompt, keys and rule of each request; every seventh is a plain one."""
    from tests.support import pair_cases  # noqa: PLC0415

    draw = random.Random(0)
    text = [draw.randrange(5, vocabulary - 5) for _ in range(400)]
    found = []
    for i in range(count):
        length = 2 + (i * 37) % 180
        prompt = text[i % 20 : i % 20 + length]
        if i % 7 == 6:
            found.append((prompt, prompt, None, lambda main, _: main))
            continue
        keys, rule = list(pair_cases.RULES.values())[i % len(pair_cases.RULES)]
        if "cf_cut_context" in keys:
            found.append((prompt, prompt[-keys["cf_cut_context"] :], dict(keys), rule))
            continue
        other = [prompt[-max(2, length // 3) :], text[20 : 20 + length], text[: length + 17]][i % 3]
        found.append((prompt, other, {**keys, "cf_contrast_ids": other}, rule))
    return found


class Judge:
    """Is each token the rule's choice? By plain forwards of transformers over everything, in float32."""

    def __init__(self, folder: str) -> None:
        import torch  # noqa: PLC0415
        from transformers import AutoModelForCausalLM  # noqa: PLC0415

        self.torch = torch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device).eval()

    def logits(self, prompt: list[int], new: list[int]) -> Any:
        with self.torch.no_grad():
            ids = self.torch.tensor([prompt + new], device=self.model.device)
            return self.model(ids, use_cache=False).logits[0, len(prompt) - 1 : -1].double().cpu().numpy()

    def wrong(self, case: Any, new: list[int]) -> list[dict[str, Any]]:
        """Return the tokens that are not the rule's, with how far their scores are from the best."""
        prompt, other, keys, rule = case
        found = []
        for step, (main, contrast) in enumerate(zip(self.logits(prompt, new), self.logits(other, new), strict=True)):
            scores = rule(main, contrast)
            short = float(scores.max() - scores[new[step]])
            if short > 1e-4:  # Less is a near tie.
                found.append({"method": (keys or {}).get("cf_method", "plain"), "step": step, "short by": short})
        return found


def identity(engine: Any, run: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return how many requests are right under plenty and want, cold and warm, pairs beside plain ones."""
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    judge, asked = Judge(str(folder)), cases(vocabulary, run["cases"])
    prompts, keys = [case[0] for case in asked], [case[2] for case in asked]
    rows = []
    for name, want in WANTS.items():
        before = engine.core.scheduler.pair_stats["preempted"]
        with engine.scarce(**want) if want is not None else contextlib.nullcontext():
            said = engine.outputs(prompts, keys, run["new"])
        wrong = [judge.wrong(case, new) for case, new in zip(asked, said, strict=True)]
        row = {
            "run": name,
            "requests": len(asked),
            "right": sum(not found and len(new) == run["new"] for found, new in zip(wrong, said, strict=True)),
            "wrong": [found[0] for found in wrong if found],
            "preempted pairs": engine.core.scheduler.pair_stats["preempted"] - before,
            "counted": engine.counted(),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def costs(engine: Any, run: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return N pairs against 2N plain requests, and plain requests with the plug-in and without."""
    from engine_bench import pairs_against_plain, plain_latency  # noqa: PLC0415
    from random_llamas import texts  # noqa: PLC0415

    vocabulary = engine.config.model_config.get_vocab_size()
    until, rows, latency = time.monotonic() + run["seconds"], [], []
    for size in run["pairs"]:
        prompts = (
            texts(size, [run["prompt"]], vocabulary, 2 * size),
            texts(size, [run["prompt"]], vocabulary, 2 * size + 1),
        )
        if time.monotonic() < until:
            rows.append(pairs_against_plain(engine, prompts, run["new"], run["rounds"]))
            print(json.dumps(rows[-1]), flush=True)
        if time.monotonic() < until:
            latency.append(plain_latency(engine, prompts[0], run["new"], run["rounds"]))
            print(json.dumps(latency[-1]), flush=True)
    return {"pairs": rows, "plain": latency}


def done(run: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-") as name:
        folder = Path(name)
        engine = engine_for(run, folder)
        record: dict[str, Any] = {"engine": engine.described()}
        print(json.dumps(record["engine"]), flush=True)
        if run.get("checks"):
            record["self-test"] = self_test(engine) or "passed"
            record["identity"] = identity(engine, run, folder)
        if "pairs" in run:
            record |= costs(engine, run)
        record["counted"] = engine.counted()
    right = all(row["right"] == row["requests"] for row in record.get("identity", ()))
    kept = not record["counted"]["left"] and not record["counted"].get("violations")
    record["good"] = right and kept and record.get("self-test", "passed") == "passed"
    return record


# In the process that was called.


def tables(records: dict[str, dict[str, Any]]) -> str:
    """Return the records in Markdown."""
    lines = ["| engine | V2 | asynchronous | graphs | self-test | run | right requests | preempted pairs |"]
    lines += ["|---|---|---|---|---|---|---:|---:|"]
    for name, record in records.items():
        if "error" in record:
            lines.append(f"| {name} | {record['error'].strip().splitlines()[-1][:200]} |" + " |" * 6)
            continue
        engine = record["engine"]
        head = f"| {name} | {engine['V2']} | {engine['asynchronous']} | {engine['graphs']} "
        for row in record.get("identity", ()):
            cells = f"{row['run']} | {row['right']} of {row['requests']} | {row['preempted pairs']} |"
            lines.append(f"{head}| {record['self-test']} | {cells}")
    lines += ["", "| engine | requests | N pairs, s | 2N plain, s | N plain, s | pairs / 2N plain | extra latency |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for name, record in records.items():
        extra = {row["requests"]: f"{row['extra']:+.1%}" for row in record.get("plain", ())}
        for row in record.get("pairs", ()):
            best = row["best"]
            cells = f"{best['pairs']:.2f} | {best['plain']:.2f} | {best['mains']:.2f} | {row['ratio']:.2f}"
            lines.append(f"| {name} | {row['pairs']} | {cells} | {extra.get(row['pairs'], '')} |")
    return "\n".join(lines)


def in_own_process(name: str, run: dict[str, Any], out: Path) -> dict[str, Any]:
    """Return the record that a run leaves, or its error."""
    record = out / f"gpu_vllm-{name.replace(', ', '-').replace(' ', '-')}.json"
    record.unlink(missing_ok=True)
    command = [sys.executable, "-W", "ignore", __file__, "--run", json.dumps(run), "--record", str(record)]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, timeout=run["seconds"] + 120, check=False)
    return json.loads(record.read_text()) if record.is_file() else {"good": False, "error": "it ended without a record"}


def main() -> None:
    """Run every engine, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="what vLLM must have been built for")
    parser.add_argument("--tiny", action="store_true", help="one small engine, to see that everything runs")
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument("--only", nargs="+", choices=[*RUNS], help="of the engines these")
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        try:
            record = done(arguments.run)
        except BaseException:
            record = {"good": False, "error": traceback.format_exc()[-3000:]}
            print(record["error"], flush=True)
        arguments.record.write_text(json.dumps(record, indent=1))
        os._exit(not record["good"])  # Whatever an engine's threads still wait for.
    arguments.out.mkdir(parents=True, exist_ok=True)
    records: dict[str, dict[str, Any]] = {}
    runs = TINY if arguments.tiny else {name: RUNS[name] for name in arguments.only or RUNS}
    for name, run in runs.items():
        records[name] = in_own_process(name, run, arguments.out)
        device = records[name].get("engine", {}).get("device", arguments.device)
        if (device == "cpu") != (arguments.device == "cpu"):
            records[name] |= {"good": False, "error": f"--device {arguments.device}, but it ran on: {device}"}
        (arguments.out / "gpu_vllm.json").write_text(json.dumps(records, indent=1))
        (arguments.out / "gpu_vllm.md").write_text(tables(records) + "\n")
    print(tables(records), f"in {arguments.out}: gpu_vllm.json, gpu_vllm.md", sep="\n", flush=True)
    sys.exit(not all(record["good"] for record in records.values()))


if __name__ == "__main__":
    main()
