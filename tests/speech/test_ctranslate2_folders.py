"""Folders of OPUS-MT, NLLB and Argos as CTranslate2 runs them, with a model made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.interfaces.errors import PermanentError
from connectors.local.ctranslate2_engine import CTranslate2Model
from connectors.local.model_store import Manifest, Model, ModelStore
from connectors.local.translation import LocalTranslator
from tests.speech.tiny_translation_model import save_model, save_pieces

pytestmark = pytest.mark.speech


@pytest.fixture
def nllb(tmp_path: Path) -> Path:
    save_model(tmp_path)
    save_pieces(tmp_path / "sentencepiece.bpe.model")
    return tmp_path


@pytest.fixture
def opus(tmp_path: Path) -> Path:
    save_model(tmp_path)
    save_pieces(tmp_path / "source.spm")
    save_pieces(tmp_path / "target.spm")
    return tmp_path


@pytest.fixture
def argos(tmp_path: Path) -> Path:
    package = tmp_path / "translate-en_es-1_0"
    save_model(package / "model")
    save_pieces(package / "sentencepiece.model")
    (package / "metadata.json").write_text(json.dumps({"from_code": "en", "to_code": "es"}))
    return tmp_path


def test_nllb_speaks_the_language_that_its_prefix_names(nllb: Path) -> None:
    assert CTranslate2Model(nllb, "en", "es").translate([("garden", "")]) == ["huerto"]
    assert CTranslate2Model(nllb, "en", "fr").translate([("garden", "")]) == ["jardin"]
    with pytest.raises(PermanentError, match="no code of NLLB's for language 'tlh'"):
        CTranslate2Model(nllb, "en", "tlh")


def test_opus_translates_with_its_two_sentencepiece_models(opus: Path) -> None:
    assert CTranslate2Model(opus, "en", "es").translate([("house", "")]) == ["casa"]


def test_an_argos_package_is_found_below_its_own_folder(argos: Path) -> None:
    assert CTranslate2Model(argos, "en", "es").translate([("house", "")]) == ["casa"]


def test_an_empty_folder_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"holds no model\.bin"):
        CTranslate2Model(tmp_path, "en", "es")


async def test_a_users_folder_is_a_route_of_the_translator(nllb: Path) -> None:
    mine = Model("mine", "translation", "ctranslate2", ("en", "fr"), 10, path=nllb)
    translator = LocalTranslator(store=ModelStore(Manifest({}, {"mine": mine})))
    route = translator.route("en", "fr")
    assert route is not None
    assert route.reason == "a neural model of the pair"
    assert await translator.translate("garden", "en", "fr") == "jardin"
    await translator.close()
