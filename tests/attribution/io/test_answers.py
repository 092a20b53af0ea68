from __future__ import annotations

import gzip
import json
import os
import threading

import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.io.answers import read

RAGAS = {"user_input": "Why?", "response": "It rained [1].", "retrieved_contexts": ["Rain fell."]}
ALCE = {"question": "Why?", "output": "It rained [1].", "docs": [{"title": "Rain", "text": "Rain fell."}]}


def written(tmp_path, content, name="answers.jsonl"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read(path))


def test_ragas_lines(tmp_path):
    contexts = ["Rain.", {"id": 7, "title": "T", "text": "Snow."}, {"text": "Hail."}]
    lines = [RAGAS, {**RAGAS, "retrieved_contexts": contexts, "user_input": None, "id": "q2"}]
    first, second = written(tmp_path, "\n\n".join(json.dumps(line) for line in lines))
    assert (first.number, first.answer.text, first.answer.question) == (1, "It rained [1].", "Why?")
    assert (second.number, second.answer.question, second.answer.id) == (3, None, "q2")
    assert second.answer.documents == [Document("1", "Rain."), Document("7", "Snow.", "T"), Document("3", "Hail.")]


def test_passages_of_one_document_get_names_of_their_own(tmp_path):
    passages = [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]
    (record,) = written(tmp_path, json.dumps({**RAGAS, "retrieved_contexts": passages}))
    assert [document.id for document in record.answer.documents] == ["a#1", "a#2"]


def test_names_made_for_passages_are_nobody_elses(tmp_path):
    passages = [{"id": id_, "text": "x"} for id_ in ("a", "a", "a#2", None)]
    (record,) = written(tmp_path, json.dumps({**RAGAS, "retrieved_contexts": passages, "id": None, "sample_id": 3}))
    assert [document.id for document in record.answer.documents] == ["a#1", "a#2#", "a#2", "4"]
    assert record.answer.id == "3"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["result.json", "result.score", "result"])
def test_alce_files(tmp_path, indent, name):
    extracted = {**ALCE, "docs": [{"title": "Rain", "text": "Rain fell. Much.", "sent": "Much."}]}
    content = json.dumps({"args": {"model": "m"}, "data": [ALCE, extracted]}, indent=indent)
    first, second = written(tmp_path, content, name)
    assert first.answer.documents == [Document("1", "Rain fell.", "Rain")]
    assert second.answer.documents == [Document("1", "Much.", "Rain")]
    assert (second.number, second.answer.question) == (2, "Why?")


def test_alce_items_as_a_list_and_as_lines(tmp_path):
    assert len(written(tmp_path, json.dumps([ALCE, ALCE]), "a.json")) == 2
    assert [r.answer.text for r in written(tmp_path, f"{json.dumps(ALCE)}\n{json.dumps(ALCE)}\n")] == [
        "It rained [1]."
    ] * 2


@pytest.mark.parametrize(
    "record",
    [
        {"question": "Why?", "answer": "It rained [1].", "contexts": ["Rain fell."], "ground_truth": "Rain."},
        {"input": "Why?", "answer": "It rained [1].", "context": [{"page_content": "Rain fell.", "metadata": {}}]},
        {"query": "Why?", "result": "It rained [1].", "source_documents": [{"page_content": "Rain fell."}]},
    ],
)
def test_records_of_other_programs(tmp_path, record):
    (found,) = written(tmp_path, json.dumps(record))
    assert (found.answer.question, found.answer.text) == ("Why?", "It rained [1].")
    assert found.answer.documents == [Document("1", "Rain fell.")]


@pytest.mark.parametrize(
    ("passage", "id_"),
    [
        ({"page_content": "Rain.", "metadata": {"source": "a.txt"}, "type": "Document"}, "1"),
        ({"lc": 1, "id": ["langchain", "Document"], "kwargs": {"page_content": "Rain.", "metadata": {}}}, "1"),
        ({"node": {"text": "Rain.", "id_": "n1"}, "score": 0.5}, "n1"),
        ({"content": "Rain.", "id": "n1", "meta": {}}, "n1"),
        ({"contents": "Rain.", "docid": 5}, "5"),
        ({"snippet": "Rain.", "url": "https://e.org"}, "1"),
        ({"text": "Rain.", "sent": None}, "1"),
        ({"document": {"id": "d", "text": "Rain."}, "score": 1}, "d"),
    ],
)
def test_passages_of_other_programs(tmp_path, passage, id_):
    (found,) = written(tmp_path, json.dumps({**RAGAS, "retrieved_contexts": [passage]}))
    assert found.answer.documents == [Document(id_, "Rain.")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig"])
def test_files_in_an_encoding_of_unicode_without_a_mark(tmp_path, encoding):
    content = f"{json.dumps(RAGAS)}\r\n" * 2
    assert [record.answer.text for record in written(tmp_path, content.encode(encoding))] == ["It rained [1]."] * 2


@pytest.mark.parametrize(
    ("content", "name"), [(gzip.compress(b"{}", mtime=0), "gzip"), (b"PK\x03\x04..", "zip"), (b"PAR1..", "Parquet")]
)
def test_a_packed_file_is_called_by_its_name(tmp_path, content, name):
    (record,) = written(tmp_path, content)
    assert record.answer is None
    assert f"the file is {name}; unpack it" in record.problem


BAD = [
    ("{", "is not JSON"),
    ("not json", "is not JSON"),
    ("[1, 2]", "has to be an object, but is a list"),
    ("3", "has to be an object, but is a number"),
    ('{"a": 1}', "has to have the fields"),
    ('{"response": "x"}', "has no field `retrieved_contexts`"),
    ('{"retrieved_contexts": []}', "has no field `response`"),
    ('{"response": 3, "retrieved_contexts": []}', "`response` has to be a string, but is a number"),
    ('{"response": null, "retrieved_contexts": []}', "but is null"),
    ('{"response": "x", "retrieved_contexts": "y"}', "`retrieved_contexts` has to be a list, but is a string"),
    ('{"response": "x", "retrieved_contexts": [3]}', "its element 1 is a number"),
    ('{"response": "x", "retrieved_contexts": ["a", {"title": "t"}]}', "its element 2 is an object"),
    ('{"response": "x", "retrieved_contexts": [], "user_input": 3}', "`user_input` has to be a string"),
    ('{"output": "x"}', "has no field `docs`"),
    ("[" * 200_000, "nested too deeply"),
    (b'{"response": "\xff"}', "is not UTF-8: byte 14 is 0xff"),
]


@pytest.mark.parametrize(("line", "problem"), BAD)
def test_a_bad_line_is_told_and_the_rest_is_read(tmp_path, line, problem):
    good = json.dumps(RAGAS).encode()
    raw = line if isinstance(line, bytes) else line.encode()
    records = written(tmp_path, good + b"\n" + raw + b"\n" + good)
    assert [record.answer is None for record in records] == [False, True, False]
    assert (records[1].number, records[0].problem) == (2, None)
    assert problem in records[1].problem


@pytest.mark.parametrize(("line", "problem"), BAD)
def test_a_bad_first_line(tmp_path, line, problem):
    raw = line if isinstance(line, bytes) else line.encode()
    records = written(tmp_path, raw + b"\n" + json.dumps(RAGAS).encode())
    assert [record.answer is None for record in records] == [True, False]


@pytest.mark.parametrize("content", ["", "\n \n", "[]", '{"data": []}', '{\n"args": {},\n "data": []}'])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_file_without_records_is_a_problem(tmp_path, content, name):
    (record,) = written(tmp_path, content, name)
    assert (record.number, record.answer) == (0, None)


@pytest.mark.parametrize("name", ["one.json", "one.jsonl", "one"])
def test_one_answer_that_is_indented(tmp_path, name):
    (record,) = written(tmp_path, json.dumps(RAGAS, indent=2), name)
    assert (record.number, record.answer.text) == (1, "It rained [1].")


def test_a_record_with_a_field_called_data_is_a_record(tmp_path):
    (record,) = written(tmp_path, json.dumps({**RAGAS, "data": [1, 2]}))
    assert record.answer.text == "It rained [1]."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("indent", [None, 2])
def test_files_in_utf16(tmp_path, encoding, indent):
    mark = "" if encoding == "utf-16" else "\ufeff"
    text = json.dumps({**RAGAS, "response": "Größe 😀 [1]."}, ensure_ascii=False, indent=indent)
    records = written(tmp_path, (mark + text + "\r\n").encode(encoding), "a.json")
    assert [record.answer.text for record in records] == ["Größe 😀 [1]."]


def test_a_pipe_is_read_once(tmp_path):
    pipe = tmp_path / "pipe"
    for content, n in ((f"{json.dumps(RAGAS)}\n" * 3, 3), (json.dumps({"data": [ALCE] * 2}, indent=1), 2), ("", 1)):
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=(content,))
        writer.start()
        records = list(read(pipe))
        writer.join(10)
        pipe.unlink()
        assert len(records) == n
        assert [record.answer is None for record in records] == [not content] * n


def test_bom_and_windows_line_ends(tmp_path):
    line = json.dumps(RAGAS).encode()
    records = written(tmp_path, b"\xef\xbb\xbf" + line + b"\r\n" + line + b"\r\n")
    assert [record.problem for record in records] == [None, None]


def test_lines_are_read_one_at_a_time(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([json.dumps(RAGAS)] * 3))
    records = read(path)
    assert next(records).number == 1
    path.write_text("")
    assert len(list(records)) <= 2
