from __future__ import annotations

import os
import stat

import pytest
from counterfoil.attribution.io.atomic import write_text
from counterfoil.attribution.io.writer import ScoreWriter


def test_the_text_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.html"
    write_text(path, "one\r\ntwo 😀")
    assert path.read_bytes() == "one\r\ntwo 😀".encode()
    write_text(path, "three")
    assert path.read_text() == "three"
    assert os.listdir(tmp_path) == ["a.html"]


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    write_text(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.html"]


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.html"]


def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path):
    path, plain = tmp_path / "a.html", tmp_path / "plain"
    write_text(path, "x")
    plain.write_text("x")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    write_text(path, "y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_lone_surrogates_do_not_stop_it(tmp_path):
    write_text(tmp_path / "a", "x\ud800y")
    assert (tmp_path / "a").read_text() == "x?y"


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "no" / "a", "x")


def test_a_result_that_does_not_fit_onto_the_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    writer = ScoreWriter(path, {}, {})
    writer._file.close()
    writer._file = Full()
    with pytest.raises(OSError, match="No space"):
        writer.__exit__()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_result_keeps_the_permissions_of_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(0o600)
    with ScoreWriter(path, {}, {}) as writer:
        writer._finished = True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Full:
    def close(self):
        raise OSError(28, "No space left on device")
