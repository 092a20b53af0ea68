from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest
from counterfoil.attribution.loaders import documents as documents_module
from counterfoil.attribution.loaders.documents import DocumentError, read_documents, read_markdown, read_text
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

ROOT = Path(__file__).parents[3]


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def ids(reading) -> list[str]:
    return [document.id for document in reading.documents]


def test_a_folder_is_read_with_all_it_contains_in_order(tmp_path):
    write(tmp_path, {"b.txt": "B.", "a/z.md": "Z.", "a/b/c.html": "<p>C.</p>", ".git/x.txt": "no", ".hidden.md": "no"})
    reading = read_documents([tmp_path])
    assert ids(reading) == ["a/b/c.html", "a/z.md", "b.txt"]
    assert [document.text for document in reading.documents] == ["C.", "Z.", "B."]
    assert reading.left_out == []
    assert reading.documents[2].metadata["path"] == str(tmp_path / "b.txt")


def test_the_examples_are_four_formats_with_titles():
    reading = read_documents([ROOT / "examples" / "documents"])
    assert len(reading.documents) == 10
    assert reading.left_out == []
    assert {Path(id_).suffix for id_ in ids(reading)} == {".html", ".md", ".pdf", ".txt"}
    assert all(document.title for document in reading.documents)
    by_id = {document.id: document for document in reading.documents}
    assert "180 metres long and will cost 2.4 million crowns" in by_id["council-minutes.pdf"].text
    assert by_id["museum.html"].title == "Vellisay Museum"


def test_stray_files_of_a_folder_are_reported(tmp_path):
    files = {
        "a.txt": "Text.",
        "b.jpg": b"\xff\xd8",
        "c.txt": b"\x00\x01\x02",
        "d.md": " \n",
        "e.pdf": b"%PDF-1.7 broken",
    }
    reading = read_documents([write(tmp_path, files)])
    assert ids(reading) == ["a.txt"]
    reasons = {Path(left_out.path).name: left_out.reason for left_out in reading.left_out}
    assert "'.jpg' are not read" in reasons["b.jpg"]
    assert "binary" in reasons["c.txt"]
    assert "no text" in reasons["d.md"]
    assert "no readable PDF" in reasons["e.pdf"]
    assert len(reasons) == 4


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("photo.png", b"\x89PNG", "'.png' are not read"),
        ("notes", b"text", "end in 'nothing'"),
        ("a.txt", b"\x7fELF\x00\x01", "binary"),
        ("empty.txt", b"", "no text"),
        ("scan.pdf", None, "text recognition"),
        ("locked.pdf", None, "encrypted"),
    ],
)
def test_a_file_that_was_named_is_an_error(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(pdf(password="secret" if name == "locked.pdf" else None) if content is None else content)
    with pytest.raises(DocumentError, match=words) as error:
        read_documents([path])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def pdf(password: str | None) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    stream = BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_a_missing_path_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(DocumentError, match="no such file or folder"):
        read_documents([tmp_path / "missing"])
    with pytest.raises(DocumentError, match="no document in"):
        read_documents([tmp_path])
    write(tmp_path, {"a.bin": b"\x00"})
    with pytest.raises(DocumentError, match=r"1 file\(s\) left out"):
        read_documents([tmp_path])


def test_a_file_that_the_system_refuses_is_an_error(tmp_path, monkeypatch):
    path = write(tmp_path, {"a.txt": "A."}) / "a.txt"

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DocumentError, match=r"a\.txt': Permission denied\.$"):
        read_documents([path])


def test_one_file_is_read_once_and_names_stay_apart(tmp_path):
    write(tmp_path, {"one/x.md": "One.", "two/x.md": "Two."})
    one = tmp_path / "one"
    assert ids(read_documents([one, one / "x.md", tmp_path / "one" / ".." / "one"])) == ["x.md"]
    both = read_documents([one, tmp_path / "two"])
    assert ids(both) == [str(one / "x.md"), str(tmp_path / "two" / "x.md")]
    assert [document.text for document in both.documents] == ["One.", "Two."]


def test_a_loop_of_links_ends(tmp_path):
    write(tmp_path, {"a.txt": "A."})
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert ids(read_documents([tmp_path])) == ["a.txt"]


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_left_out(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes")
    write(folder, {"a.txt": data, "b.txt": "B."})
    reading = read_documents([folder])
    assert len(reading.documents) + len(reading.left_out) == 2


def test_titles():
    assert read_markdown(b"intro\n\n## The *ferry* ##\n\ntext").title == "The *ferry*"
    assert read_markdown(b"no heading, only #hash").title == ""
    assert read_text(b"The ferry\n\nIt sails.").title == "The ferry"
    assert read_text(b"It sails today.\n\nMore.").title == ""
    assert read_text(b"One line\nand another\n").title == ""
    assert read_markdown(b"# a" + b" #" * 100_000 + b"b").title.startswith("a #")


def test_front_matter_is_no_text():
    found = read_markdown(b'---\ntitle: "Release 3"\ntags: [a]\n---\n# Notes\n\nPriya is the manager.\n')
    assert (found.title, found.text) == ("Release 3", "# Notes\n\nPriya is the manager.\n")
    assert read_markdown(b"---\n\nA rule above.\n").text == "---\n\nA rule above.\n"


def test_only_plain_files_within_the_folder_are_read(tmp_path, monkeypatch):
    folder, secret = tmp_path / "notes", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("A secret.")
    write(folder, {"a.txt": "A.", "real.txt": "Real.", "large.txt": "x" * 50})
    os.mkfifo(folder / "fifo.txt")
    (folder / "zero.txt").symlink_to("/dev/zero")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "secret.txt").symlink_to(secret)
    (folder / "inside.txt").symlink_to("real.txt")
    (folder / "gone.txt").symlink_to("gone")
    monkeypatch.setattr(documents_module, "MAX_BYTES", 40)
    reading = read_documents([folder])
    assert [document.text for document in reading.documents] == ["A.", "Real."]
    reasons = {Path(left_out.path).name: left_out.reason for left_out in reading.left_out}
    assert reasons == {
        "fifo.txt": "it is no plain file",
        "zero.txt": "it is a link that leads out of the folder; name the file itself to have it read",
        "secret.txt": "it is a link that leads out of the folder; name the file itself to have it read",
        "loop.txt": "Too many levels of symbolic links",
        "gone.txt": "No such file or directory",
        "large.txt": "it is larger than 0 MB",
    }
    named = read_documents([folder / "secret.txt"])
    assert named.documents[0].text == "A secret."
    with pytest.raises(DocumentError, match="it is no plain file"):
        read_documents([folder / "fifo.txt"])
    with pytest.raises(DocumentError, match="symbolic links"):
        read_documents([folder / "loop.txt"])


@pytest.mark.parametrize(
    ("source", "text", "title"),
    [
        ("---\n\nText.\n\n---\nMore.", "---\n\nText.\n\n---\nMore.", ""),
        ("---\nText goes here.\n---\nMore.", "---\nText goes here.\n---\nMore.", ""),
        (
            "---\nNote: this is text.\n\nMore of it.\n\n---\nEnd.",
            "---\nNote: this is text.\n\nMore of it.\n\n---\nEnd.",
            "",
        ),
        ("---\ntitle: T\ntags:\n  - a\n- b\n# c\n\nlist: [\n  1\n]\n---\nText.", "Text.", "T"),
        ('+++\ntitle = "T"\n[a]\n+++\nText.', "Text.", "T"),
        ("---\ntitle: >-\n  A long\n  title\nauthor: B\n---\nText.", "Text.", "A long title"),
        ("```\n# no\n```\n# Yes\n", "```\n# no\n```\n# Yes\n", "Yes"),
        ("Title\n=====\n\nText.", "Title\n=====\n\nText.", "Title"),
        ("# [The guide](x) *now* #\nText.", "# [The guide](x) *now* #\nText.", "[The guide](x) *now*"),
    ],
)
def test_front_matter_and_titles_of_markdown(tmp_path, source, text, title):
    path = tmp_path / "a.md"
    path.write_text(source)
    (document,) = read_documents([path]).documents
    assert (document.text, document.title) == (text, title)


def test_an_empty_path_is_not_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("A.")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DocumentError, match="a path is empty"):
        read_documents([""])
