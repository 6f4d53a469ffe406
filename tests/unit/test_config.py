"""Settings: what is read from where, and what a wrong value is told."""

import re
from pathlib import Path

import pytest

from ragloop.config import Section, Settings, SourceSettings, load_settings, template
from ragloop.errors import ConfigError, NotFoundError

SECTIONS = [type(value) for _, value in Settings() if isinstance(value, Section)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of the developer's own plays a part."""
    monkeypatch.chdir(tmp_path)
    for name in ("RAGLOOP_HOME", "RAGLOOP_CONFIG", "RAGLOOP_CACHE"):
        monkeypatch.delenv(name, raising=False)


def _load(text: str) -> Settings:
    Path("ragloop.toml").write_text(text, encoding="utf-8")
    return load_settings()


def test_no_file_at_all_gives_the_defaults() -> None:
    assert load_settings() == Settings()


def test_the_template_as_it_is_gives_the_defaults() -> None:
    assert _load(template()) == Settings()


def test_the_template_with_every_default_uncommented_gives_the_defaults() -> None:
    example = re.compile(r"# \[\[sources\]\]\n(?:# .*\n)+")
    uncommented, count = re.subn(r"^# (\w+ = .*)$", r"\1", example.sub("", template()), flags=re.MULTILINE)
    assert _load(uncommented) == Settings()
    assert count == 2 + sum(len(section.model_fields) for section in SECTIONS)


def test_the_example_of_a_source_in_the_template_loads() -> None:
    example = template().split("# [[sources]]")[1].split("\n\n")[0]
    assert _load("[[sources]]" + example.replace("\n# ", "\n")).sources[0].name == "handbook"


def test_every_setting_says_what_it_means() -> None:
    for section in (SourceSettings, *SECTIONS):
        for name, info in section.model_fields.items():
            assert info.description, f"{section.__name__}.{name} has no description"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[index]\nchunk_token = 3", ["ragloop.toml", "'index.chunk_token'", "chunk_tokens", "embedder"]),
        ("[indx]\nchunk_tokens = 3", ["ragloop.toml", "'indx'", "index", "retrieval"]),
        ("[index]\nchunk_tokens = 3", ["ragloop.toml", "index.chunk_tokens is 3", "greater than or equal to 32"]),
        ("[index]\nchunk_tokens = 'many'", ["ragloop.toml", "index.chunk_tokens is 'many'", "integer"]),
        ("[answers]\ngenerator = 'oracle'", ["ragloop.toml", "is 'oracle'", "'extractive' or 'local'"]),
        ("index = 3", ["ragloop.toml", "index is 3"]),
        ("[[sources]]\nname = 'a/b'\nuri = 'x'", ["ragloop.toml", "sources.0.name is 'a/b'", "pattern"]),
        ("[[sources]]\nname = 'a'", ["ragloop.toml", "sources.0.uri", "required"]),
        (
            "[[sources]]\nname = 'a'\nuri = 'x'\nurl = 'y'",
            ["ragloop.toml", "'sources.0.url'", "include, labels, name, uri"],
        ),
        ("[[sources]]\nname = 'a'\nuri = 'x'\n[[sources]]\nname = 'a'\nuri = 'y'", ["must differ", "stand twice: a"]),
        ("index = ", ["ragloop.toml", "not valid TOML", "Invalid value"]),
    ],
)
def test_a_wrong_file_names_itself_the_key_what_was_found_and_what_is_allowed(text: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        _load(text)
    for part in told:
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_wrong_value_has_its_line() -> None:
    with pytest.raises(ConfigError) as refused:
        _load("[index]\nchunk_tokens = 3\n[retrieval]\ntop_k = 0\nfoo = 1")
    assert len(str(refused.value).splitlines()) == 3


def test_variables_win_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGLOOP_INDEX__CHUNK_TOKENS", "99")
    settings = _load("[index]\nchunk_tokens = 100\nembedder = 'other'")
    assert (settings.index.chunk_tokens, settings.index.embedder) == (99, "other")


def test_the_home_that_is_asked_for_wins_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ragloop.toml").write_text("home = 'of-file'")
    assert load_settings().home == Path("of-file")
    monkeypatch.setenv("RAGLOOP_HOME", "of-variable")
    assert load_settings().home == Path("of-variable")
    assert load_settings(home=Path("asked")).home == Path("asked")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RAGLOOP_INDX__X", "1", ["RAGLOOP_INDX__X", "unknown", "RAGLOOP_INDEX", "RAGLOOP_HOME"]),
        ("RAGLOOP_INDEX__CHUNK_TOKEN", "1", ["RAGLOOP_INDEX__CHUNK_TOKEN", "RAGLOOP_INDEX__CHUNK_TOKENS"]),
        ("RAGLOOP_HOME__X", "1", ["RAGLOOP_HOME__X", "unknown"]),
        ("RAGLOOP_INDEX__CHUNK_TOKENS", "1", ["RAGLOOP_INDEX__CHUNK_TOKENS", "is '1'", "greater than or equal to 32"]),
        ("RAGLOOP_SYNC", "{", ["RAGLOOP_SYNC", "found '{'", "JSON"]),
        ("RAGLOOP_SOURCES", '[{"name": "a"}]', ["RAGLOOP_SOURCES", "sources.0.uri", "required"]),
    ],
)
def test_a_wrong_variable_names_itself_what_was_found_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        _load("[index]\nchunk_tokens = 100")
    for part in told:
        assert part in str(refused.value)
    assert "ragloop.toml" not in str(refused.value)


def test_variables_outside_the_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAGLOOP_REALDATA", "somewhere")
    (tmp_path / "other.toml").write_text("home = 'other'")
    monkeypatch.setenv("RAGLOOP_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().home == Path("other")


def test_a_named_file_that_is_not_there_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match=r"nowhere\.toml"):
        load_settings(Path("nowhere.toml"))
    monkeypatch.setenv("RAGLOOP_CONFIG", "nowhere.toml")
    with pytest.raises(NotFoundError):
        load_settings()


def test_a_configuration_that_is_a_folder_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)
    Path("ragloop.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_settings()


def test_relative_folders_start_at_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "ragloop.toml"
    file.write_text(
        "[[sources]]\nname='a'\nuri='docs'\n[[sources]]\nname='b'\nuri='s3://bucket'\n[dataset]\ngolden='g.jsonl'"
    )
    settings = load_settings(file)
    assert [source.uri for source in settings.sources] == [str(tmp_path / "conf" / "docs"), "s3://bucket"]
    assert settings.dataset.golden == tmp_path / "conf" / "g.jsonl"


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.home = Path("other")  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.index.chunk_tokens = 1  # type: ignore[misc]
