from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading

import pytest
from counterfoil.attribution.io.atomic import check_outputs, write_text
from counterfoil.attribution.io.files import ScoreWriter
from counterfoil.attribution.io.schema import corpus_output
from counterfoil.attribution.scoring.corpus import CorpusReport


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


def finished(path):
    with ScoreWriter(path, {}, {}) as writer:
        writer.finish(corpus_output(CorpusReport("strict", "m", 0.5, (), (), {}), {}, 0), None)


def test_a_result_that_does_not_fit_onto_the_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        finished(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_result_that_is_not_finished_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with ScoreWriter(path, {}, {}):
        pass
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_result_keeps_the_permissions_of_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(0o600)
    finished(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["answers"] == []


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path):
    folder = tmp_path / "real"
    folder.mkdir()
    target, link = folder / "a.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(folder / "b.json")
    write_text(dangling, "new")
    assert (folder / "b.json").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["dangling", "link.json", "real"]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "through")
    reader.join(10)
    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("to_file", [False, True])
def test_standard_output_is_written_to_in_its_order(tmp_path, name, to_file):
    path = name
    if name == "link":
        path = tmp_path / "link"
        path.symlink_to("/proc/self/fd/1")
    code = f"""
from counterfoil.attribution.io.atomic import write_text
print("before", flush=True)
write_text({str(path)!r}, "within\\n")
print("after", flush=True)
"""
    with (tmp_path / "out").open("w") as out:
        stdout = out if to_file else subprocess.PIPE
        run = subprocess.run([sys.executable, "-c", code], stdout=stdout, text=True, check=True)
    written = (tmp_path / "out").read_text() if to_file else run.stdout
    assert written.split() == ["before", "within", "after"]


def test_a_device_is_written_to():
    write_text("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_no_output_is_an_input_or_another_output(tmp_path):
    path, link, other = tmp_path / "b.jsonl", tmp_path / "link", tmp_path / "other"
    path.write_text("{}")
    link.symlink_to(path)
    check_outputs([other, None, tmp_path / "c"], [path])
    check_outputs(["/dev/stdout", "/dev/null", "/dev/null"], ["/dev/stdin"])
    for outputs, why in (([path], "is an input"), ([link], "is an input"), ([other, other], "is written already")):
        with pytest.raises(ValueError, match=why):
            check_outputs(outputs, [path])
