"""Send spans with the SDK of OpenTelemetry, packed and not, from an environment of its own; prints one JSON object."""

import json
import logging
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor


def answer(tracer, how):
    question = f"Who keeps the bees ({how})?"
    with tracer.start_as_current_span("ask") as root:
        root.set_attribute("input.value", question)
        with tracer.start_as_current_span("retrieve") as span:
            span.set_attribute("openinference.span.kind", "RETRIEVER")
            span.set_attribute("retrieval.documents.0.document.content", "Ada keeps the bees behind the old mill.")
            span.set_attribute("retrieval.documents.0.document.metadata", json.dumps({"source": "/kb/bees.md"}))
        with tracer.start_as_current_span("chat") as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.output.messages", json.dumps([{"role": "assistant", "content": "Ada. [1]"}]))
        root.set_attribute("output.value", "Ada. [1]")


def main(address, secret):
    sent = []
    for compression in (Compression.Gzip, Compression.NoCompression):
        headers = {"authorization": f"Bearer {secret}"}
        provider = TracerProvider()
        # Each span is a request of its own, as a trace comes that takes longer than a batch.
        provider.add_span_processor(
            SimpleSpanProcessor(OTLPSpanExporter(address, headers=headers, compression=compression))
        )
        answer(provider.get_tracer("test"), compression.value)
        provider.shutdown()
        sent.append(compression.value)
    said = []
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(logging.StreamHandler(stream=type("Said", (), {"write": said.append, "flush": lambda: None})))
    refused = OTLPSpanExporter(address, headers={"authorization": "Bearer no"})
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(refused))
    provider.get_tracer("test").start_span("a").end()
    provider.shutdown()
    return {"sent": sent, "refused": "401" if "401" in "".join(said) else "".join(said)}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
