"""Ask a service with the client that is named, whole, streamed, as a follow-up and for a model that does not exist.

Runs in an environment of its own, which has requirements.txt installed. Prints one JSON object.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

QUESTION, NEXT, MODEL, MISSING = "Who keeps the bees?", "When does the ferry leave?", "ragloop", "gpt-4o"
KEY = os.environ.get("RAGLOOP_SERVICE_KEY", "none")
HISTORY = [("user", QUESTION), ("assistant", "Ada. [1]"), ("user", NEXT)]


def failure(ask):
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
        return f"{type(error).__name__} {error}"
    return ""


def langchain(base):
    from langchain_openai import ChatOpenAI

    def model(name=MODEL):
        return ChatOpenAI(base_url=base, api_key=KEY, model=name, max_retries=0)

    return {
        "whole": model().invoke(QUESTION).content,
        "streamed": "".join(one.content for one in model().stream(QUESTION)),
        "next": model().invoke(HISTORY).content,
        "links": model(f"{MODEL}:links").invoke(QUESTION).content,
        "error": failure(lambda: model(MISSING).invoke(QUESTION)),
    }


def llama_index(base):
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai_like import OpenAILike

    def model(name=MODEL, chat=True):
        return OpenAILike(api_base=base, api_key=KEY, model=name, is_chat_model=chat, max_retries=0)

    question = [ChatMessage(role="user", content=QUESTION)]
    history = [ChatMessage(role=role, content=content) for role, content in HISTORY]
    return {
        "whole": model().chat(question).message.content,
        "streamed": "".join(one.delta for one in model().stream_chat(question)),
        "next": model().chat(history).message.content,
        "older": model(chat=False).complete(QUESTION).text,
        "older streamed": "".join(one.delta for one in model(chat=False).stream_complete(QUESTION)),
        "error": failure(lambda: model(MISSING).chat(question)),
    }


def litellm(base):
    from litellm import completion

    def ask(messages, name=MODEL, **more):
        messages = [{"role": role, "content": content} for role, content in messages]
        return completion(model=f"openai/{name}", api_base=base, api_key=KEY, messages=messages, **more)

    whole = ask(HISTORY[:1]).choices[0].message
    return {
        "whole": whole.content,
        "cited": whole.annotations[0]["url_citation"]["url"],
        "streamed": "".join(one.choices[0].delta.content or "" for one in ask(HISTORY[:1], stream=True)),
        "next": ask(HISTORY).choices[0].message.content,
        "error": failure(lambda: ask(HISTORY, MISSING, num_retries=0)),
    }


def agents(base, kind):
    from agents import Agent, Runner, set_tracing_disabled
    from openai import AsyncOpenAI

    set_tracing_disabled(True)

    async def asked(question, name=MODEL):
        async with AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0) as client:
            agent = Agent(name="agent", model=kind(model=name, openai_client=client))
            return (await Runner.run(agent, question)).final_output

    async def streamed():
        async with AsyncOpenAI(base_url=base, api_key=KEY) as client:
            agent = Agent(name="agent", model=kind(model=MODEL, openai_client=client))
            events = [one async for one in Runner.run_streamed(agent, QUESTION).stream_events()]
            raw = [one.data for one in events if one.type == "raw_response_event"]
            return "".join(one.delta for one in raw if one.type == "response.output_text.delta")

    history = [{"role": role, "content": content} for role, content in HISTORY]
    return {
        "whole": asyncio.run(asked(QUESTION)),
        "streamed": asyncio.run(streamed()),
        "next": asyncio.run(asked(history)),
        "error": failure(lambda: asyncio.run(asked(QUESTION, MISSING))),
    }


def agents_chat(base):
    from agents import OpenAIChatCompletionsModel

    return agents(base, OpenAIChatCompletionsModel)


def agents_responses(base):
    from agents import OpenAIResponsesModel

    return agents(base, OpenAIResponsesModel)


def llm(base):
    with TemporaryDirectory() as folder:
        models = [{"model_id": one, "model_name": one, "api_base": base} for one in (MODEL, MISSING)]
        # JSON is YAML.
        (Path(folder) / "extra-openai-models.yaml").write_text(json.dumps(models))
        command = [str(Path(sys.executable).with_name("llm")), "-m"]
        environment = {**os.environ, "LLM_USER_PATH": folder, "OPENAI_API_KEY": KEY}

        def ask(*arguments):
            run = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
            return run.stdout.strip() if run.returncode == 0 else run.stderr.strip()

        return {
            "whole": ask(MODEL, "--no-stream", QUESTION),
            "streamed": ask(MODEL, QUESTION),
            "next": ask(MODEL, "-c", NEXT),
            "error": ask(MISSING, QUESTION),
        }


CLIENTS = {
    "langchain-openai": langchain,
    "llama-index-llms-openai-like": llama_index,
    "litellm": litellm,
    "openai-agents (chat)": agents_chat,
    "openai-agents (responses)": agents_responses,
    "llm": llm,
}

if __name__ == "__main__":
    print(json.dumps(CLIENTS[sys.argv[1]](sys.argv[2])))
