"""POPE and CHAIR as tasks of `counterfoil eval run`, in this process, on the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from counterfoil.cli.app import app
from counterfoil.eval.scenes.exam import draw_exam


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["eval", "run", *arguments])
    return result.exit_code, result.output


def test_drawn_scenes_under_every_method(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("r.json", "s.jsonl", "p.png")}
    given = ["--limit", "4", "--json", files["r.json"], "--samples", files["s.jsonl"], "--plot", files["p.png"]]
    code, output = invoke("pope", *given)
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
    (recorded,) = json.loads((tmp_path / "r.json").read_text())["results"]
    assert recorded["model"] == "scenes"
    rows = {row["label"]: row["figures"] for row in recorded["rows"]}
    # The paper's gate is shut to a token that is likelier than 0.3, which one of yes and no is.
    none, m3id = (
        next(row for label, row in rows.items() if label.startswith(f"random: {name}") and label.endswith("greedy"))
        for name in ("none", "m3id")
    )
    assert {name: found["value"] for name, found in none.items()}.items() <= {
        name: found["value"] for name, found in m3id.items()
    }.items()
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == len(lines)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    again, same = invoke("pope", *given)
    assert (again, same) == (0, output)
    assert (tmp_path / "s.jsonl").read_text().splitlines() == lines, "nothing is asked twice"


def test_captions_of_drawn_scenes() -> None:
    code, output = invoke("chair", "--limit", "4", "--method", "none,code", "--sight", "clear", "--new-tokens", "24")
    assert code == 0, output
    assert "| code (k 0.3) |" in output
    assert "CHAIR_i: difference" in output


def test_settings_may_be_chosen_on_other_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.eval.tasks.pope.IMAGES", 2)
    code, output = invoke("pope", "--limit", "2", "--method", "none,vcd", "--choose")
    assert code == 0, output
    assert "random: vcd (strength" in output


def test_a_file_of_questions_with_a_folder_of_images(tmp_path: Path) -> None:
    exam = draw_exam("test", "clear", 2)
    for name, scene in exam.scenes.items():
        scene.image.save(tmp_path / f"{name}.png")
    rows = [
        {"image": f"{one.image}.png", "text": one.text, "label": "yes" if one.there else "no"}
        for one in exam.splits["random"]
    ]
    questions = tmp_path / "mine.json"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, output = invoke("pope", "--data", str(questions), "--images", str(tmp_path), "--method", "none,ritual")
    assert code == 0, output
    assert "mine: ritual (strength 3, plausibility 0.1, normalize False), greedy" in output
    code, output = invoke("pope", "--data", str(questions))
    assert code == 2
    assert "--images has to be the folder" in output
    (tmp_path / "empty").mkdir()
    code, output = invoke("pope", "--data", str(questions), "--images", str(tmp_path / "empty"))
    assert code == 2
    assert "clear 0.png is not there" in output


def test_answers_and_captions_that_are_there_already(tmp_path: Path) -> None:
    questions, answers, samples = tmp_path / "q.json", tmp_path / "a.jsonl", tmp_path / "s.jsonl"
    questions.write_text('{"image": "1", "text": "Is there a dog in the image?", "label": "yes"}\n' * 4)
    answers.write_text('{"answer": "Yes."}\n' * 3 + '{"answer": "No."}\n')
    code, output = invoke("pope", "--data", str(questions), "--answers", str(answers), "--samples", str(samples))
    assert code == 0, output
    assert "| a.jsonl | 0.750" in output
    assert [json.loads(line)["score"]["greedy"] for line in samples.read_text().splitlines()] == [1, 1, 1, 0]
    captions, objects, words = tmp_path / "c.json", tmp_path / "o.json", tmp_path / "v.json"
    captions.write_text('{"image_id": 1, "caption": "A man and two dogs."}')
    objects.write_text('{"1": ["dog"]}')
    words.write_text('{"inverse_synonym_dict": {"man": "person", "dog": "dog"}}')
    arguments = ["--answers", str(captions), "--objects", str(objects), "--vocabulary", str(words)]
    code, output = invoke("chair", *arguments)
    assert code == 0, output
    assert "| c.json | 1.000 | 0.500 | 1.000 |" in output
    code, output = invoke("chair", "--answers", str(captions))
    assert code == 2
    assert "--objects and --vocabulary have to be given" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pope", "--method", "none,dola"], "has to be one of none, code, ritual, vcd"),
        (["pope", "--method", "none,vcd", "--k", "0.3"], "has to be a parameter of one of none, vcd"),
        (["pope", "--sight", "dark"], "'dark' is not one of 'unclear', 'clear'"),
        (["pope", "--choose", "--strength", "1", "--limit", "2"], "--choose has to be left out if settings are given"),
        (["pope", "--answers", "nowhere.jsonl"], "'nowhere.jsonl' does not exist"),
        (["pope", "--images", "."], "--data has to be the questions that --answers or --images belong to"),
        (["pope", "--limit", "0"], "has to be at least 2 for drawn images"),
        (["pope", "--model", "nowhere", "--limit", "2"], "cannot load model 'nowhere'"),
        (["pope", "--limit", "2", "--method", "vcd", "--noise-step", "1000"], "has to be at most 999"),
        (["chair", "--json", "/nowhere/x.json"], "cannot write"),
        (["chair", "--data", "README.md"], "leave --data out"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    code, output = invoke(*arguments)
    assert code != 0
    assert message in " ".join(output.split())
    assert "Traceback" not in output
