"""The REST client of Lance's namespaces is imported by whoever uses it, and by nobody else; each case in a process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

IMPORTED = """
import sys

def imported():
    '''The modules of the client that were run.'''
    return [one for one, held in sys.modules.items()
            if one.startswith("lance_namespace_urllib3_client") and getattr(held, "__file__", None)]
"""


def run(code: str) -> str:
    program = IMPORTED + textwrap.dedent(code)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.realmodel
def test_a_sync_and_an_answer_import_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ferry.md").write_text("# The ferry\n\nThe ferry leaves at nine.\n")
    said = run(f"""
        import ragloop
        rl = ragloop.open({str(tmp_path / "home")!r})
        rl.sync({str(tmp_path / "docs")!r})
        print(rl.feedback(rl.ask("When does the ferry leave?"), "up"), rl.app.status()["documents"])
        assert "lancedb" in sys.modules and imported() == [], imported()
        """)
    assert said.split()[1] == "1"


def test_every_stand_in_has_a_class_of_the_package_behind_it() -> None:
    said = run("""
        import ragloop.deferred, lance_namespace, lancedb.db, lancedb.namespace, lancedb.remote.db
        holders = (lance_namespace, lancedb.db, lancedb.namespace, lancedb.remote.db)
        found = [one for held in holders for one in vars(held).values() if isinstance(one, ragloop.deferred._StandIn)]
        assert imported() == []
        for one in found:
            real = ragloop.deferred._real(one)
            assert type(real) is not type(one) and real.__name__ == one.__name__, one
            assert one.model_fields == real.model_fields
            assert issubclass(real, one)
        print(len(found), len(imported()))
        """)
    stand_ins, modules = map(int, said.split())
    assert stand_ins > 100
    assert modules > 100


def test_a_class_that_is_used_is_the_one_of_the_package() -> None:
    run("""
        import ragloop, lancedb
        from lance_namespace import CreateNamespaceRequest
        assert imported() == []
        made = CreateNamespaceRequest(id=["a"])
        from lance_namespace_urllib3_client import CreateNamespaceRequest as Real, models
        assert type(made) is Real and isinstance(made, CreateNamespaceRequest)
        assert not isinstance("a", CreateNamespaceRequest)
        assert models.__file__ and CreateNamespaceRequest.from_dict({"id": ["a"]}) == made
        """)


def test_a_class_can_be_made_of_one_that_was_not_used() -> None:
    run("""
        import ragloop, lancedb
        from lance_namespace import CreateNamespaceRequest
        class Ours(CreateNamespaceRequest):
            ours: int = 1
        from lance_namespace_urllib3_client.models import CreateNamespaceRequest as Real
        assert issubclass(Ours, Real) and Ours(id=["a"]).ours == 1
        """)


def test_namespaces_of_lancedb_work(tmp_path: Path) -> None:
    run(f"""
        import ragloop, lancedb
        db = lancedb.connect_namespace("dir", {{"root": {str(tmp_path)!r}}})
        db.create_namespace(["a"])
        assert db.list_namespaces().namespaces == ["a"]
        db.create_table("t", data=[{{"x": 1}}])
        assert db.list_tables().tables == ["t"]
        """)


def test_a_module_of_the_package_is_imported_as_it_is() -> None:
    run("""
        import ragloop, lancedb
        import lance_namespace_urllib3_client
        assert lance_namespace_urllib3_client.__version__ and imported()
        from lance_namespace_urllib3_client.api_client import ApiClient
        assert ApiClient().configuration
        """)


def test_what_was_imported_before_stays(tmp_path: Path) -> None:
    run("""
        import lancedb
        before = imported()
        import ragloop, lance_namespace
        assert before and imported() == before
        assert type(lance_namespace.CreateNamespaceRequest).__module__.startswith("pydantic")
        """)


def test_other_packages_have_their_methods_checked() -> None:
    run("""
        import ragloop, lancedb
        if sys.version_info < (3, 12):
            import overrides
            assert overrides.__file__
        import inspect, lancedb.db
        assert inspect.getsource(lancedb) and lancedb.__spec__.loader.get_data(lancedb.__file__)
        """)
