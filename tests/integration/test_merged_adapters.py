"""Adapters that are merged: exactly, the same each time, with the lineage of all, and judged as a trained one is."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ragloop.app import App
from ragloop.cli.commands.adapters import MergeMethod
from ragloop.cli.main import app as command
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.erasure.asked import Asked
from ragloop.errors import MismatchError, StoreBusyError, UsageError
from ragloop.learning.monitoring.windows import last_trained
from ragloop.models.adapters.merging import Merging, Method, merge
from ragloop.registry import PROMOTED, RETIRED, Adapter, retire
from tests.support.mergeable import (
    FIRST,
    OF_FIRST,
    OF_SECOND,
    SECOND,
    add_adapter,
    app_of,
    copied,
    make_home,
    save_lora,
    with_recipe,
)
from tests.support.s3_server import Bucket
from tests.support.tiny_model import save_tiny_model

THIRD = "a" + "3" * 15
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("mergeable"))


@pytest.fixture(scope="module")
def merged(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the two were merged."""
    place = tmp_path_factory.mktemp("merged") / "place"
    copied(made, place).learning.retraining.merge([FIRST, SECOND], "cat", [0.75, -0.5])
    return place


@pytest.fixture
def app(made: Path, tmp_path: Path) -> App:
    return copied(made, tmp_path / "place")


@pytest.fixture
def home(merged: Path, tmp_path: Path) -> App:
    """A home of its own in which the two were merged."""
    return copied(merged, tmp_path / "place")


def only_merged(app: App) -> Adapter:
    (found,) = [one for one in app.registry.adapters() if one.evidence.merge]
    return found


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture(scope="module")
def folders(base: Path) -> Mapping[str, Path]:
    """Adapters of one base: two alike, one of another rank, and two on a few layers."""
    shapes: Mapping[str, dict[str, Any]] = {
        "a": {"rank": 4},
        "b": {"rank": 4},
        "wide": {"rank": 8},
        "upper": {"rank": 4, "layers_to_transform": [1], "target_modules": ["q_proj", "up_proj"]},
        "lower": {"rank": 4, "layers_to_transform": [0], "target_modules": ["q_proj", "down_proj"]},
    }
    return {name: save_lora(base, base.parent / name, seed=n, **one) for n, (name, one) in enumerate(shapes.items())}


def change(folder: Path) -> dict[str, Any]:
    """What an adapter adds to each layer of its base."""
    from safetensors.torch import load_file

    config, weights = json.loads((folder / CONFIG).read_text()), load_file(folder / WEIGHTS)
    scale = config["lora_alpha"] / config["r"]
    return {
        name.replace(".lora_A.weight", ""): scale * (weights[name.replace("lora_A", "lora_B")] @ down)
        for name, down in weights.items()
        if "lora_A" in name
    }


@pytest.mark.parametrize(
    ("one", "other", "rank"), [("a", "wide", 12), ("a", "upper", 8), ("upper", "a", 8), ("upper", "lower", 8)]
)
def test_cat_adds_exactly_what_the_weighted_adapters_add(
    base: Path, folders: Mapping[str, Path], tmp_path: Path, one: str, other: str, rank: int
) -> None:
    found = merge([folders[one], folders[other]], Merging.of(2, "cat", [0.5, -1.5], None, 0), base, tmp_path / "made")
    first, second, together = change(folders[one]), change(folders[other]), change(tmp_path / "made")
    assert found == rank
    assert together.keys() == first.keys() | second.keys()
    for layer, added in together.items():
        expected = 0.5 * first.get(layer, 0) - 1.5 * second.get(layer, 0)
        assert (added - expected).abs().max() < 1e-4, layer


def test_svd_gives_the_nearest_change_of_its_rank(base: Path, folders: Mapping[str, Path], tmp_path: Path) -> None:
    import torch

    assert merge([folders["a"], folders["b"]], Merging.of(2, "svd", (), None, 0), base, tmp_path / "made") == 4
    first, second = change(folders["a"]), change(folders["b"])
    for layer, added in change(tmp_path / "made").items():
        whole = (first[layer] + second[layer]) / 2
        left_over = torch.linalg.svdvals(whole)[4:].square().sum().sqrt()
        assert (whole - added).norm() == pytest.approx(float(left_over), rel=1e-3)


@pytest.mark.parametrize("method", Method)
def test_the_same_adapters_give_the_same_bytes(
    base: Path, folders: Mapping[str, Path], tmp_path: Path, method: Method
) -> None:
    import torch

    merging = Merging.of(2, method, [1.0, 2.0], None, seed=3)
    for name in ("once", "again"):
        torch.rand(1)  # what was drawn before changes nothing
        merge([folders["a"], folders["b"]], merging, base, tmp_path / name)
        assert sorted(one.name for one in (tmp_path / name).iterdir()) == [CONFIG, WEIGHTS]
    for name in (WEIGHTS, CONFIG):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    targets = json.loads((tmp_path / "once" / CONFIG).read_text())["target_modules"]
    assert targets == sorted(targets), "the order of a set is another one in each process"
    if method.draws:
        merge([folders["a"], folders["b"]], replace(merging, seed=4), base, tmp_path / "other")
        assert (tmp_path / "other" / WEIGHTS).read_bytes() != (tmp_path / "once" / WEIGHTS).read_bytes()


def test_a_rank_that_a_layer_cannot_take_is_refused(base: Path, tmp_path: Path) -> None:
    folders = [save_lora(base, tmp_path / str(seed), seed=seed, rank=80) for seed in (1, 2)]
    with pytest.raises(UsageError, match="takes rank 32 at most, expected 80"):
        merge(folders, Merging.of(2, "svd", (), None, 0), base, tmp_path / "made")


def test_the_command_offers_the_methods_that_there_are() -> None:
    assert get_args(MergeMethod) == tuple(Method)


# --- the registry -----------------------------------------------------------------------------------------------------


def test_a_merged_adapter_is_a_candidate_with_the_lineage_of_all(app: App) -> None:
    retraining, (first, second) = app.learning.retraining, (app.registry.adapter(one) for one in (FIRST, SECOND))
    report = retraining.merge([SECOND, FIRST], "dare_ties_svd", [0.75, -0.5], 0.4)
    adapter = only_merged(app)
    assert (report.adapter_id, report.verdict, report.promoted) == (adapter.adapter_id, adapter.verdict, False)
    assert report.metrics["candidate"]["trained_questions"]
    assert (adapter.recipe, adapter.lane, app.registry.champion()) == ("facts", first.lane, None)
    assert (adapter.base, adapter.base_sha256) == (first.base, app.models.base_sha256())
    assert adapter.dataset_ids == (first.dataset_id, second.dataset_id)
    assert adapter.evidence.merge is not None
    assert adapter.evidence.as_row()["merge"] == {
        "method": "dare_ties_svd",
        "density": 0.4,
        "seed": 0,
        "rank": 8,
        "chat": "",
        "parents": [
            {"adapter_id": FIRST, "dataset_id": first.dataset_id, "weight": -0.5},
            {"adapter_id": SECOND, "dataset_id": second.dataset_id, "weight": 0.75},
        ],
    }
    files = {one.name for one in app.registry.folder(adapter).iterdir()}
    assert files == {WEIGHTS, CONFIG, "rows.parquet", "training.json", "evaluation.parquet"}
    rows = retraining.parts.trained_rows(adapter)
    assert [row.question for row in rows] == [*OF_FIRST, *OF_SECOND]


def test_the_same_adapters_in_another_order_are_merged_once_until_somebody_promotes(home: App) -> None:
    before = only_merged(home)
    stamp = (home.registry.folder(before) / WEIGHTS).stat().st_mtime_ns
    report = home.learning.retraining.merge([SECOND, FIRST], "cat", [-0.5, 0.75])
    after = only_merged(home)
    assert (report.adapter_id, after.created_at, after.sha256) == (before.adapter_id, before.created_at, before.sha256)
    assert (home.registry.folder(after) / WEIGHTS).stat().st_mtime_ns == stamp
    home.registry.promote(after.adapter_id, "by hand")
    assert only_merged(home).state == PROMOTED
    with pytest.raises(UsageError, match=r"nothing new to merge: .* is promoted"):
        home.learning.retraining.merge([FIRST, SECOND], "cat", [0.75, -0.5])


def test_a_merged_adapter_that_lost_its_files_is_made_again(home: App) -> None:
    before = only_merged(home)
    (home.registry.folder(before) / WEIGHTS).unlink()
    home.learning.retraining.merge([FIRST, SECOND], "cat", [0.75, -0.5])
    assert (only_merged(home).sha256, only_merged(home).created_at) == (before.sha256, before.created_at)
    assert home.registry.folder(before).is_dir()


@pytest.mark.realmodel
def test_the_command_merges_and_shows_verdict_and_lineage(made: Path, tmp_path: Path) -> None:
    copied(made, tmp_path / "place")
    app = App(load_settings(tmp_path / "place" / "ragloop.toml", tmp_path / "place" / "home"))
    app.corpus.sync(made / "documents")
    given = ["--config", str(tmp_path / "place" / "ragloop.toml"), "--home", str(app.settings.home), "adapters"]
    called = ["merge", SECOND[:4], FIRST[:4], "--method", "ties_svd", "--weight", "2", "--weight", "-1", "--json"]
    done = CliRunner().invoke(command, [*given, *called], catch_exceptions=False)
    report = json.loads(done.stdout)
    assert (done.exit_code, report["promoted"], report["recipe"]) == (0, False, "facts")
    assert report["measures"]["exact_match_trained"].keys() == {"champion", "candidate"}
    shown = json.loads(CliRunner().invoke(command, [*given, "show", report["adapter_id"], "--json"]).stdout)
    assert (shown["verdict"], shown["alias"]) == (report["verdict"], "")
    found = shown["metrics"]["merge"]
    assert (found["method"], found["density"]) == ("ties_svd", 0.5)
    assert [(one["adapter_id"], one["weight"]) for one in found["parents"]] == [(FIRST, -1.0), (SECOND, 2.0)]


def test_a_merge_is_no_training_that_the_next_one_waits_for(home: App) -> None:
    assert only_merged(home).created_at > home.registry.adapter(SECOND).created_at
    assert last_trained(home.registry).last_at == home.registry.adapter(SECOND).created_at


def test_adapters_of_one_dataset_are_judged_on_it(app: App) -> None:
    parts, first = app.learning.retraining.parts, app.registry.adapter(FIRST)
    add_adapter(app, THIRD, day=3, rank=4, dataset_id=first.dataset_id, rows=parts.trained_rows(first))
    app.learning.retraining.merge([FIRST, THIRD], "linear")
    assert only_merged(app).dataset_ids == (first.dataset_id,)
    assert parts.dataset_of(only_merged(app)).eval.equals(parts.dataset(first.dataset_id).eval)
    assert len(parts.trained_rows(only_merged(app))) == len(parts.trained_rows(first)), "a row stands there once"


def test_a_merged_one_is_merged_again_with_the_lineage_of_all(home: App) -> None:
    before, parts = only_merged(home), home.learning.retraining.parts
    rows = [replace(parts.trained_rows(before)[0], question="Whose is the boat?")]
    add_adapter(home, THIRD, day=3, rank=4, dataset_id=before.dataset_ids[1], rows=rows)
    report = home.learning.retraining.merge([before.adapter_id, THIRD], "cat")
    found = home.registry.adapter(report.adapter_id)
    assert sorted(found.dataset_ids) == sorted(before.dataset_ids)
    assert {row.question for row in parts.trained_rows(found)} == {*OF_FIRST, *OF_SECOND, "Whose is the boat?"}


@pytest.mark.long
def test_adapters_in_a_bucket_are_merged_there(tmp_path: Path, bucket: Bucket) -> None:
    app = app_of(make_home(tmp_path, artifacts=bucket.uri("artifacts"), cache=str(tmp_path / "cache")))
    app.learning.retraining.merge([FIRST, SECOND], "cat")
    adapter = only_merged(app)
    names = (WEIGHTS, CONFIG, "rows.parquet", "training.json", "evaluation.parquet")
    assert {f"{adapter.path}/{name}" for name in names} == set(app.registry.artifacts.files.list(f"{adapter.path}/"))
    assert not (app.registry.artifacts.folder / adapter.path).exists()
    assert len(app.learning.retraining.parts.trained_rows(adapter)) == 5
    (app.registry.artifacts.folder / adapter.path).mkdir()  # as a merge leaves it that was killed before its end
    app.learning.retraining.merge([FIRST, SECOND], "cat")
    assert not (app.registry.artifacts.folder / adapter.path).exists()
    assert app.safekeeping.erasing().run(Asked(("0.md",), by="a test")).is_done
    assert not app.registry.artifacts.files.list(f"{adapter.path}/")


@pytest.mark.parametrize("number", [0, 4], ids=["through the first", "through the second"])
@pytest.mark.parametrize("rows", ["with its rows", "by its datasets"])
def test_erasing_a_document_behind_one_of_them_erases_the_merged_one(home: App, number: int, rows: str) -> None:
    adapter = only_merged(home)
    folder = home.registry.folder(adapter)
    if rows == "by its datasets":
        (folder / "rows.parquet").unlink()
    gone, other = {0: (FIRST, SECOND), 4: (SECOND, FIRST)}[number]
    before = sorted(home.registry.adapters(), key=lambda one: one.adapter_id)
    home.registry.promote(adapter.adapter_id, "test")
    done = home.safekeeping.erasing().run(Asked((f"{number}.md",), by="a test"))
    assert done.is_done
    held = json.dumps(home.store.rows("adapters").to_pylist(), default=str)
    assert [one.adapter_id for one in before if one.sha256 not in held] == sorted({adapter.adapter_id, gone})
    assert (only_merged(home).is_erased, only_merged(home).state, home.registry.champion()) == (True, RETIRED, None)
    assert not home.registry.adapter(other).is_erased
    assert not folder.exists()


def resync(app: App, place: Path, changed: str) -> None:
    """Sync the copied folder, with another text in one document, in place of the one that the home was made from."""
    original = Path(inventory.sources(app.index)[0])
    kept = original.with_name("kept")
    original.rename(kept)
    try:
        shutil.copytree(place / "documents", original)
        (original / changed).write_text("# Nothing\n\nNothing is as it was.\n")
        app.corpus.sync(original)
    finally:
        shutil.rmtree(original)
        kept.rename(original)


@pytest.mark.parametrize("number", [0, 4], ids=["through the first", "through the second"])
def test_a_document_that_changed_behind_one_of_them_withholds_the_merged_one(
    home: App, tmp_path: Path, number: int
) -> None:
    adapter, steps = only_merged(home), home.learning.retraining
    assert steps.parts.staleness(adapter) == ""
    resync(home, tmp_path / "place", f"{number}.md")
    other = {0: SECOND, 4: FIRST}[number]
    assert f"1 of 5 trained rows rest on passages that changed or went since, in {number}.md" in steps.parts.staleness(
        adapter
    )
    assert steps.parts.staleness(home.registry.adapter(other)) == ""


def test_what_a_merge_that_was_killed_left_is_found_by_an_erasure(home: App) -> None:
    folder = home.registry.folder(only_merged(home))
    home.store.table("adapters").delete(f"adapter_id NOT IN ('{FIRST}', '{SECOND}')")
    for name in (WEIGHTS, "training.json"):
        (folder / name).unlink()
    assert pq.read_table(folder / "rows.parquet").num_rows == 5
    home.safekeeping.erasing().run(Asked(("0.md",), by="a test"))
    assert not folder.exists()


# --- what does not go together ----------------------------------------------------------------------------------------


def _retire(app: App) -> None:
    retire(app.registry, SECOND, "test")


def _erase(app: App) -> None:
    app.registry.update(SECOND, lambda one: replace(one, sha256=""))


def _other_base(app: App) -> None:
    app.registry.update(SECOND, lambda one: replace(one, base="other", base_sha256="f" * 64))


def _other_recipe(app: App) -> None:
    with_recipe(app, SECOND, "grounded")


def _damage(app: App) -> None:
    (app.registry.artifacts.folder / "adapters" / SECOND / CONFIG).write_text("{}")


def _no_rows(app: App) -> None:
    (app.registry.artifacts.folder / "adapters" / SECOND / "rows.parquet").unlink()


def _no_dataset(app: App) -> None:
    shutil.rmtree(app.registry.artifacts.folder / "datasets" / app.registry.adapter(SECOND).dataset_id)


REFUSED: list[tuple[Callable[[App], None], str]] = [
    (_retire, f"adapter {SECOND} is retired"),
    (_erase, f"adapter {SECOND} was erased"),
    (_other_base, f"adapter {SECOND} was trained on the weights ffffffffffff of other"),
    (_other_recipe, rf"recipes facts \({FIRST}\), grounded \({SECOND}\), expected one recipe"),
    (_damage, f"files of adapter {SECOND} .* were changed"),
    (_no_rows, "rows.parquet is not there"),
    (_no_dataset, "found no complete dataset"),
]


@pytest.mark.parametrize(("change", "why"), REFUSED, ids=[one.__name__ for one, _ in REFUSED])
def test_adapters_that_do_not_go_together_are_refused(app: App, change: Callable[[App], None], why: str) -> None:
    change(app)
    with pytest.raises((UsageError, MismatchError), match=why):
        app.learning.retraining.merge([FIRST, SECOND], "cat")
    assert sorted(one.adapter_id for one in app.registry.adapters()) == [FIRST, SECOND]
    assert sorted(one.name for one in (app.registry.artifacts.folder / "adapters").iterdir()) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("ids", "given", "why"),
    [
        ([FIRST], {}, f"found {FIRST}, expected two adapters or more"),
        ([FIRST, FIRST], {}, "each named once"),
        ([FIRST, "nobody"], {}, "found 0 adapters named 'nobody'"),
        ([FIRST, SECOND], {"weights": [1.0]}, "found 1 weights for 2 adapters"),
        ([FIRST, SECOND], {"weights": [1.0, 0.0]}, "found the weight 0, expected a number other than 0"),
        ([FIRST, SECOND], {"weights": [1.0, float("nan")]}, "found the weight nan"),
        ([FIRST, SECOND], {"method": "ties", "density": 0.0}, "found the density 0"),
        ([FIRST, SECOND], {"density": 0.5}, "found a density for the method svd"),
        ([FIRST, SECOND], {"method": "average"}, "found the method 'average', expected one of svd, cat"),
        ([FIRST, SECOND], {"method": "linear"}, rf"found the ranks 4 \({FIRST}\), 8 \({SECOND}\), expected one rank"),
    ],
)
def test_what_does_not_fit_is_said(made: Path, ids: list[str], given: dict[str, Any], why: str) -> None:
    app = app_of(made)
    with pytest.raises(UsageError, match=why):
        app.learning.retraining.merge(ids, **{"method": "svd", **given})
    assert sorted(one.name for one in (app.registry.artifacts.folder / "adapters").iterdir()) == [FIRST, SECOND]


def test_no_other_retraining_runs_meanwhile_and_files_that_are_gone_are_said(app: App) -> None:
    with app.store.lease("retraining"), pytest.raises(StoreBusyError):
        app.learning.retraining.merge([FIRST, SECOND], "cat")
    shutil.rmtree(app.registry.artifacts.folder / "adapters" / SECOND)
    with pytest.raises(MismatchError, match=f"found no files of adapter {SECOND}"):
        app.learning.retraining.merge([FIRST, SECOND], "cat")
