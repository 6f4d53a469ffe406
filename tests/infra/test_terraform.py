"""infra/terraform, applied: what it makes is what ragloop needs, and what docs/operations says of it holds.

AWS is moto in this process. Terraform takes its provider from a local mirror, so that no network is needed: the folder
that TERRAFORM_MIRROR names, or one of those where Terraform and its images keep them.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import moto.settings
import moto.sqs.models
import pytest
from moto.core.authorization import ActionAuthenticatorMixin

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.errors import NotFoundError
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import document
from tests.support.s3_server import ENVIRONMENT

if TYPE_CHECKING:
    from tests.support.s3_server import S3Server

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
OPERATIONS = REPOSITORY / "docs" / "operations"
MIRRORS = [
    os.environ.get("TERRAFORM_MIRROR", ""),
    "/opt/tf-plugins",
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    str(Path.home() / ".terraform.d" / "plugins"),
]
PROVIDER = "registry.terraform.io/hashicorp/aws"
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
NAME = "acme-ragloop"


class Terraform:
    """A copy of the module whose provider asks a local server."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        shutil.copytree(
            REPOSITORY / "infra" / "terraform", folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
        )
        services = "\n".join(f'    {name} = "{endpoint}"' for name in ("s3", "sqs", "iam", "sts"))
        (folder / "provider.tf").write_text(
            f'provider "aws" {{\n  s3_use_path_style = true\n  endpoints {{\n{services}\n  }}\n}}\n'
        )
        (folder / "terraform.tfvars.json").write_text(
            json.dumps({"name": NAME, "documents_prefix": "handbook", "kms_key_arn": KEY, "force_destroy": True})
        )
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        # Without a file of that name Terraform reads the one of the user, which may name other mirrors.
        (folder / "cli.tfrc").touch()
        self._environment = {
            **inherited,
            **ENVIRONMENT,
            "AWS_REGION": ENVIRONMENT["AWS_DEFAULT_REGION"],
            "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc"),
            "CHECKPOINT_DISABLE": "1",
        }

    def __call__(self, command: str, *arguments: str, expected: int = 0) -> str:
        """What it says on stdout; the exit code must be the expected one."""
        done = subprocess.run(
            ["terraform", command, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return {name: one["value"] for name, one in json.loads(self("output", "-json")).items()}


def mirror() -> Path:
    if shutil.which("terraform") is None:
        pytest.skip("no terraform on PATH")
    for place in filter(None, MIRRORS):
        if (Path(place) / PROVIDER).is_dir():
            return Path(place)
    pytest.skip(f"no mirror of Terraform's provider of AWS: set TERRAFORM_MIRROR to a folder that holds {PROVIDER}")


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, s3_server: "S3Server") -> Iterator[Terraform]:
    """Most of the minutes that this takes, the provider waits for what is eventually consistent at Amazon's."""
    plugins = mirror()
    made = Terraform(tmp_path_factory.mktemp("terraform") / "module", s3_server.endpoint)
    with pytest.MonkeyPatch.context() as patch:
        # Amazon gives a redrive policy back as it was written; this server adds spaces, which Terraform would remove.
        compact = partial(json.dumps, separators=(",", ":"))
        patch.setattr(moto.sqs.models, "json", SimpleNamespace(**{**vars(json), "dumps": compact}))
        made("init", "-input=false", f"-plugin-dir={plugins}")
        made("apply", "-auto-approve", "-input=false")
        yield made


@pytest.fixture
def aws(s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Clients of everyone's; this process asks the same server."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": s3_server.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return lambda service: boto3.session.Session().client(service)


@pytest.fixture
def opened(applied: Terraform, aws: Any, tmp_path: Path) -> Callable[[], App]:
    """Apps of the configuration that the module prints; each call is a new one, as a new process would make it."""
    config = tmp_path / "ragloop.toml"
    config.write_text(applied.outputs["ragloop_toml"])
    return lambda: App(load_settings(config, tmp_path / "home"), embedder=ConstantEmbedder())


def drain(app: App) -> Any:
    return app.corpus.changes.drain(app.corpus.watched(), wait_s=0)


def test_an_upload_reaches_the_queue_and_is_indexed(opened: Callable[[], App], aws: Callable[[str], Any]) -> None:
    opened().corpus.sync()
    drain(opened())
    for key in ("handbook/new.md", "elsewhere/beside.md"):
        aws("s3").put_object(Bucket=f"{NAME}-documents", Key=key, Body=document("new").encode())
    drained = drain(opened())
    assert (drained.report.added, drained.messages, drained.foreign) == (1, 1, 0)
    assert list(inventory.keys(opened().index).values()) == ["new.md"]


def test_applying_again_changes_nothing(applied: Terraform) -> None:
    assert "No changes" in applied("plan", "-input=false", "-detailed-exitcode")


def test_buckets_are_closed_and_encrypted_and_documents_keep_versions(
    applied: Terraform, aws: Callable[[str], Any]
) -> None:
    s3 = aws("s3")
    for bucket in (f"{NAME}-documents", f"{NAME}-store"):
        closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(closed.values()) == {True}
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    assert s3.get_bucket_versioning(Bucket=f"{NAME}-documents").get("Status") == "Enabled"
    assert "Status" not in s3.get_bucket_versioning(Bucket=f"{NAME}-store")


# ---- roles ----------------------------------------------------------------------------------------------------------


def allowed(policy: dict[str, Any]) -> set[str]:
    listed = [one["Action"] for one in policy["Statement"]]
    return {action for one in listed for action in ([one] if isinstance(one, str) else one)}


def documented() -> dict[str, set[str]]:
    """Read the actions of each policy from the list in docs/operations/deploying.md."""
    text = (OPERATIONS / "deploying.md").read_text(encoding="utf-8")
    items = dict(re.findall(r"^- `(worker|watcher|service)`,(.*(?:\n  .*)*)", text, re.MULTILINE))
    assert sorted(items) == ["service", "watcher", "worker"]
    return {role: set(re.findall(r"\b(?:s3|sqs|kms):[A-Z]\w+", item)) for role, item in items.items()}


def test_the_policies_name_the_actions_that_the_docs_name(applied: Terraform, aws: Callable[[str], Any]) -> None:
    iam = aws("iam")
    found = {}
    for role, arn in applied.outputs["policies"].items():
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found[role] = allowed(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    assert found == documented()


def test_the_docs_name_no_action_that_the_worker_policy_lacks() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in OPERATIONS.glob("*.md"))
    assert set(re.findall(r"`((?:s3|sqs|kms):[A-Z]\w+)`", text)) == documented()["worker"]


SPELLED = {
    "worker": ["s3:HeadBucket", "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch", "sqs:GetQueueUrl"],
    "watcher": ["s3:HeadBucket"],
    "service": ["s3:HeadBucket"],
}
"""What this server decides otherwise than Amazon's: there ListBucket allows HeadBucket, and the single action a batch;
and it holds GetQueueUrl against no queue, since a name stands in that request and no address."""


@contextmanager
def acting_as(role: str, applied: Terraform, aws: Callable[[str], Any], patch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process has the policy of the role and no other, and the server refuses what it does not allow."""
    iam, policy = aws("iam"), applied.outputs["policies"][role]
    iam.create_user(UserName=role)
    iam.attach_user_policy(UserName=role, PolicyArn=policy)
    spelled = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": SPELLED[role], "Resource": "*"}]}
    iam.put_user_policy(UserName=role, PolicyName="spelled", PolicyDocument=json.dumps(spelled))
    key = iam.create_access_key(UserName=role)["AccessKey"]
    with patch.context() as inside:
        inside.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        inside.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        inside.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
        inside.setattr(ActionAuthenticatorMixin, "request_count", 0)
        yield


def test_a_worker_may_do_its_work_and_not_write_the_documents(
    opened: Callable[[], App], applied: Terraform, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws("s3").put_object(Bucket=f"{NAME}-documents", Key="handbook/a.md", Body=document("a").encode())
    aws("sqs").send_message(QueueUrl=opened().corpus.watched()[0].queue.url, MessageBody="ring ring")
    with acting_as("worker", applied, aws, monkeypatch):
        opened().corpus.sync()
        drained = drain(opened())
        assert (drained.messages, drained.refused) == (2, 1)
        assert "a.md" in inventory.keys(opened().index).values()
        assert_refused(lambda: aws("s3").delete_object(Bucket=f"{NAME}-documents", Key="handbook/a.md"))
        assert_refused(lambda: aws("s3").get_object(Bucket=f"{NAME}-documents", Key="elsewhere/beside.md"))


def test_a_watcher_may_look_and_not_receive(
    opened: Callable[[], App], applied: Terraform, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().corpus.sync()
    with acting_as("watcher", applied, aws, monkeypatch):
        app = opened()
        (watched,) = app.corpus.watched()
        assert app.corpus.folders() == []
        watched.queue.backlog()
        with pytest.raises(NotFoundError, match="AccessDenied"):
            watched.queue.receive()
        assert_refused(lambda: aws("s3").put_object(Bucket=f"{NAME}-store", Key="store/x", Body=b""))


def test_a_service_may_answer_and_not_see_the_documents(
    opened: Callable[[], App], applied: Terraform, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws("s3").put_object(Bucket=f"{NAME}-documents", Key="handbook/heron.md", Body=b"# Heron\n\nIt eats frogs.\n")
    opened().corpus.sync()
    with acting_as("service", applied, aws, monkeypatch):
        opened().answering.answerer.ask("What does the heron eat?")
        assert len(opened().journal.interactions()) > 0
        assert_refused(lambda: aws("s3").get_object(Bucket=f"{NAME}-documents", Key="handbook/heron.md"))
        with pytest.raises(NotFoundError, match="AccessDenied"):
            opened().corpus.watched()[0].queue.backlog()


def assert_refused(ask: Callable[[], Any]) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError, match="AccessDenied"):
        ask()
