"""The session behind the page: documents, questions one at a time, reviews, and the labels they make."""

from __future__ import annotations

import json
import threading

import pytest
from counterfoil.attribution import Document, Status
from counterfoil.eval.labelled_pairs import read_pairs
from counterfoil.grounding.app import Models, Session, Settings
from counterfoil.grounding.app.session import SessionError

from tests.support.scripted_engine import ScriptedEngine, WordsEmbedding, WordsJudge

TOWER = Document("tower.md", "The tower is 31 metres high. It was built in 1874.", "The tower")
FERRY = Document("ferry.txt", "The ferry carries 96 passengers to the tower.")
TEXT = "The tower is 31 metres high. The tower is red."


def session(engine: ScriptedEngine | None = None, **changes) -> Session:
    models = Models(engine or ScriptedEngine(TEXT), WordsJudge(), WordsEmbedding())
    return Session([TOWER, FERRY], models, **changes)


CAD, PLAIN = {"method": "cad", "parameters": {}}, {"method": "none", "parameters": {}}


def ask(of: Session, question: str = "How high is the tower?", decodings=(CAD,)):
    events = []
    of.ask(question, list(decodings), events.append)
    return events


def test_a_question_is_told_from_its_passages_to_its_end():
    events = ask(session())
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "done"
    assert [kind for n, kind in enumerate(kinds) if kind not in kinds[:n]] == [
        "step", "begun", "text", "sentence", "done",
    ]  # fmt: skip
    begun = events[kinds.index("begun")]["case"]
    assert begun["question"] == "How high is the tower?"
    assert begun["documents"][0]["pieces"][0][1] == TOWER.text
    sentences = [event for event in events if event["event"] == "sentence"]
    assert [s["verdict"]["status"] for s in sentences] == ["supported", "not_supported"]
    done = events[-1]
    assert (done["number"], done["case"]["answers"][0]["text"]) == (0, TEXT)
    assert done["case"]["answers"][0]["statements"] == [s["verdict"] for s in sentences]
    json.dumps(events, allow_nan=False)


def test_two_methods_are_two_answers():
    (done,) = [e for e in ask(session(), decodings=[CAD, PLAIN]) if e["event"] == "done"]
    assert [a["text"] for a in done["case"]["answers"]] == [TEXT, "It is plain."]
    (done,) = [e for e in ask(session(), decodings=[PLAIN]) if e["event"] == "done"]
    assert [a["label"] for a in done["case"]["answers"]] == ["Plain decoding"]


def test_passages_are_embedded_once():
    of = session()
    ask(of)
    embedding = of.models.embedding_model
    before = list(embedding.embedded)
    ask(of, "And the ferry?")
    assert embedding.embedded == before
    of.add("new.txt", b"The ferry is new.")
    ask(of, "And the ferry?")
    assert embedding.embedded[len(before) :] == ["The ferry is new."]


def test_documents_are_added_read_and_removed():
    of = session()
    of.add("notes/a.md", "# Heading\n\nWords 😀".encode())
    of.add("page.html", b"<title>Page</title><p>Shown <script>hidden()</script></p>")
    assert of.listed()[0] == {"id": "a.md", "title": "Heading", "length": 18}
    assert [each["id"] for each in of.listed()] == ["a.md", "ferry.txt", "page.html", "tower.md"]
    of.add("a.md", b"Other words.")
    assert [d.text for d in of.documents if d.id == "a.md"] == ["Other words."], "the newer one takes its place"
    of.remove("a.md")
    of.remove("nothing.md")
    assert "a.md" not in [each["id"] for each in of.listed()]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("photo.jpg", b"\xff\xd8", "photo.jpg was not added: files that end in '.jpg' are not read"),
        ("empty.txt", b" \n", "empty.txt was not added: there is no text in it"),
        ("../../etc/passwd", b"x", "passwd was not added: files that end in 'nothing' are not read"),
        ("", b"x", "The file was not added"),
    ],
)
def test_files_that_are_no_documents_are_named(name, data, words):
    with pytest.raises(SessionError, match=words.replace("(", r"\(")):
        session().add(name, data)


def test_what_cannot_be_asked_is_told():
    of = session()
    with pytest.raises(ValueError, match="`question` has to hold a word"):
        ask(of, " ")
    with pytest.raises(ValueError, match=r"`method` has to be one of cad, .*, none, but is 'magic'"):
        ask(of, decodings=[{"method": "magic", "parameters": {}}])
    with pytest.raises(ValueError, match="`strength` has to be a number of at least 0, but is -1"):
        ask(of, decodings=[{"method": "cad", "parameters": {"strength": -1}}])
    with pytest.raises(ValueError, match="`guidance_scale` has to be a parameter of cad, but that has strength"):
        ask(of, decodings=[{"method": "cad", "parameters": {"guidance_scale": 1}}])
    with pytest.raises(ValueError, match="`weights` has to be numbers with blanks between them, but is 'a'"):
        ask(of, decodings=[{"method": "weighted_sum", "parameters": {"weights": "a"}}])
    with pytest.raises(ValueError, match="`weights` has to hold a number for each of 1 contrasts"):
        ask(of, decodings=[{"method": "weighted_sum", "parameters": {"weights": "1 2"}}])
    for wrong in (
        CAD["method"],
        {"method": "cad"},
        {"method": 1, "parameters": {}},
        {"method": "cad", "parameters": 1},
    ):
        with pytest.raises(ValueError, match="a decoding has to hold"):
            ask(of, decodings=[wrong])
    for number in (0, 3):
        with pytest.raises(SessionError, match=f"`decodings` has to hold 1 to 2 ways to decode, but holds {number}"):
            ask(of, decodings=[PLAIN] * number)
    with pytest.raises(SessionError, match="Both answers would be decoded alike"):
        ask(of, decodings=[CAD, {"method": "cad", "parameters": {"strength": 0.5}}])
    with pytest.raises(SessionError, match="There are no documents"):
        ask(Session())
    assert of.reports == []
    assert ask(of)[-1]["number"] == 0, "what failed holds nobody up"


def test_a_second_question_waits_for_the_first():
    held, begun = threading.Event(), threading.Event()

    def hold(n):
        begun.set()
        held.wait(20)

    of = session(ScriptedEngine(TEXT, before_word=hold))
    first, second = [], []
    waiting = threading.Event()

    def tell(event):
        second.append(event)
        if event.get("text", "").startswith("Waiting"):
            waiting.set()

    threads = [
        threading.Thread(target=of.ask, args=("How high is the tower?", [CAD], first.append)),
        threading.Thread(target=of.ask, args=("How many passengers?", [CAD], tell)),
    ]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    assert waiting.wait(20)
    assert [event["event"] for event in second if event["event"] != "step"] == []
    held.set()
    for thread in threads:
        thread.join(20)
    assert (first[-1]["number"], second[-1]["number"]) == (0, 1)


def test_a_reader_who_leaves_ends_the_decoding_and_lets_the_next_one_in():
    written = []
    of = session(ScriptedEngine(TEXT, before_word=written.append))

    def leave(event):
        if event["event"] == "sentence":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        of.ask("How high is the tower?", [CAD], leave)
    assert len(written) == 8, "the word that shows that the sentence has ended is the last"
    assert of.reports == []
    assert ask(of)[-1]["event"] == "done"


def test_reviews_become_labelled_pairs_that_judges_are_measured_by(tmp_path):
    of = session()
    ask(of)
    of.review(0, 0, 0, "supported", "")
    of.review(0, 0, 1, "contradiction", "It is grey.")
    lines = [json.loads(line) for line in of.export().splitlines()]
    kept, overruled = lines
    assert kept["premise"] == "The tower\n\nThe tower is 31 metres high. It was built in 1874.", (
        "what is cited, as read"
    )
    assert kept["hypothesis"] == "The tower is 31 metres high."
    assert (kept["label"], kept["verdict"], kept["agreed"]) == ("supported", "supported", True)
    assert "ferry" in overruled["premise"], "nothing is cited, so all that was read"
    assert (overruled["label"], overruled["verdict"], overruled["agreed"]) == ("contradiction", "not_supported", False)
    assert (overruled["note"], overruled["entailment"]) == ("It is grey.", "words@1+details/" + kept["entailment"][-1])
    path = tmp_path / "reviews.jsonl"
    path.write_text(of.export(), encoding="utf-8")
    assert [(pair.label, pair.source, pair.supported) for pair in read_pairs(path)] == [
        ("supported", "review", True),
        ("contradiction", "review", False),
    ]


def test_reviews_are_changed_and_taken_back():
    of = session()
    ask(of)
    of.review(0, 0, 0, "supported", "sure")
    of.review(0, 0, 0, "not_supported", "")
    assert of.state()["reviews"] == [{"case": 0, "answer": 0, "statement": 0, "label": "not_supported", "note": ""}]
    of.review(0, 0, 0, None, "")
    assert of.export() == ""
    for place in ((1, 0, 0), (0, 1, 0), (0, 0, 2), (0, 0, -1)):
        with pytest.raises(SessionError, match="there is no sentence"):
            of.review(*place, "supported", "")
    with pytest.raises(SessionError, match="`label` has to be one of"):
        of.review(0, 0, 0, "maybe", "")


def test_settings_hold_for_every_answer():
    of = session(settings=Settings(max_sentences=1))
    assert ask(of)[-1]["case"]["answers"][0]["text"] == "The tower is 31 metres high."
    assert of.answers[0].statements[0].status is Status.SUPPORTED
