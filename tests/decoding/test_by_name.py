"""Which parameter belongs to which method, and what is refused by name."""

from __future__ import annotations

import pytest
from counterfoil.decoding.by_name import Decoding, decodings, parameters_of
from counterfoil.decoding.decoder import Decoder
from counterfoil.decoding.methods import CID, RITUAL, VCD

from tests.support.tiny_language import tiny_language


def test_a_name_leads_to_the_method_with_its_parameters() -> None:
    assert Decoding("cid", {"strength": 3}).methods == (CID(strength=3.0),)
    assert Decoding("none").methods == ()
    assert [parameter.name for parameter in parameters_of("contrastive_search")] == ["penalty_alpha", "top_k"]
    vcd, ritual = Decoding("ritual+vcd", {"noise_step": 700}).methods
    assert (vcd, ritual) == (VCD(noise_step=700), RITUAL(plausibility=0.0))


@pytest.mark.parametrize(
    ("decoding", "takes_contrast", "takes_image", "contrasts_layers"),
    [
        (Decoding("none"), False, False, False),
        (Decoding("cad"), True, False, False),
        (Decoding("contrastive_decoding", {"cut_context": 1}), False, False, False),
        (Decoding("contrastive_decoding", {"early_exit": 1}), False, False, True),
        (Decoding("dola"), False, False, True),
        (Decoding("code"), False, True, False),
        (Decoding("ritual+m3id"), False, True, False),
    ],
)
def test_what_a_decoding_needs(decoding: Decoding, takes_contrast: bool, takes_image: bool, contrasts_layers: bool):
    assert (decoding.takes_contrast, decoding.takes_image) == (takes_contrast, takes_image)
    assert decoding.contrasts_layers == contrasts_layers


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("greedy", {}, "`method` has to be one of none, cad, .*, but is 'greedy'"),
        ("none", {"strength": 1}, "`strength` has to be a parameter of none, but that has no parameters"),
        ("cad", {"plausibility": 1}, "`plausibility` has to be a parameter of cad, but that has strength"),
        ("dola", {"top_k": 4}, "`top_k` has to be a parameter of dola"),
        ("cad", {"strength": -1}, "`strength` has to be a number of at least 0, but is -1"),
        ("contrastive_decoding", {"strength": 1}, "`amateur` has to be given"),
        ("contrastive_decoding", {"early_exit": 1, "cut_context": 2}, "`early_exit` has to be the only amateur"),
    ],
)
def test_what_does_not_fit_is_refused(method: str, parameters: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Decoding(method, parameters)


def test_lists_make_a_decoding_a_value_and_parameters_go_where_they_belong() -> None:
    found = decodings("none, cad,cid", {"plausibility": [0.1, 0.2], "strength": [0.5, 1.0], "rule": None})
    assert found == [
        Decoding("none"),
        Decoding("cad", {"strength": 0.5}),
        Decoding("cad", {"strength": 1.0}),
        Decoding("cid", {"strength": 0.5, "plausibility": 0.1}),
        Decoding("cid", {"strength": 0.5, "plausibility": 0.2}),
        Decoding("cid", {"strength": 1.0, "plausibility": 0.1}),
        Decoding("cid", {"strength": 1.0, "plausibility": 0.2}),
    ]


def test_several_layers_are_one_value() -> None:
    assert decodings("dola", {"layers": (0, 2)}) == [Decoding("dola", {"layers": (0, 2)})]


def test_a_parameter_of_no_method_is_refused() -> None:
    with pytest.raises(ValueError, match="`plausibility` has to be a parameter of one of none, cad, but is of none"):
        decodings("none,cad", {"plausibility": 1.0})


@pytest.mark.parametrize(
    ("decoding", "label"),
    [
        (Decoding("none"), "none"),
        (Decoding("cad"), "cad (strength 0.5)"),
        (Decoding("cid", {"strength": 3.0}), "cid (strength 3, rule probability, plausibility 0.1)"),
        (Decoding("dola", {"layers": (1, 2)}), "dola (layers (1, 2), plausibility 0.1, norm True, released False)"),
        (Decoding("contrastive_search", {"top_k": 6}), "contrastive_search (penalty_alpha 0.6, top_k 6)"),
    ],
)
def test_a_label_names_all_parameters_with_their_defaults(decoding: Decoding, label: str) -> None:
    assert decoding.label == label


def test_an_amateur_with_another_vocabulary_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        model = tiny_language().model

        class tokenizer:  # noqa: N801
            get_vocab = staticmethod(lambda: {"a": 0})

    monkeypatch.setattr("counterfoil.decoding.decoder.load_language_model", lambda name, device: Other)
    with pytest.raises(ValueError, match="`amateur` has to have the vocabulary of tiny llama, but foreign has another"):
        Decoder(Decoding("contrastive_decoding", {"amateur": "foreign"}), tiny_language())
