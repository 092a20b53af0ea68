from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest
from counterfoil.attribution import Answer, Judgement, Pair, score_each
from counterfoil.attribution.documents import as_documents
from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache, Progress
from counterfoil.attribution.scoring.corpus import summarise
from diskcache.core import MODE_BINARY, MODE_PICKLE
from hypothesis import given
from hypothesis import strategies as st


class Lengths:
    name = "lengths@1"
    threshold = 0.5

    def __init__(self, stop_after=None):
        self.asked = []
        self.batches = []
        self.stop_after = stop_after

    def judge(self, pairs):
        if self.stop_after is not None and len(self.asked) + len(pairs) > self.stop_after:
            raise KeyboardInterrupt
        self.asked.extend(pairs)
        self.batches.append(len(pairs))
        return [Judgement(len(p.premise) % 10 / 10, chunk=(0, 1), reason=p.hypothesis) for p in pairs]


PAIRS = st.lists(
    st.builds(Pair, st.text("ab", min_size=1, max_size=8), st.text("cd", min_size=1, max_size=3)), max_size=30
)


@given(PAIRS, st.integers(1, 12))
def test_as_the_model_alone_whatever_the_batch(pairs, batch):
    model = Lengths()
    assert CachedEntailment(model, batch=batch).judge(pairs) == Lengths().judge(pairs)
    assert len(model.asked) == len(set(pairs))
    assert all(size <= batch for size in model.batches)


def test_sorted_by_length():
    model = Lengths()
    CachedEntailment(model).judge([Pair("a", "b"), Pair("aaaa", "b"), Pair("aa", "b")])
    assert [len(pair.premise) for pair in model.asked] == [4, 2, 1]


def test_the_cache_keeps_whole_judgements_by_model(tmp_path):
    pairs = [Pair("aaa", "c"), Pair("a\ud800", "c")]
    first = CachedEntailment(Lengths(), cache=JudgementCache(tmp_path, "lengths@1")).judge(pairs)
    again = Lengths()
    engine = CachedEntailment(again, cache=JudgementCache(tmp_path, "lengths@1"))
    assert engine.judge(pairs) == first
    assert (again.asked, engine.progress) == ([], Progress(asked=2, remembered=2))
    other = Lengths()
    CachedEntailment(other, cache=JudgementCache(tmp_path, "lengths@2")).judge(pairs)
    assert len(other.asked) == 2


def test_premise_and_hypothesis_do_not_run_into_each_other(tmp_path):
    cache = JudgementCache(tmp_path, "m")
    cache.put([(Pair("ab", "c"), Judgement(0.1))])
    assert cache.get(Pair("a", "bc")) is None


def test_failures_are_asked_again(tmp_path):
    class Failing(Lengths):
        def judge(self, pairs):
            return [Judgement(None, failure="down") for _ in pairs]

    pairs = [Pair("a", "c")]
    engine = CachedEntailment(Failing(), cache=JudgementCache(tmp_path, "m"))
    assert engine.judge(pairs)[0].failure == "down"
    assert engine.progress.failed == 1
    assert CachedEntailment(Lengths(), cache=JudgementCache(tmp_path, "m")).judge(pairs)[0].failure is None


def corpus():
    texts = ["Alpha.", "Beta beta.", "Gamma gamma gamma."]
    return [Answer(f"One {n} [1][2]. Two [3]. Three {n % 3} [2].", as_documents(texts)) for n in range(12)]


def test_an_interrupted_run_goes_on_and_scores_the_same(tmp_path):
    whole = summarise(score_each(corpus(), entailment=Lengths(), window=3))
    interrupted = Lengths(stop_after=17)
    engine = CachedEntailment(interrupted, cache=JudgementCache(tmp_path, "lengths@1"), batch=4)
    with pytest.raises(KeyboardInterrupt):
        summarise(score_each(corpus(), entailment=engine, window=3))
    resumed = Lengths()
    cache = JudgementCache(tmp_path, "lengths@1")
    again = CachedEntailment(resumed, cache=cache, batch=4)
    assert summarise(score_each(corpus(), entailment=again, window=3)) == whole
    assert interrupted.asked
    assert not set(interrupted.asked) & set(resumed.asked)
    assert len(resumed.asked) == len(set(resumed.asked))


def test_a_killed_process_leaves_what_it_judged(tmp_path):
    code = f"""
        import os
        from counterfoil.attribution import Judgement, Pair
        from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache

        class Dying:
            name, threshold, left = "m", 0.5, 2
            def judge(self, pairs):
                if not self.left:
                    os._exit(9)
                self.left -= 1
                return [Judgement(0.5) for _ in pairs]

        cache = JudgementCache({str(tmp_path)!r}, "m")
        CachedEntailment(Dying(), cache=cache, batch=2).judge([Pair("a" * n, "c") for n in range(1, 9)])
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=60)
    assert died.returncode == 9
    cache = JudgementCache(tmp_path, "m")
    kept = [n for n in range(1, 9) if cache.get(Pair("a" * n, "c")) is not None]
    assert kept == [5, 6, 7, 8]


def test_progress_is_told():
    seen = []
    CachedEntailment(Lengths(), batch=2, on_progress=seen.append).judge([Pair("a" * n, "c") for n in (1, 2, 3, 1)])
    assert seen == [Progress(3), Progress(3, 2), Progress(3, 3)]


def test_a_batch_holds_something():
    with pytest.raises(ValueError, match="`batch` has to be at least 1"):
        CachedEntailment(Lengths(), batch=0)


class Opened:
    def __reduce__(self):
        return (dict, ([("supported", 1.0)],))


@pytest.mark.parametrize(("mode", "filename"), [(MODE_PICKLE, None), (MODE_PICKLE, "x.val"), (MODE_BINARY, "../x.val")])
def test_the_cache_opens_no_pickle_and_no_file_of_another_folder(tmp_path, mode, filename):
    folder = tmp_path / "cache"
    cache = JudgementCache(folder, "m")
    cache.put([(Pair("a", "c"), Judgement(0.5))])
    cache.close()
    value = pickle.dumps(Opened())
    if filename is not None:
        (folder / filename).write_bytes(value)
    with closing(sqlite3.connect(folder / "cache.db")) as database, database:
        row = (mode, filename, None if filename else value)
        assert database.execute("UPDATE Cache SET mode = ?, filename = ?, value = ?", row).rowcount == 1
    with pytest.raises(ValueError, match="delete its folder"):
        JudgementCache(folder, "m").get(Pair("a", "c"))


def test_a_long_reason_comes_back(tmp_path):
    judgement = Judgement(0.5, reason="".join(map(chr, range(0x4E00, 0x9000))))
    cache = JudgementCache(tmp_path, "m")
    cache.put([(Pair("a", "c"), judgement)])
    assert list(tmp_path.rglob("*.val")), "it is in a file of its own"
    assert cache.get(Pair("a", "c")) == judgement
