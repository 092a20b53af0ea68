"""A real Ray with two workers on this machine. Needs the extra `ray`, which `all` leaves out for its size."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections import Counter

import pytest
from counterfoil.attribution import Answer, Judgement, Pair, score_each
from counterfoil.attribution.documents import as_documents
from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache

ray = pytest.importorskip("ray", reason="ray is not installed: pip install counterfoil[ray]")

from counterfoil.attribution.entailment.ray import RETRIES, RayEntailment  # noqa: E402

WORDS = ["red", "blue", "green", "white"]


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def loader(folder):
    """Makes a model that writes down what it was asked; by value, since workers cannot import a test."""

    def load():
        class Noting:
            name, threshold = "noting@1", 0.5

            def judge(self, pairs):
                for pair in pairs:
                    if pair.hypothesis.startswith("die"):
                        once = folder / "died"
                        if pair.hypothesis == "die always" or not once.exists():
                            once.touch()
                            os.kill(os.getpid(), signal.SIGKILL)
                    if pair.hypothesis == "raise":
                        raise ValueError("the model does not like this")
                with (folder / f"{os.getpid()}.txt").open("a") as notes:
                    notes.writelines(json.dumps(pair) + "\n" for pair in pairs)
                return [Judgement(float(pair.hypothesis.split()[-1].strip(".") in pair.premise)) for pair in pairs]

        return Noting()

    return load


def asked(folder):
    lines = (path.read_text().splitlines() for path in folder.glob("*.txt"))
    return Counter(tuple(json.loads(line)) for line in itertools.chain.from_iterable(lines))


def answers():
    return [
        Answer(f"It is {one} [1]. It is {other} [1][2].", as_documents([f"{n} {one}", f"{n} {other}"]))
        for n, (one, other) in enumerate(itertools.permutations(WORDS, 2))
    ]


@pytest.mark.usefixtures("cluster")
def test_two_workers_score_as_one_process_does(tmp_path):
    local = list(score_each(answers(), entailment=loader(tmp_path)()))
    (notes := tmp_path / "ray").mkdir()
    with RayEntailment(loader(notes), workers=2, piece=3) as model:
        assert (model.name, model.threshold) == ("noting@1", 0.5)
        cache = JudgementCache(tmp_path / "cache", model.name)
        spread = list(score_each(answers(), entailment=CachedEntailment(model, cache=cache, batch=model.batch)))
        assert spread == local
        assert len(list(notes.glob("*.txt"))) == 2
        before = asked(notes)
        assert set(before.values()) == {1}
        again = CachedEntailment(model, cache=cache, batch=model.batch)
        assert list(score_each(answers(), entailment=again)) == local
    assert again.progress.judged == 0
    assert asked(notes) == before


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_loses_nothing_and_repeats_nothing(tmp_path):
    pairs = [Pair(f"{n} red", "it is red") for n in range(40)]
    pairs.insert(20, Pair("red", "die once red"))
    with RayEntailment(loader(tmp_path), workers=2, piece=4) as model:
        judged = model.judge(pairs)
    assert [judgement.supported for judgement in judged] == [1.0] * 41
    assert (tmp_path / "died").exists()
    assert asked(tmp_path) == Counter(tuple(pair) for pair in pairs)
    assert len(list(tmp_path.glob("*.txt"))) == 3, "the dead worker, the one that took its place, and the other"


@pytest.mark.usefixtures("cluster")
def test_what_kills_every_worker_is_not_checked_and_the_rest_is(tmp_path):
    pairs = [Pair("red", "it is red"), Pair("red", "die always"), Pair("blue", "it is red"), Pair("red", "so red")]
    with RayEntailment(loader(tmp_path), workers=2, piece=1) as model:
        judged = model.judge(pairs)
    assert [judgement.supported for judgement in judged] == [1.0, None, 0.0, 1.0]
    assert judged[1].failure == f"the worker died {RETRIES + 1} times while it judged this"


@pytest.mark.usefixtures("cluster")
def test_what_the_model_raises_is_raised_as_it_is(tmp_path):
    with (
        RayEntailment(loader(tmp_path), workers=1) as model,
        pytest.raises(ValueError, match="the model does not like this"),
    ):
        model.judge([Pair("red", "raise")])


@pytest.mark.usefixtures("cluster")
def test_a_model_that_cannot_be_loaded_says_why():
    def load():
        raise ImportError("needs an extra")

    with pytest.raises(ImportError, match="needs an extra"):
        RayEntailment(load, workers=1)


@pytest.mark.usefixtures("cluster")
def test_a_model_that_kills_its_worker_is_not_waited_for():
    def load():
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="the workers died while they loaded the model"):
        RayEntailment(load, workers=1)


def test_numbers_are_checked():
    with pytest.raises(ValueError, match="`workers` has to be at least 1, but is 0"):
        RayEntailment(loader(None), workers=0)
