"""What the things of a home are called on a server that others use too."""

from pathlib import Path

import pytest

from ragloop.config import load_settings
from ragloop.errors import ConfigError
from ragloop.orchestrator.names import Names


def named(home: str) -> str:
    return Names.of(load_settings(home=Path(home))).name


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAGLOOP_PREFECT__NAME", raising=False)


def test_a_home_without_a_name_is_called_as_its_folder_or_the_one_around_it() -> None:
    assert named("/srv/Acme Handbook").startswith("acme-handbook-")
    assert named("/srv/handbook/.ragloop").startswith("handbook-")
    assert named("/.ragloop") == named("/.ragloop")
    assert len(named("/srv/" + "long" * 40)) <= 48


def test_homes_of_equal_folders_have_different_names_and_nothing_in_common() -> None:
    one, other = (Names(named(f"/{place}/ragloop")) for place in ("staging", "production"))
    parts = ("pool", "tag", "automations", "sources", "home")
    assert [part for part in parts if getattr(one, part).startswith(getattr(other, part))] == []
    assert one.deployment("sync-index") != other.deployment("sync-index")


def test_no_name_begins_what_another_matches() -> None:
    """Events are matched by the beginning of their ids, automations found by that of their names."""
    short, long = Names("team"), Names("team-two")
    assert not (long.sources + "handbook").startswith(short.sources)
    assert not (long.automations + "x").startswith(short.automations)


def test_a_name_is_given_by_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ragloop.toml").write_text('[prefect]\nname = "staging"\n')
    names = Names.of(load_settings())
    assert (names.deployment("sync-index"), names.pool, names.tags) == (
        "sync-index/staging",
        "ragloop-staging",
        ("ragloop", "ragloop-staging"),
    )


@pytest.mark.parametrize("name", ["Staging", "a/b", "a.b", "-a", "a b", "x" * 49])
def test_a_name_that_is_no_part_of_other_names_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "ragloop.toml").write_text(f'[prefect]\nname = "{name}"\n')
    with pytest.raises(ConfigError, match=r"prefect\.name"):
        load_settings()
