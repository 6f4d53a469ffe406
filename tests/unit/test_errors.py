"""The error tree, and the full disk that LanceDB reports in words."""

import errno
import tomllib
from pathlib import Path

import pytest

from ragloop import errors
from ragloop.errors import RagloopError, StorageFullError, full_disk_is_an_error, missing_package


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("lance error: LanceError(IO): No space left on device (os error 28), writer.rs:191:9"),
        OSError("LanceError(IO): Generic LocalFileSystem error: No space left on device"),
    ],
)
def test_a_full_disk_says_where_and_what_to_do(error: Exception) -> None:
    with (
        pytest.raises(
            StorageFullError, match=r"the disk that holds /home/x; nothing was lost: free some space"
        ) as full,
        full_disk_is_an_error("/home/x"),
    ):
        raise error
    assert full.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "broken"), RuntimeError("other"), ValueError("No space left on device")]
)
def test_other_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, full_disk_is_an_error("/home/x"):
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    ("module", "extra"), [("torch.nn", "models"), ("peft", "train"), ("prefect", "flows"), ("bitsandbytes", "qlora")]
)
def test_a_missing_package_names_the_extra_that_brings_it(module: str, extra: str) -> None:
    missing = missing_package(module)
    assert missing is not None
    assert f"expected the extra `{extra}`" in str(missing)
    assert missing_package("ragloop.nothing") is None
    assert missing_package(None) is None


def test_every_extra_that_an_error_names_brings_its_packages() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = pyproject["project"]["optional-dependencies"]
    for names, packages in errors._BRINGS.items():
        brought = [line.replace("-", "_") for name in names.split(",") for line in extras[name]]
        assert [one for one in packages if not any(line.startswith(one) for line in brought)] == []


def test_exit_codes_and_transience_follow_the_tree() -> None:
    tree = {name: one for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, RagloopError)}
    codes = {name: one.exit_code for name, one in tree.items()}
    assert {name for name, code in codes.items() if code == 1} == {
        "DocumentError",
        "ParserStoppedError",
        "PassingDocumentError",
        "TrainingError",
    }
    assert {name for name, code in codes.items() if code == 3} == {
        "UnavailableError",
        "StoreBusyError",
        "StoreChangedError",
        "StorageFullError",
    }
    assert {name for name, one in tree.items() if one.transient} == {name for name, code in codes.items() if code == 3}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    for name, one in vars(errors).items():
        if isinstance(one, type) and issubclass(one, RagloopError):
            assert name in (errors.__doc__ or "")
