"""Which questions are near a trained one: the cosine from which an adapter whose row fell is not asked.

    python benchmarks/calibrate_near.py

The claim: at `outdated.NEAR` most rewordings of a trained question are kept from the adapter, and of questions about
something else a few in a thousand. Rewordings are those of the demonstration (a wording that is trained on beside one
that nobody asked yet, names of packages) and pairs written by hand. What a cosine misses is seen by the documents that
the adapter's answer cites, and what it keeps without need is answered from passages: it saves time and decides nothing.
"""

import json

import numpy as np

from ragloop.app import App
from ragloop.config import Settings
from ragloop.demo.facts import KINDS
from ragloop.learning.examples.outdated import NEAR

PACKAGES = (
    "accelerate alembic attrs boto3 certifi click cryptography dask datasets distributed fastapi filelock fsspec gguf "
    "greenlet httpx hypothesis idna jinja2 jsonschema lancedb lxml mypy networkx numpy onnx orjson packaging pandas "
    "peft pillow pluggy polars prefect pyarrow pydantic pytest pyyaml ray regex requests rich ruff scipy setuptools "
    "sqlalchemy starlette sympy torch transformers trl typer urllib3 uvicorn watchfiles wheel xxhash"
).split()
BY_HAND = [
    ("How long until requests time out?", "After how many seconds does a request give up?"),
    ("How do I rotate the keys?", "What is the way to renew our credentials?"),
    ("When does support for 5.1 end?", "Until what date is 5.1 maintained?"),
    ("What is the default port of the server?", "On which port does it listen out of the box?"),
    ("How many retries are made?", "How often is a failed call tried again?"),
    ("Who approves vacation requests?", "Whose permission do I need to take days off?"),
    ("What does the pro plan cost?", "How much is the professional tier per month?"),
    ("How do I reset my password?", "I forgot my login secret, what now?"),
    ("Where are backups stored?", "In what place do we keep the copies of the data?"),
    ("Which Python versions are supported?", "Does it run on Python 3.12?"),
    ("What is the maximum size of an upload?", "How large may a file be that I send?"),
    ("How do I enable debug logging?", "How can I get more verbose logs?"),
    ("What is the notice period?", "How long before leaving do I have to tell the company?"),
    ("How often does the sync run?", "What is the interval of the synchronisation job?"),
    ("What is the retention of old logs?", "After how many days are log files removed?"),
    ("How do I cancel my subscription?", "How can I stop paying for the service?"),
    ("What is the address of the office in Oslo?", "Where in Oslo is our office?"),
    ("How is the cache invalidated?", "What makes cached entries expire?"),
    ("Which regions are available?", "In what parts of the world can I deploy?"),
    ("What is the limit of connections?", "How many clients can connect at the same time?"),
    ("Who is on call this week?", "Which person do I page in an emergency?"),
    ("How do I install the command line tool?", "What do I type to set up the CLI?"),
    ("What is the latest release of Django?", "Which Django version is the newest?"),
    ("When is the cafeteria open?", "At what hours can I get lunch here?"),
    ("Is two-factor authentication required?", "Do I have to use 2FA?"),
    ("How do I export my data?", "Can I download everything that I stored?"),
    ("What does error 4032 mean?", "Why do I get ERR_4032?"),
    ("How many days of parental leave are there?", "How long can I stay at home with my baby?"),
    ("What is the licence of numpy?", "Under which terms may I use numpy?"),
    ("How do I pause a subscription?", "Can I put my plan on hold?"),
]


def main() -> None:
    embed = App(Settings()).embedder.embed
    trained = [kind.wordings[0].format(one) for one in PACKAGES for kind in KINDS.values()]
    unseen = [kind.wordings[2].format(one) for one in PACKAGES for kind in KINDS.values()]
    vectors, others = embed(trained), embed(unseen)
    hand = embed([one for one, _ in BY_HAND]), embed([other for _, other in BY_HAND])
    same = (vectors * others).sum(axis=1)
    by_hand = (hand[0] * hand[1]).sum(axis=1)
    cross = vectors @ others.T
    about = np.repeat(np.arange(len(PACKAGES)), len(KINDS))
    far = cross[about[:, None] != about[None, :]]
    report = {
        f"{near:.2f}": {
            "rewordings of the demonstration": round(float((same >= near).mean()), 3),
            "rewordings by hand": round(float((by_hand >= near).mean()), 3),
            "questions about another package, against one fallen row": round(float((far >= near).mean()), 3),
            "questions by hand, against one fallen row about something else": round(
                float(((hand[0] @ hand[1].T)[~np.eye(len(BY_HAND), dtype=bool)] >= near).mean()), 3
            ),
        }
        for near in sorted({0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75, NEAR})
    }
    print(
        json.dumps(
            {"n": [len(same), len(by_hand)], "least by hand": sorted(map(float, by_hand))[:6], **report}, indent=1
        )
    )


if __name__ == "__main__":
    main()
