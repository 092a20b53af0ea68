"""`counterfoil eval pope` and `counterfoil eval chair`, in this process, on the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from counterfoil.cli.app import app
from counterfoil.eval.scenes.testing import draw_exam

RUN = CliRunner()


def invoke(*arguments: str) -> tuple[int, str]:
    result = RUN.invoke(app, ["eval", *arguments])
    return result.exit_code, result.output


def test_drawn_scenes_under_every_method(tmp_path: Path) -> None:
    code, output = invoke(
        "pope", "--pictures", "4", "--json", str(tmp_path / "r.json"), "--samples", str(tmp_path / "s.jsonl")
    )
    assert code == 0, output
    for row in (
        "adversarial: none, greedy",
        "adversarial: temperature (strength 3, plausibility 0.1), sampled",
        "adversarial: transformed, greedy",
        "popular: vcd (strength 1, plausibility 0.1, noise_step 500), greedy",
        "random: ritual (strength 3, plausibility 0.1, normalize False), sampled",
        "random: code (k 0.3), greedy",
        "random: m3id",
    ):
        assert row in output
    recorded = json.loads((tmp_path / "r.json").read_text())
    assert recorded["model"] == "scenes"
    rows = {row["label"]: row["figures"] for row in recorded["methods"]}
    # The paper's gate is shut to a token that is likelier than 0.3, which one of yes and no is.
    none, m3id = (
        next(row for label, row in rows.items() if label.startswith(f"random: {name}") and label.endswith("greedy"))
        for name in ("none", "m3id")
    )
    assert {name: found["value"] for name, found in none.items()}.items() <= {
        name: found["value"] for name, found in m3id.items()
    }.items()
    samples = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert len(samples) == recorded["data"]["n"]


def test_captions_of_drawn_scenes() -> None:
    code, output = invoke("chair", "--pictures", "4", "--method", "none,code", "--sight", "clear")
    assert code == 0, output
    assert "| code (k 0.3) |" in output


def test_a_file_of_questions_with_a_folder_of_pictures(tmp_path: Path) -> None:
    exam = draw_exam("test", "clear", 2)
    rows = []
    for name, scene in exam.scenes.items():
        scene.image.save(tmp_path / f"{name}.png")
    for probe in exam.probes["random"]:
        label = "yes" if probe.there else "no"
        rows.append({"image": f"{probe.picture}.png", "text": probe.text, "label": label})
    questions = tmp_path / "mine.json"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, output = invoke("pope", str(questions), "--images", str(tmp_path), "--method", "none,ritual")
    assert code == 0, output
    assert "mine: ritual (strength 3, plausibility 0.1, normalize False), greedy" in output
    code, output = invoke("pope", str(questions))
    assert code == 2
    assert "--images has to be the folder" in output
    code, output = invoke("pope", str(questions), "--images", str(tmp_path / "cli"))
    assert code == 2
    assert "clear 0.png is not there" in output


def test_answers_and_captions_that_are_there_already(tmp_path: Path) -> None:
    questions, answers = tmp_path / "q.json", tmp_path / "a.jsonl"
    questions.write_text('{"image": "1", "text": "Is there a dog in the image?", "label": "yes"}\n' * 4)
    answers.write_text('{"answer": "Yes."}\n' * 3 + '{"answer": "No."}\n')
    code, output = invoke("pope", str(questions), "--answers", str(answers))
    assert code == 0, output
    assert "| a.jsonl | 0.750" in output
    captions, objects, words = tmp_path / "c.json", tmp_path / "o.json", tmp_path / "v.json"
    captions.write_text('{"image_id": 1, "caption": "A man and two dogs."}')
    objects.write_text('{"1": ["dog"]}')
    words.write_text('{"inverse_synonym_dict": {"man": "person", "dog": "dog"}}')
    arguments = [str(captions), "--objects", str(objects), "--vocabulary", str(words)]
    code, output = invoke("chair", *arguments)
    assert code == 0, output
    assert "| c.json | 1.000 [1.000, 1.000] | 0.500 [0.500, 0.500] | 1.000 [1.000, 1.000] |" in output
    code, output = invoke("chair", str(captions))
    assert code == 2
    assert "--objects and --vocabulary have to be given" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pope", "--method", "none,dola"], "`method` has to be one of none, code, ritual, vcd"),
        (["pope", "--method", "none,vcd", "--k", "0.3"], "`k` has to be a parameter of one of none, vcd"),
        (["pope", "--sight", "dark"], "--sight has to be one of clear, unclear, but is 'dark'"),
        (["pope", "--choose", "--strength", "1"], "--choose has to be left out where settings are given"),
        (["pope", "--answers", "nowhere.jsonl"], "cannot read 'nowhere.jsonl'"),
        (["pope", "--model", "nowhere", "--pictures", "2"], "cannot load model 'nowhere'"),
        (["pope", "--pictures", "2", "--method", "vcd", "--noise-step", "1000"], "`noise_step` has to be at most 999"),
        (["chair", "--json", "/nowhere/x.json"], "cannot write"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    code, output = invoke(*arguments)
    assert code != 0
    assert message in " ".join(output.split())
    assert "Traceback" not in output
