"""The SQS queue that a bucket notifies: how full it is, what it says, and what is done with its messages."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ragloop.errors import ConfigError, NotFoundError, RagloopError, UnavailableError
from ragloop.store.aws.client import new_client
from ragloop.store.aws.errors import aws_errors, is_transient, one_line, said
from ragloop.store.aws.renewing import renewed

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

VISIBILITY_S = 60
"""A message that was received is hidden from other readers this long, unless it is asked for longer."""
HIDDEN_S = 11 * 60 * 60
"""SQS hides a message for twelve hours at most, counted from its receipt, and refuses what would go beyond."""
_HIDDEN = "is hidden for eleven hours"
_AT_ONCE = 10
"""Messages in one request, the most that SQS takes."""


@dataclass(frozen=True)
class Message:
    """A message of the queue. `receipt` allows this reader to delete it."""

    body: str
    receipt: str
    received: int


@dataclass(frozen=True)
class Backlog:
    """How many messages wait, and how many a reader holds; SQS counts them about right."""

    waiting: int
    held: int


class ChangeQueue:
    """One queue; messages that were received are hidden for `visibility_s`.

    Every method raises NotFoundError for a queue that is not there, UnavailableError without answer.
    """

    def __init__(self, url: str, *, client: Any = None, visibility_s: int = VISIBILITY_S) -> None:
        """`client` is a boto3 client of SQS, by default one by the AWS settings."""
        self.url = url
        self._given_client, self.visibility_s = client, visibility_s

    @cached_property
    def _client(self) -> Any:
        return self._given_client or new_client(f"queue {self.url}", "sqs")

    def backlog(self) -> Backlog:
        """Count messages without receiving: none is hidden, and none gets closer to the dead-letter queue."""
        found = self._attributes("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return Backlog(*(int(found.get(f"ApproximateNumberOfMessages{part}", 0)) for part in ("", "NotVisible")))

    def _attributes(self, *names: str) -> dict[str, str]:
        with self._errors():
            answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))
        found: dict[str, str] = answer.get("Attributes", {})
        return found

    def receive(self, wait_s: int = 0) -> list[Message]:
        """Receive up to ten messages; wait so long for the first one (seconds, at most 20)."""
        with self._errors():
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=_AT_ONCE,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=self.visibility_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [_message(one) for one in answer.get("Messages", ())]

    def delete(self, messages: Sequence[Message]) -> int:
        """Delete messages whose changes are committed; return how many SQS did not delete, though asked twice.

        Those come again, and nothing has to be done for them then.
        """
        return len(self._batched("delete_message_batch", messages, {}))

    def hide(self, messages: Sequence[Message], seconds: int) -> int:
        """Hide messages from other readers for so long from now; return how many SQS did not hide, though asked twice.

        Those come again when the time that they were hidden for before is over.
        """
        return len(self._batched("change_message_visibility_batch", messages, {"VisibilityTimeout": seconds}))

    def held(self, messages: Sequence[Message]) -> AbstractContextManager[None]:
        """Keep messages hidden while the block works, however long that takes."""
        # Messages that could not be hidden come again to another reader, who finds their changes applied.
        return renewed(partial(self.hide, messages, self.visibility_s), self.visibility_s / 3)

    def refuse(self, message: Message, reason: str) -> str:
        """Move a message to the dead-letter queue with the reason, or hide it without one. Return where it is."""
        dead_letters = self._dead_letters
        if dead_letters is None:
            hidden = "comes again soon, for SQS did not hide it" if self.hide([message], HIDDEN_S) else _HIDDEN
            return f"it {hidden}, and the queue has no dead-letter queue: give it a redrive policy"
        attributes = {"ragloop.reason": {"DataType": "String", "StringValue": reason[:200]}}
        with self._errors():
            self._client.send_message(QueueUrl=dead_letters, MessageBody=message.body, MessageAttributes=attributes)
        comes_again = ", and comes again, for SQS did not delete it" if self.delete([message]) else ""
        return f"it is in the dead-letter queue now{comes_again}"

    def refused(self) -> int:
        """Count the messages in the dead-letter queue; none where there is no such queue."""
        if self._dead_letters is None:
            return 0
        with self._errors():
            name = "ApproximateNumberOfMessages"
            answer = self._client.get_queue_attributes(QueueUrl=self._dead_letters, AttributeNames=[name])
        return int(answer["Attributes"][name])

    @cached_property
    def _dead_letters(self) -> str | None:
        """Address of the queue that the redrive policy names."""
        policy = json.loads(self._attributes("RedrivePolicy").get("RedrivePolicy", "{}"))
        if "deadLetterTargetArn" not in policy:
            return None
        *_, account, name = policy["deadLetterTargetArn"].split(":")
        with self._errors():
            url: str = self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        return url

    def _batched(self, request: str, messages: Sequence[Message], asked: dict[str, Any]) -> list[Message]:
        """Send a request for every message, and again for those that SQS failed on; return those it failed on twice."""
        left = self._done_for(request, messages, asked)
        # Botocore asks again where a whole request is refused, not for entries of one that was answered.
        return self._done_for(request, left, asked)

    def _done_for(self, request: str, messages: Sequence[Message], asked: dict[str, Any]) -> list[Message]:
        """Send a request for every message; return those that the answers, successful as a whole, name as failed."""
        left = []
        for start in range(0, len(messages), _AT_ONCE):
            part = messages[start : start + _AT_ONCE]
            entries = [{"Id": str(n), "ReceiptHandle": one.receipt, **asked} for n, one in enumerate(part)]
            with self._errors():
                answer = getattr(self._client, request)(QueueUrl=self.url, Entries=entries)
            left += [part[int(one["Id"])] for one in answer.get("Failed", ())]
        return left

    def _errors(self) -> AbstractContextManager[None]:
        return aws_errors(self._refused, self._unanswered)

    def _refused(self, error: "ClientError") -> RagloopError:
        if is_transient(error):
            return UnavailableError(f"the queue {self.url} refuses now: {said(error)}; try again")
        return NotFoundError(
            f"cannot use the queue {self.url}: {said(error)}; expected one that these credentials may receive from, "
            "delete from, and ask for attributes: correct sources.queue"
        )

    def _unanswered(self, error: "BotoCoreError") -> RagloopError:
        from botocore.exceptions import NoCredentialsError

        if isinstance(error, NoCredentialsError):
            return ConfigError(f"found no credentials for the queue {self.url}; set them by the AWS means")
        return UnavailableError(f"no answer from the queue {self.url}: {one_line(error)}; try again")


def _message(given: dict[str, Any]) -> Message:
    return Message(
        given["Body"], given["ReceiptHandle"], int(given.get("Attributes", {}).get("ApproximateReceiveCount", 1))
    )
