"""Settings: what is read from where, and what a wrong value is told."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from ragloop.config import Section, Settings, SourceSettings, load_settings, template, variables
from ragloop.config.template import descriptions
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
    uncommented, count = re.subn(r"^# ([\w.]+ = .*)$", r"\1", example.sub("", template()), flags=re.MULTILINE)
    assert _load(uncommented) == Settings()
    assert count == 4 + sum(len(section.model_fields) for section in SECTIONS)


def test_tables_and_settings_may_be_put_below_the_template_and_settings_above() -> None:
    settings = _load(
        f'store = "s3://bucket/store"\n{template()}backup.uri = "s3://other"\n[sync]\nguard_documents = 3\n'
    )
    assert (settings.store, settings.backup.uri, settings.sync.guard_documents) == (
        "s3://bucket/store",
        "s3://other",
        3,
    )


def test_the_example_of_a_source_in_the_template_loads() -> None:
    example = template().split("# [[sources]]")[1].split("\n\n")[0]
    assert _load("[[sources]]" + example.replace("\n# ", "\n")).sources[0].name == "handbook"


def test_every_setting_says_what_it_means() -> None:
    sections: list[type[BaseModel]] = [SourceSettings, *SECTIONS]
    for section in sections:
        meanings = descriptions(section)
        for name in section.model_fields:
            assert meanings.get(name), f"{section.__name__}.{name} has no description"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[index]\nchunk_token = 3", ["ragloop.toml", "'index.chunk_token'", "chunk_tokens", "embedder"]),
        ("[indx]\nchunk_tokens = 3", ["ragloop.toml", "'indx'", "index", "retrieval"]),
        ("[index]\nchunk_tokens = 3", ["ragloop.toml", "index.chunk_tokens is 3", "greater than or equal to 32"]),
        ("[index]\nchunk_tokens = 'many'", ["ragloop.toml", "index.chunk_tokens is 'many'", "integer"]),
        ("[answers]\ngenerator = 'oracle'", ["ragloop.toml", "is 'oracle'", "'extractive', 'local' or 'remote'"]),
        ("index = 3", ["ragloop.toml", "index is 3"]),
        ("[[sources]]\nname = 'a/b'\nuri = 'x'", ["ragloop.toml", "sources.0.name is 'a/b'", "pattern"]),
        ("[[sources]]\nname = 'a'", ["ragloop.toml: sources.0.uri is missing"]),
        (
            "[[sources]]\nname = 'a'\nuri = 'x'\nurl = 'y'",
            ["ragloop.toml", "'sources.0.url'", "include, labels, name, queue, uri"],
        ),
        ("[[sources]]\nname = 'a'\nuri = 'x'\n[[sources]]\nname = 'a'\nuri = 'y'", ["must differ", "stand twice: a"]),
        ("index = ", ["ragloop.toml", "not valid TOML", "Invalid value"]),
        (
            "[[sources]]\nname = 'a'\nuri = 'x'\ninclude = ['*.md', '!']",
            ["ragloop.toml: sources.0.include is ['*.md', '!']", "'!' is not a glob pattern", ".gitignore"],
        ),
        (
            "[[sources]]\nname = 'a'\nuri = 'x'\nexclude = ['[z-a]']",
            ["ragloop.toml: sources.0.exclude is ['[z-a]']", "'[z-a]' is not a glob pattern"],
        ),
        (
            "[[sources]]\nname = 'a'\nuri = 'x'\ninclude = ['\\']",
            ["ragloop.toml: sources.0.include is", "is not a glob pattern"],
        ),
        (
            "[[sources]]\nname = 'a'\nuri = 'x'\ninclude = '*.md'",
            ["ragloop.toml: sources.0.include is '*.md'", 'expected a list, e.g. ["*.md"]'],
        ),
        (
            "[training]\nreport_to = 'tensorboard'",
            ["ragloop.toml: training.report_to is 'tensorboard'; expected a list, e.g. [\"tensorboard\"]"],
        ),
        ("[[sources]]\nname = 'a'\nuri = 'x'\nlabels = ['']", ["sources.0.labels.0 is ''", "at least 1 character"]),
        ("sources = 'docs'", ["ragloop.toml: sources is 'docs'", "[[sources]]"]),
        ("[sync]\nmax_document_mb = inf", ["sync.max_document_mb is inf"]),
        ("[sync]\nmax_document_mb = 65537", ["sync.max_document_mb is 65537", "less than or equal to 65536"]),
        ("[sync]\nbatch_seconds = nan", ["sync.batch_seconds is nan", "finite number"]),
        ("[cadence]\nevery_days = inf", ["cadence.every_days is inf", "finite number"]),
        ("home = 3", ["ragloop.toml: home is 3"]),
    ],
)
def test_a_wrong_file_names_itself_the_key_what_was_found_and_what_is_allowed(text: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        _load(text)
    for part in told:
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_value_that_may_be_of_two_kinds_is_told_of_both_in_one_line() -> None:
    with pytest.raises(ConfigError) as told:
        _load("[retrieval]\nmin_similarity = 1.5")
    line = "ragloop.toml: retrieval.min_similarity is 1.5; Input should be less than or equal to 1"
    assert str(told.value) == f"{line}, or: Input should be 'auto'"


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
        ("RAGLOOP_INDEX__CHUNK_TOKENS", "1", ["RAGLOOP_INDEX__CHUNK_TOKENS", "is '1'", "greater than or equal to 32"]),
        ("RAGLOOP_SYNC", "{", ["RAGLOOP_SYNC", "found '{'", "JSON"]),
        (
            "RAGLOOP_TRAINING__REPORT_TO",
            "tensorboard",
            ["RAGLOOP_TRAINING__REPORT_TO: found 'tensorboard', expected JSON, e.g. [\"tensorboard\"]"],
        ),
        ("RAGLOOP_SOURCES", '[{"name": "a"}]', ["RAGLOOP_SOURCES: sources.0.uri is missing"]),
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


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("RAGLOOP_INDX__EMBEDER", "RAGLOOP_INDEX__EMBEDDER"),
        ("RAGLOOP_INDEX__CHUNK_TOKEN", "RAGLOOP_INDEX__CHUNK_TOKENS"),
        ("RAGLOOP_HOME__X", "RAGLOOP_HOME"),
        ("RAGLOOP_HOEM", "RAGLOOP_HOME"),
        ("ragloop_stor", "RAGLOOP_STORE"),
        ("RAGLOOP_UNICORNS", ""),
    ],
)
def test_an_unknown_variable_is_ignored_and_said_once_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, near: str
) -> None:
    variables._warn_of.cache_clear()
    monkeypatch.setenv(name, "1")
    assert _load("[index]\nchunk_tokens = 100").index.chunk_tokens == 100
    _load("")
    (line,) = caplog.messages
    meant = f"; did you mean {near}?" if near else ""
    assert line == f"{name} is no variable of ragloop and is ignored{meant}"


def test_an_unknown_key_in_the_table_of_a_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGLOOP_INDEX", '{"chunk_token": 100}')
    with pytest.raises(ConfigError, match=r"RAGLOOP_INDEX: unknown key 'index\.chunk_token'"):
        _load("")


OF_KUBERNETES = {
    "{}_SERVICE_HOST": "10.0.0.11",
    "{}_SERVICE_PORT": "80",
    "{}_SERVICE_PORT_HTTP": "80",
    "{}_PORT": "tcp://10.0.0.11:80",
    "{}_PORT_80_TCP": "tcp://10.0.0.11:80",
    "{}_PORT_80_TCP_PROTO": "tcp",
    "{}_PORT_80_TCP_PORT": "80",
    "{}_PORT_80_TCP_ADDR": "10.0.0.11",
}


def test_what_kubernetes_gives_every_pod_for_a_service_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for service in ("RAGLOOP", "RAGLOOP_API"):
        for name, value in OF_KUBERNETES.items():
            monkeypatch.setenv(name.format(service), value)
    monkeypatch.setenv("RAGLOOP_INDEX__CHUNK_TOKENS", "99")
    assert _load("").index.chunk_tokens == 99
    assert caplog.messages == []


def test_variables_outside_the_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAGLOOP_REALDATA", "somewhere")
    (tmp_path / "other.toml").write_text("home = 'other'")
    monkeypatch.setenv("RAGLOOP_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().home == tmp_path / "other"


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


def test_relative_places_start_at_the_file_that_says_them_and_else_where_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "ragloop.toml"
    file.write_text(
        "home = 'h'\ncache = 'c'\n[dataset]\ngolden = 'g'\n[registry]\nllama_cpp = 'l'\n"
        "[[sources]]\nname = 'a'\nuri = 'docs'"
    )
    settings = load_settings(file)
    assert (settings.home, settings.cache) == (tmp_path / "conf" / "h", tmp_path / "conf" / "c")
    assert settings.registry.llama_cpp == tmp_path / "conf" / "l"
    monkeypatch.setenv("RAGLOOP_HOME", "h")
    monkeypatch.setenv("RAGLOOP_CACHE", "c")
    monkeypatch.setenv("RAGLOOP_DATASET__GOLDEN", "g")
    monkeypatch.setenv("RAGLOOP_SOURCES", '[{"name": "a", "uri": "docs"}]')
    settings = load_settings(file)
    assert (settings.home, settings.cache, settings.dataset.golden) == (Path("h"), Path("c"), Path("g"))
    assert settings.sources[0].uri == str(tmp_path / "docs")
    assert load_settings(file, Path("asked")).home == Path("asked")


def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    settings = _load("home = '~/h'\ncache = '~/c'\n[dataset]\ngolden = '~/g'")
    places = (settings.home, settings.cache, settings.dataset.golden)
    assert places == tuple(tmp_path / "user" / one for one in "hcg")
    monkeypatch.setenv("RAGLOOP_HOME", "~/v")
    monkeypatch.setenv("RAGLOOP_CACHE", "~/w")
    monkeypatch.setenv("RAGLOOP_REGISTRY__LLAMA_CPP", "~/x")
    assert load_settings().registry.llama_cpp == tmp_path / "user" / "x"
    settings = load_settings()
    assert (settings.home, settings.cache) == (tmp_path / "user" / "v", tmp_path / "user" / "w")
    assert load_settings(home=Path("~/asked")).home == tmp_path / "user" / "asked"
    assert load_settings(home=Path("~nobody-of-that-name/x")).home == Path("~nobody-of-that-name/x")


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("file://docs", "conf/docs"),
        ("file://my%20docs/%C3%A9", "conf/my docs/é"),
        ("file:///srv/a%20b", "/srv/a b"),
        ("FILE://localhost/srv", "/srv"),
        ("100%25", "conf/100%25"),
    ],
)
def test_a_file_address_is_decoded_and_starts_at_the_configuration_file(tmp_path: Path, uri: str, folder: str) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "ragloop.toml"
    file.write_text(f"[[sources]]\nname = 'a'\nuri = '{uri}'")
    assert load_settings(file).sources[0].uri == str(tmp_path / folder)


def test_a_byte_order_mark_is_passed_over() -> None:
    Path("ragloop.toml").write_bytes(b"\xef\xbb\xbfhome = 'h'\n")
    assert load_settings().home == Path("h")


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.home = Path("other")
    with pytest.raises(ValueError, match="frozen"):
        settings.index.chunk_tokens = 1


def test_labels_of_a_source_are_read_and_what_sees_a_caller_without_any_is_one_of_two(tmp_path: Path) -> None:
    file = tmp_path / "ragloop.toml"
    source = f'[[sources]]\nname = "payroll"\nuri = "{tmp_path}"\nlabels = ["hr", "board"]\n'
    file.write_text(source)
    read = load_settings(file)
    assert (read.sources[0].labels, read.retrieval.without_labels) == (("hr", "board"), "unlabelled")
    file.write_text(source + '[retrieval]\nwithout_labels = "all"\n')
    with pytest.raises(ConfigError, match=r"without_labels is 'all'.*'unlabelled' or 'everything'"):
        load_settings(file)


@pytest.mark.parametrize("shares", ["[]", "[0.25, 0.05]", "[0.1, 0.1]", "[0.5, 1.0]"])
def test_shares_of_a_canary_ascend_between_nothing_and_everything(shares: str) -> None:
    with pytest.raises(ConfigError, match=r"canary\.shares"):
        _load(f"[canary]\nshares = {shares}\n")
