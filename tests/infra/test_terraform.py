"""infra/terraform, applied: what it makes is what ragloop needs, and what docs/operations says of it holds.

AWS is moto in this process. Terraform takes its provider from a local mirror, so that no network is needed: the folder
that TERRAFORM_MIRROR names, or one of those where Terraform and its images keep them.
"""

import json
import os
import re
import shutil
import subprocess
import uuid
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
from botocore.exceptions import ClientError
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from ragloop.app import App
from ragloop.config import load_settings, template
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
ACCOUNT = "123456789012"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
NAME = "acme-ragloop"
SERVICES = ("s3", "sqs", "iam", "sts", "kms", "cloudwatch")


class Terraform:
    """A copy of the module, and one of its examples there, whose provider asks a local server."""

    def __init__(self, folder: Path, endpoint: str, example: str, **variables: Any) -> None:
        module = REPOSITORY / "infra" / "terraform"
        shutil.copytree(module, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        self._folder = folder / "examples" / example
        services = "\n".join(f'    {name} = "{endpoint}"' for name in SERVICES)
        (self._folder / "provider_override.tf").write_text(
            f'provider "aws" {{\n  s3_use_path_style = true\n  endpoints {{\n{services}\n  }}\n}}\n'
        )
        (self._folder / "terraform.tfvars.json").write_text(json.dumps(variables))
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

    def __call__(self, command: str, *arguments: str) -> str:
        """What it says on stdout."""
        done = subprocess.run(
            ["terraform", command, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
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


def apply(made: Terraform) -> Terraform:
    """Most of the minutes that this takes, the provider waits for what is eventually consistent at Amazon's."""
    made("init", "-input=false", f"-plugin-dir={mirror()}")
    made("apply", "-auto-approve", "-input=false")
    return made


@pytest.fixture(scope="module", autouse=True)
def amazon() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # Amazon gives a redrive policy back as it was written; this server adds spaces, which Terraform would remove.
        compact = partial(json.dumps, separators=(",", ":"))
        patch.setattr(moto.sqs.models, "json", SimpleNamespace(**{**vars(json), "dumps": compact}))
        # It holds no condition of a bucket's policy, so that "refused without TLS" would be "refused" here.
        patch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)
        yield


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, s3_server: "S3Server", amazon: None) -> Terraform:
    made = Terraform(
        tmp_path_factory.mktemp("terraform") / "module",
        s3_server.endpoint,
        "new",
        name=NAME,
        oidc_provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}",
        alarm_topics=[f"arn:aws:sns:us-east-1:{ACCOUNT}:on-call"],
    )
    return apply(made)


@pytest.fixture
def aws(s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Clients of everyone's, closed with the test; this process asks the same server."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": s3_server.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    made = []

    def client(service: str) -> Any:
        made.append(boto3.session.Session().client(service))
        return made[-1]

    yield client
    for one in made:
        one.close()


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


@pytest.mark.parametrize("order", ["alone", "above", "below"])
def test_what_it_prints_is_a_configuration_also_above_and_below_the_file_of_ragloop_init(
    order: str, applied: Terraform, tmp_path: Path
) -> None:
    printed = applied.outputs["ragloop_toml"]
    text = {"alone": printed, "above": printed + template(), "below": template() + printed}[order]
    (tmp_path / "ragloop.toml").write_text(text)
    settings = load_settings(tmp_path / "ragloop.toml")
    assert settings.store == f"s3://{NAME}-store/store"
    assert settings.artifacts == f"s3://{NAME}-store/artifacts"
    assert settings.backup.uri == f"s3://{NAME}-backups/ragloop"
    (source,) = settings.sources
    assert (source.name, source.uri) == ("documents", f"s3://{NAME}-documents/handbook")
    assert source.queue.endswith(f"/{NAME}-changes")


# ---- buckets, queues, alarms ----------------------------------------------------------------------------------------

MADE = [f"{NAME}-{use}" for use in ("documents", "store", "backups", "logs")]


def test_buckets_are_closed_and_encrypted_with_the_key_that_was_made(
    applied: Terraform, aws: Callable[[str], Any]
) -> None:
    s3 = aws("s3")
    for bucket in MADE:
        closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(closed.values()) == {True}
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        by_default = rule["ApplyServerSideEncryptionByDefault"]
        if bucket.endswith("-logs"):
            assert by_default == {"SSEAlgorithm": "AES256"}, "S3 delivers no logs where a key of KMS encrypts"
        else:
            assert by_default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": applied.outputs["key_arn"]}


def test_documents_and_backups_keep_versions_and_the_store_does_not(
    applied: Terraform, aws: Callable[[str], Any]
) -> None:
    found = {bucket: aws("s3").get_bucket_versioning(Bucket=bucket).get("Status") for bucket in MADE}
    assert [bucket for bucket, status in found.items() if status] == [f"{NAME}-documents", f"{NAME}-backups"]


def queue_attributes(aws: Callable[[str], Any], name: str) -> dict[str, str]:
    sqs = aws("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


QUEUES = [f"{NAME}-changes", f"{NAME}-changes-dead"]


def test_queues_are_encrypted_with_the_key_and_s3_may_use_it(applied: Terraform, aws: Callable[[str], Any]) -> None:
    key = applied.outputs["key_arn"]
    assert [queue_attributes(aws, name)["KmsMasterKeyId"] for name in QUEUES] == [key, key]
    policy = json.loads(aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    (uses,) = [one for one in policy["Statement"] if one["Principal"] == {"Service": "s3.amazonaws.com"}]
    assert set(uses["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert uses["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_buckets_and_queues_refuse_requests_without_tls(applied: Terraform, aws: Callable[[str], Any]) -> None:
    policies = {name: aws("s3").get_bucket_policy(Bucket=name)["Policy"] for name in MADE}
    policies |= {name: queue_attributes(aws, name)["Policy"] for name in QUEUES}
    for name, policy in policies.items():
        (only,) = [one for one in json.loads(policy)["Statement"] if one["Effect"] == "Deny"]
        assert only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name
        assert only["Principal"] == {"AWS": "*"}, name
        assert only["Action"] in ("s3:*", "sqs:*"), name
        resources = [only["Resource"]] if isinstance(only["Resource"], str) else only["Resource"]
        assert {one.split(":")[-1] for one in resources} >= {name}, name


def test_an_alarm_tells_of_dead_letters_and_of_changes_that_wait(applied: Terraform, aws: Callable[[str], Any]) -> None:
    found = {one["AlarmName"]: one for one in aws("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert sorted(found) == [f"{NAME}-changes-wait", f"{NAME}-dead-letters"]
    dead, waits = found[f"{NAME}-dead-letters"], found[f"{NAME}-changes-wait"]
    assert (dead["MetricName"], dead["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    assert dead["Dimensions"] == [{"Name": "QueueName", "Value": f"{NAME}-changes-dead"}]
    assert (waits["MetricName"], waits["Threshold"]) == ("ApproximateAgeOfOldestMessage", 3600)
    assert waits["Dimensions"] == [{"Name": "QueueName", "Value": f"{NAME}-changes"}]
    headings = re.findall(r"^## (.+)$", (OPERATIONS / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    for one in found.values():
        assert one["AlarmActions"] == one["OKActions"] == [f"arn:aws:sns:us-east-1:{ACCOUNT}:on-call"]
        assert one["AlarmDescription"].split("Runbook: ")[1].rstrip(".") in headings


def test_what_a_worker_deletes_of_its_backups_is_locked_and_comes_back(
    opened: Callable[[], App], aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s3, bucket = aws("s3"), f"{NAME}-backups"
    s3.put_object(Bucket=f"{NAME}-documents", Key="handbook/owl.md", Body=b"# Owl\n\nIt eats mice.\n")
    with acting_as("worker", aws, monkeypatch):
        opened().corpus.sync()
        opened().safekeeping.back_up()
        for one in aws("s3").list_objects_v2(Bucket=bucket)["Contents"]:
            aws("s3").delete_object(Bucket=bucket, Key=one["Key"])
    assert opened().safekeeping.backups().newest() is None
    hidden = s3.list_object_versions(Bucket=bucket, Prefix="ragloop/")
    for version in hidden["Versions"]:
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    # As the runbook does it.
    for marker in (one for one in hidden["DeleteMarkers"] if one["IsLatest"]):
        s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
    # As docs/operations/production.md tries a restore: variables win over the configuration, and empty is not set.
    monkeypatch.setenv("RAGLOOP_STORE", "")
    monkeypatch.setenv("RAGLOOP_ARTIFACTS", "")
    trial = App(load_settings(tmp_path / "ragloop.toml", tmp_path / "trial"), embedder=ConstantEmbedder())
    trial.safekeeping.restore(None)
    assert "owl.md" in inventory.keys(trial.index).values()
    assert (tmp_path / "trial" / "store").is_dir()


def test_versions_of_backups_are_locked_and_expire_after_the_same_days(
    applied: Terraform, aws: Callable[[str], Any]
) -> None:
    s3, bucket = aws("s3"), f"{NAME}-backups"
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (lock["Mode"], lock["Days"]) == ("GOVERNANCE", 14)
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    expires = [one["NoncurrentVersionExpiration"] for one in rules if "NoncurrentVersionExpiration" in one]
    assert [one["NoncurrentDays"] for one in expires] == [14]


# ---- what is there already ------------------------------------------------------------------------------------------


def test_a_bucket_and_a_key_that_are_there_are_left_as_they_are_and_used(
    tmp_path: Path, aws: Callable[[str], Any], s3_server: "S3Server"
) -> None:
    aws("s3").create_bucket(Bucket="theirs")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    variables = {"name": "beside", "documents_bucket": "theirs", "kms_key_arn": key}
    applied = apply(Terraform(tmp_path / "module", s3_server.endpoint, "existing", **variables))
    assert "No changes" in applied("plan", "-input=false", "-detailed-exitcode")
    (tmp_path / "ragloop.toml").write_text(applied.outputs["ragloop_toml"])
    app = App(load_settings(tmp_path / "ragloop.toml", tmp_path / "home"), embedder=ConstantEmbedder())
    app.corpus.sync()
    aws("s3").put_object(Bucket="theirs", Key="handbook/new.md", Body=document("new").encode())
    assert drain(app).report.added == 1
    assert "Status" not in aws("s3").get_bucket_versioning(Bucket="theirs")
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        aws("s3").get_bucket_policy(Bucket="theirs")
    names = {one["Name"] for one in aws("s3").list_buckets()["Buckets"]}
    assert {name for name in names if name.startswith("beside")} == {"beside-store", "beside-backups"}
    (rule,) = aws("s3").get_bucket_encryption(Bucket="beside-store")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    assert sorted(applied.outputs["policies"]) == ["service", "watcher", "worker"]
    (allowed_use,) = json.loads(applied.outputs["key_policy"])["Statement"]
    assert allowed_use["Principal"] == {"Service": "s3.amazonaws.com"}


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
    for role in ("worker", "watcher", "service"):
        arn = f"arn:aws:iam::{ACCOUNT}:policy/{NAME}-{role}"
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found[role] = allowed(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    assert found == documented()


def test_the_docs_name_no_action_that_the_worker_policy_lacks() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in OPERATIONS.glob("*.md"))
    assert set(re.findall(r"`((?:s3|sqs|kms):[A-Z]\w+)`", text)) == documented()["worker"]


def test_the_roles_trust_one_service_account_each_and_have_their_policy(
    applied: Terraform, aws: Callable[[str], Any]
) -> None:
    accounts = {"worker": "ragloop", "watcher": "ragloop-watcher", "service": "ragloop-answers"}
    assert applied.outputs["roles"] == {role: f"arn:aws:iam::{ACCOUNT}:role/{NAME}-{role}" for role in accounts}
    for role, account in accounts.items():
        made = aws("iam").get_role(RoleName=f"{NAME}-{role}")["Role"]
        (trusted,) = made["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert trusted["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
        assert trusted["Condition"]["StringEquals"] == {
            f"{ISSUER}:sub": f"system:serviceaccount:prefect:{account}",
            f"{ISSUER}:aud": "sts.amazonaws.com",
        }
        attached = aws("iam").list_attached_role_policies(RoleName=f"{NAME}-{role}")["AttachedPolicies"]
        assert [one["PolicyName"] for one in attached] == [f"{NAME}-{role}"]


SPELLED = {
    "worker": ["s3:HeadBucket", "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch", "sqs:GetQueueUrl"],
    "watcher": ["s3:HeadBucket"],
    "service": ["s3:HeadBucket"],
}
"""What this server decides otherwise than Amazon's: there ListBucket allows HeadBucket, and the single action a batch;
and it holds GetQueueUrl against no queue, since a name stands in that request and no address."""


@contextmanager
def acting_as(
    role: str, aws: Callable[[str], Any], patch: pytest.MonkeyPatch, *, spelled: bool = True
) -> Iterator[None]:
    """This process has the policy of the role and no other, and the server refuses what it does not allow."""
    iam, user = aws("iam"), f"{role}-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    iam.attach_user_policy(UserName=user, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{NAME}-{role}")
    also = SPELLED[role] if spelled else ["sqs:GetQueueUrl"]
    also_allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": also, "Resource": "*"}]}
    iam.put_user_policy(UserName=user, PolicyName="spelled", PolicyDocument=json.dumps(also_allowed))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    with patch.context() as inside:
        inside.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        inside.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        inside.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
        inside.setattr(ActionAuthenticatorMixin, "request_count", 0)
        yield


def probes(aws: Callable[[str], Any]) -> dict[str, Callable[[], Any]]:
    """Requests by action and place. What is refused is refused before it is looked for, so most name nothing real."""
    s3, sqs = aws("s3"), aws("sqs")
    found: dict[str, Callable[[], Any]] = {}
    for bucket in MADE:
        use = bucket.removeprefix(f"{NAME}-")
        found[f"s3:ListBucket {use}"] = partial(s3.list_objects_v2, Bucket=bucket)
        found[f"s3:PutBucketVersioning {use}"] = partial(
            s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        found[f"s3:PutBucketPolicy {use}"] = partial(s3.put_bucket_policy, Bucket=bucket, Policy="{}")
        found[f"s3:DeleteBucket {use}"] = partial(s3.delete_bucket, Bucket=bucket)
    for place in PLACES:
        use, _, folder = place.partition("/")
        item = {"Bucket": f"{NAME}-{use}", "Key": f"{folder}/probe"}
        found |= {
            f"s3:GetObject {place}": partial(s3.get_object, **item),
            f"s3:PutObject {place}": partial(s3.put_object, **item, Body=b""),
            f"s3:DeleteObject {place}": partial(s3.delete_object, **item),
            f"s3:DeleteObjectVersion {place}": partial(s3.delete_object, **item, VersionId="none"),
            f"s3:AbortMultipartUpload {place}": partial(s3.abort_multipart_upload, **item, UploadId="none"),
        }
    for queue in QUEUES:
        asked = {"QueueUrl": aws("sqs").get_queue_url(QueueName=queue)["QueueUrl"]}
        handle = {**asked, "ReceiptHandle": "none"}
        found |= {
            f"sqs:GetQueueAttributes {queue}": partial(sqs.get_queue_attributes, **asked),
            f"sqs:ReceiveMessage {queue}": partial(sqs.receive_message, **asked),
            f"sqs:SendMessage {queue}": partial(sqs.send_message, **asked, MessageBody="{}"),
            f"sqs:DeleteMessage {queue}": partial(sqs.delete_message, **handle),
            f"sqs:ChangeMessageVisibility {queue}": partial(
                sqs.change_message_visibility, **handle, VisibilityTimeout=1
            ),
            f"sqs:PurgeQueue {queue}": partial(sqs.purge_queue, **asked),
            f"sqs:SetQueueAttributes {queue}": partial(sqs.set_queue_attributes, **asked, Attributes={}),
            f"sqs:DeleteQueue {queue}": partial(sqs.delete_queue, **asked),
        }
    return found


PLACES = [
    "documents/handbook", "documents/elsewhere", "store/store", "store/artifacts", "store/elsewhere", "backups/ragloop",
    "backups/elsewhere", "logs/2026",
]  # fmt: skip
CHANGES, DEAD = QUEUES
READ, WRITE = ("GetObject",), ("GetObject", "PutObject", "DeleteObject")
ALL = (*WRITE, "AbortMultipartUpload")


def on(place: str, *actions: str, service: str = "s3") -> set[str]:
    return {f"{service}:{action} {place}" for action in actions}


ALLOWED = {
    "worker": {
        *on("documents", "ListBucket"), *on("store", "ListBucket"), *on("backups", "ListBucket"),
        *on("documents/handbook", *READ), *on("store/store", *ALL), *on("store/artifacts", *ALL),
        *on("backups/ragloop", *ALL), *on(DEAD, "GetQueueAttributes", "SendMessage", service="sqs"),
        *on(
            CHANGES, "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", service="sqs"
        ),
    },
    "watcher": {
        *on("store", "ListBucket"), *on("store/store", *READ), *on(CHANGES, "GetQueueAttributes", service="sqs"),
    },
    "service": {*on("store", "ListBucket"), *on("store/store", *WRITE), *on("store/artifacts", *READ)},
}  # fmt: skip


@pytest.mark.parametrize("role", ALLOWED)
def test_each_action_on_each_place_is_allowed_or_refused_as_the_role_needs_it(
    role: str, applied: Terraform, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}
    with acting_as(role, aws, monkeypatch, spelled=False):
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        for name, request in probes(aws).items():
            try:
                request()
            except ClientError as error:
                asked[name] = error.response["Error"]["Code"]
    # Of SQS this server refuses with the status alone.
    refused = {name for name, code in asked.items() if code in ("AccessDenied", "403")}
    assert set(probes(aws)) - refused == ALLOWED[role]


def test_a_worker_may_do_its_work_and_not_write_the_documents(
    opened: Callable[[], App], applied: Terraform, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws("s3").put_object(Bucket=f"{NAME}-documents", Key="handbook/a.md", Body=document("a").encode())
    aws("sqs").send_message(QueueUrl=opened().corpus.watched()[0].queue.url, MessageBody="ring ring")
    with acting_as("worker", aws, monkeypatch):
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
    with acting_as("watcher", aws, monkeypatch):
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
    with acting_as("service", aws, monkeypatch):
        opened().answering.answerer.ask("What does the heron eat?")
        assert len(opened().journal.interactions()) > 0
        assert_refused(lambda: aws("s3").get_object(Bucket=f"{NAME}-documents", Key="handbook/heron.md"))
        with pytest.raises(NotFoundError, match="AccessDenied"):
            opened().corpus.watched()[0].queue.backlog()


def assert_refused(ask: Callable[[], Any]) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        ask()
