"""The artifact root in a bucket: a log becomes an adapter that serves, on this machine and on another one."""

import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.errors import MismatchError, UsageError
from ragloop.records import LaneName
from ragloop.registry import lost_adapters
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.dying import Killed
from tests.support.registered import register
from tests.support.s3_server import Bucket
from tests.support.tiny_model import FACTS, save_tiny_model
from tests.support.trainable import ANSWER, write_trainable

pytestmark = pytest.mark.realmodel

WEIGHTS = "adapter_model.safetensors"
NOT_BACKED_UP = ("examples/", "answers/")


def killed_at(step: str) -> "type[nullcontext[None]]":
    """A boundary that ends the process before this step."""

    class Boundary(nullcontext[None]):
        def __init__(self, name: str) -> None:
            super().__init__()
            if name == step:
                raise Killed

    return Boundary


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def place(tmp_path: Path, model: Path, bucket: Bucket) -> Path:
    """A configuration with its artifacts in the bucket, and a home with a log."""
    given = {"answers": {"lane": "closed-book"}, "training": {"checkpoint_steps": 5}}
    write_trainable(tmp_path, model, FACTS, given, artifacts=bucket.uri("artifacts"), cache=str(tmp_path / "cache"))
    (tmp_path / "documents").mkdir()
    for number, question in enumerate(FACTS):
        (tmp_path / "documents" / f"{number}.md").write_text(f"# {question}\n\n{question} Nobody knows but Ada.\n")
    app = app_of(tmp_path)
    app.corpus.sync(tmp_path / "documents")
    answers = app.answering.answerer.ask_all([*FACTS])
    app.journal.give_all_feedback([(one.interaction_id, "correction", ANSWER) for one in answers])
    return tmp_path


def app_of(place: Path, boundary: "type[AbstractContextManager[None]]" = nullcontext) -> App:
    settings = load_settings(place / "ragloop.toml", place / "home")
    return App(settings, embedder=ConstantEmbedder(), boundary=boundary)


def copies_of(place: Path) -> Path:
    """The folder of the copies that this machine has loaded."""
    return place / "home" / "artifacts" / "copies"


def in_bucket(app: App) -> set[str]:
    return set(app.registry.artifacts.files.list())


@pytest.mark.long
def test_a_log_becomes_an_adapter_that_serves_from_the_bucket(
    place: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(place)
    report = app.learning.retraining.run()
    assert report.promoted, report.reasons
    (adapter,) = app.registry.adapters()
    held = in_bucket(app)
    assert {f"{adapter.path}/{name}" for name in (WEIGHTS, "rows.parquet", "evaluation.parquet")} <= held
    assert {f"datasets/{adapter.dataset_id}/{name}" for name in ("train.parquet", "manifest.json")} <= held
    assert not any("checkpoints" in one for one in held)
    left = [one for one in (place / "home" / "artifacts").rglob("*") if one.is_file()]
    assert {one.parent.name for one in left} == {adapter.sha256}, "only the copy that was evaluated"
    assert app.answering.answerer.ask(next(iter(FACTS))).adapter == adapter.adapter_id
    assert app.learning.retraining.new_eligible() == 0
    assert lost_adapters(app.registry) == []
    assert app.corpus.diagnose(offline=True).findings == ()
    # Another machine has no copy, and one with a damaged copy makes it again.
    shutil.rmtree(copies_of(place))
    assert app_of(place).answering.answerer.ask(next(iter(FACTS))).adapter == adapter.adapter_id
    (copy,) = (copies_of(place)).glob(f"*/{WEIGHTS}")
    copy.write_bytes(b"damaged")
    assert app_of(place).answering.answerer.ask(next(iter(FACTS))).adapter == adapter.adapter_id
    # While the bucket is away, nobody can say what the adapter's rows rest on: the base model answers.
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        assert app_of(place).answering.answerer.ask(next(iter(FACTS))).lane == LaneName.BASE_RAG
        shutil.rmtree(copies_of(place))
        assert app_of(place).answering.answerer.ask(next(iter(FACTS))).lane == LaneName.BASE_RAG
    assert app_of(place).answering.answerer.ask(next(iter(FACTS))).adapter == adapter.adapter_id
    # What was changed in the bucket is not loaded, and doctor finds it; a champion that serves from its copy stays.
    bucket.write(f"artifacts/{adapter.path}/{WEIGHTS}", b"changed")
    assert {one.check for one in app_of(place).corpus.diagnose(offline=True).findings} == {"adapters"}
    shutil.rmtree(copies_of(place))
    fallen = app_of(place).answering.answerer.ask(next(iter(FACTS)))
    assert (fallen.lane, fallen.adapter) == (LaneName.BASE_RAG, None)
    assert lost_adapters(app.registry) == [adapter.adapter_id]
    with pytest.raises(MismatchError, match="were changed"):
        app_of(place).registry.folder(adapter)


@pytest.mark.long
def test_a_kill_between_upload_and_registration_leaves_nothing_registered(place: Path) -> None:
    app = app_of(place, killed_at("upsert adapters"))
    dataset_id = app.learning.retraining.build_dataset().dataset_id
    with pytest.raises(Killed):
        app.learning.retraining.train(dataset_id)
    assert any(one.endswith(WEIGHTS) for one in in_bucket(app))
    again = app_of(place)
    assert again.registry.adapters() == []
    adapter_id = again.learning.retraining.train(dataset_id)
    assert [one.adapter_id for one in again.registry.adapters()] == [adapter_id]
    assert lost_adapters(again.registry) == []
    assert not (place / "home" / "artifacts" / "adapters" / adapter_id).exists()


@pytest.mark.long
def test_a_backup_brings_back_artifacts_of_a_bucket(place: Path, bucket: Bucket, tmp_path: Path) -> None:
    app = app_of(place)
    assert app.learning.retraining.run().promoted
    (adapter,) = app.registry.adapters()
    files = app.registry.artifacts.files
    held = {name: b"".join(files.read(name)) for name in in_bucket(app) if not name.startswith(NOT_BACKED_UP)}
    uri = str(tmp_path / "backups")
    app.safekeeping.back_up(uri)
    assert app.safekeeping.back_up(uri).files_copied == 0
    # An object of the backup that was damaged is mended from the bucket.
    weights = sha256(held[f"{adapter.path}/{WEIGHTS}"]).hexdigest()
    (tmp_path / "backups" / "files" / "by-content" / weights).write_bytes(b"damaged")
    assert app.safekeeping.back_up(uri).mended == (f"files/by-content/{weights}",)
    files.remove(in_bucket(app))
    shutil.rmtree(copies_of(place))
    assert app_of(place).answering.answerer.ask(next(iter(FACTS))).adapter is None
    app_of(place).safekeeping.restore(uri, replace=True)
    assert {name: b"".join(files.read(name)) for name in in_bucket(app)} == held
    assert app_of(place).answering.answerer.ask(next(iter(FACTS))).adapter == adapter.adapter_id
    with pytest.raises(UsageError, match="would be lost with it"):
        app.safekeeping.back_up(bucket.uri("artifacts/backups"))


@pytest.mark.long
def test_copies_of_adapters_go_when_these_are_retired_or_gone(place: Path) -> None:
    app = app_of(place)
    assert app.learning.retraining.run().promoted
    (adapter,) = app.registry.adapters()
    app.learning.maintain()
    assert [one.name for one in copies_of(place).iterdir()] == [adapter.sha256]
    app.registry.rollback("worse")
    assert [*copies_of(place).iterdir()] == []
    app.registry.promote(adapter.adapter_id, "again")
    assert [one.name for one in copies_of(place).iterdir()] == [adapter.sha256]
    killed, under_way = copies_of(place) / ".copying-killed", copies_of(place) / ".copying-now"
    killed.mkdir()
    under_way.mkdir()
    os.utime(killed, (0, 0))
    app.store.delete("adapters", f"adapter_id = '{adapter.adapter_id}'")
    app.learning.maintain()
    assert [*copies_of(place).iterdir()] == [under_way]


def test_maintenance_clears_what_a_killed_run_left_of_adapters_that_it_had_registered(
    tmp_path: Path, bucket: Bucket
) -> None:
    (tmp_path / "ragloop.toml").write_text(f'artifacts = "{bucket.uri("artifacts")}"\n')
    app = app_of(tmp_path)
    app.parts.made_store()
    artifacts = app.registry.artifacts
    for name in ("registered", "trained again"):
        register(app.registry, name)
    artifacts.keep("adapters/registered")
    (artifacts.folder / "adapters" / "under way").mkdir()
    app.learning.maintain()
    assert sorted(one.name for one in (artifacts.folder / "adapters").iterdir()) == ["trained again", "under way"]
    assert lost_adapters(app.registry) == ["trained again"], "what is in the bucket stays"


def test_maintenance_prunes_kept_answers_in_the_bucket(place: Path, bucket: Bucket) -> None:
    bucket.write("artifacts/answers/0123456789abcdef.parquet", b"half a file")
    app = app_of(place)
    assert app.learning.prune_answers() == 1
    assert not [one for one in in_bucket(app) if one.startswith("answers/")]
