"""lm-evaluation-harness through the adapter, on tasks with local data, plainly and by contrast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import Decoder
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.engines.teacher_forcing import option_log_probabilities
from counterfoil.eval.requests import Choice, Generation
from counterfoil.models import LanguageModel

from tests.support.tiny_language import tiny_language, with_beginning

lm_eval = pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")

from counterfoil.eval.harness import CounterfoilLM  # noqa: E402

ROWS = [
    {"context": f"w{n} w{n + 1}", "question": f"w4 w{n + 2}", "options": [f"w{n + 3}", f"w{n + 4} w5"], "answer": n % 2}
    for n in range(10, 22)
]
PROMPT = "{{context}} w4 {{question}}"
METHODS = [("none", {}), ("cad", {"strength": 3.0}), ("dola", {"layers": 1}), ("cid", {"strength": 4.0})]

CHOICE = f"""
task: tiny_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: FILE}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{PROMPT}"
doc_to_choice: "{{{{options}}}}"
doc_to_target: answer
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""
WRITING = f"""
task: tiny_writing
dataset_path: json
dataset_kwargs: {{data_files: {{test: FILE}}}}
test_split: test
output_type: generate_until
doc_to_text: "{PROMPT}"
doc_to_target: "{{{{options[0]}}}}"
generation_kwargs: {{until: ["w9"], max_gen_toks: 6, do_sample: false, temperature: 0.0}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def model(method: str, parameters: dict, language: LanguageModel | None = None) -> CounterfoilLM:
    language = language or tiny_language()
    return CounterfoilLM(language, method=method, contrast_from="w4", batch_size=5, **parameters)


@pytest.fixture
def tasks(tmp_path: Path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for name, text in (("choice", CHOICE), ("writing", WRITING)):
        (tmp_path / f"{name}.yaml").write_text(text.replace("FILE", str(file)))
    from lm_eval.tasks import TaskManager  # noqa: PLC0415

    return TaskManager(include_path=str(tmp_path), include_defaults=False)


def evaluated(found: CounterfoilLM, task: str, tasks) -> list[dict]:
    results = lm_eval.simple_evaluate(found, tasks=[task], task_manager=tasks, log_samples=True, bootstrap_iters=0)
    return sorted(results["samples"][task], key=lambda sample: sample["doc_id"])


@pytest.mark.parametrize(("method", "parameters"), METHODS, ids=[name for name, _ in METHODS])
def test_choices_are_scored_with_the_methods_own_distribution(method: str, parameters: dict, tasks) -> None:
    samples = evaluated(model(method, parameters), "tiny_choice", tasks)
    choices = [
        Choice(
            f"{row['context']} w4 {row['question']}",
            tuple(f" {option}" for option in row["options"]),
            # From the last w4 on: the question begins with one itself.
            contrast=row["question"],
        )
        for row in ROWS
    ]
    (expected,) = option_log_probabilities([Decoder(Decoding(method, parameters), tiny_language())], choices)
    for sample, values, row in zip(samples, expected, ROWS, strict=True):
        found = [response[0][0] for response in sample["resps"]]
        assert found == pytest.approx(values, abs=1e-4)
        # Of equally likely options (a mask may exclude all) the harness takes the first.
        assert sample["acc"] == float(values.index(max(values)) == row["answer"])


@pytest.mark.parametrize(
    ("method", "parameters"),
    [*METHODS, ("contrastive_search", {"penalty_alpha": 0.6, "top_k": 4})],
    ids=[name for name, _ in METHODS] + ["contrastive_search"],
)
def test_texts_are_decoded_by_the_method(method: str, parameters: dict, tasks) -> None:
    samples = evaluated(model(method, parameters), "tiny_writing", tasks)
    requests = [
        Generation(f"{row['context']} w4 {row['question']}", 6, contrast=row["question"], stop=("w9",)) for row in ROWS
    ]
    (expected,) = LocalEngine(tiny_language()).answer([Decoding(method, parameters)], requests)
    assert [sample["resps"][0][0] for sample in samples] == expected


def test_the_methods_differ_on_these_data(tasks) -> None:
    written = {
        tuple(sample["resps"][0][0] for sample in evaluated(model(method, parameters), "tiny_writing", tasks))
        for method, parameters in METHODS
    }
    assert len(written) == len(METHODS)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_long_contexts_are_cut_on_the_left_and_whole_texts_have_a_perplexity(family: str) -> None:
    """A text of one token more than the context is read whole: its last token has to be foretold only."""
    language = tiny_language(family)
    plain = model("none", {}, language)
    most = plain.max_length
    context, rest = [5 + n % 50 for n in range(most + 10)], [7, 8]
    ((found, _),) = plain._loglikelihood_tokens([(("", ""), context, rest)])
    ids = torch.tensor([(context + rest)[-most - 1 :]])
    scores = language.model(ids[:, :-1]).logits[0].log_softmax(-1)
    assert found == pytest.approx(float(scores[-2, 7] + scores[-1, 8]), abs=1e-4)
    with pytest.raises(ValueError, match="has to read one prompt for perplexity"):
        model("cad", {})._loglikelihood_tokens([(None, [1], rest)])


def test_white_space_at_the_end_of_a_prompt_stands_in_either_view_once() -> None:
    """The harness moves it to the option, which both views read: a line feed behind "Answer:", or a chat template's."""

    class Spaced(CounterfoilLM):
        def tok_batch_encode(self, strings, **options):
            seen.extend(strings)
            return super().tok_batch_encode(strings, **options)

    seen: list[str] = []
    found = Spaced(tiny_language(), method="cad", contrast_from="w4")
    found._loglikelihood_tokens([(("w9 w4 w5\n", "w7"), [9, 4, 5], [7])])
    assert seen == ["w4 w5"]


def test_either_view_begins_as_the_harness_begins_a_prompt() -> None:
    begun = with_beginning(tiny_language())
    for options, ids in (({}, [1, 4, 5]), ({"add_bos_token": False}, [4, 5])):
        found = CounterfoilLM(begun, method="cad", contrast_from="w4", **options)
        assert found.tok_encode("w4 w5") == ids
        assert found._contrasts(["w9 w4 w5"])["input_ids"].tolist() == [ids]
    whole = CounterfoilLM(begun, method="cad", contrast=lambda prompt: prompt)
    assert whole._contrasts(["<s> w4 w5"])["input_ids"].tolist() == [[1, 4, 5]], "not begun twice"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "cad"}, "`contrast_from` has to be given for cad"),
        ({"method": "greedy"}, "`method` has to be one of none, cad"),
        ({"method": "contrastive_decoding"}, "`amateur` has to be given"),
    ],
)
def test_what_cannot_be_served_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CounterfoilLM(tiny_language(), **arguments)


def test_a_prompt_without_the_marker_is_named(tasks) -> None:
    found = CounterfoilLM(tiny_language(), method="cad", contrast_from="Question:")
    with pytest.raises(ValueError, match="'Question:' does not in"):
        evaluated(found, "tiny_writing", tasks)


def test_the_gpu_that_the_harness_names_by_default_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    language = tiny_language()
    language.model.save_pretrained(tmp_path)
    language.tokenizer.save_pretrained(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert CounterfoilLM(str(tmp_path), device="cuda:0").device.type == "cpu"
