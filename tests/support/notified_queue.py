"""An SQS queue with a dead-letter queue (moto in this process), which a bucket notifies of its changes."""

import json
import uuid
from functools import cached_property
from typing import Any

import boto3

from ragloop.corpus.changes.sqs import ChangeQueue
from tests.support.s3_server import Bucket


class NotifiedQueue:
    """A queue of its own for one bucket."""

    def __init__(self, bucket: Bucket, *, max_receives: int = 5, notify: bool = True) -> None:
        self.endpoint = bucket.server.endpoint
        name = f"changes-{uuid.uuid4().hex[:8]}"
        self.dead_letters = self.client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        policy = {"deadLetterTargetArn": self._arn(self.dead_letters), "maxReceiveCount": max_receives}
        self.url = self.client.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)})[
            "QueueUrl"
        ]
        if notify:
            told = {"QueueArn": self._arn(self.url), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
            bucket.client.put_bucket_notification_configuration(
                Bucket=bucket.name, NotificationConfiguration={"QueueConfigurations": [told]}
            )

    @cached_property
    def client(self) -> Any:
        return boto3.session.Session().client("sqs", endpoint_url=self.endpoint, region_name="us-east-1")

    def _arn(self, url: str) -> str:
        asked = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = asked["Attributes"]["QueueArn"]
        return arn

    def queue(self, **given: Any) -> ChangeQueue:
        return ChangeQueue(self.url, client=self.client, **given)

    def send(self, body: str) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def dead(self) -> list[tuple[str, str]]:
        """Bodies and reasons of the dead letters."""
        answer = self.client.receive_message(
            QueueUrl=self.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        return [
            (one["Body"], one.get("MessageAttributes", {}).get("ragloop.reason", {}).get("StringValue", ""))
            for one in answer.get("Messages", ())
        ]


def notification(bucket: str, *keys: str, event: str = "ObjectCreated:Put") -> str:
    """What S3 sends; keys as they stand in it, encoded as a form encodes them."""
    records = [
        {"eventSource": "aws:s3", "eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
        for key in keys
    ]
    return json.dumps({"Records": records})
