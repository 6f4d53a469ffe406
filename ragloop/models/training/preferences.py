"""What of TRL's DPOTrainer is replaced: rows come with their tokens, as the chat format of the base model has them.

Only the training process imports this module.
"""

from typing import Any

from trl import DPOConfig, DPOTrainer

from ragloop.models.chat import Chat

BETA = 0.1
"""How strongly the adapter is held near the base model (Rafailov et al., arXiv:2305.18290)."""


class PreferenceTrainer(DPOTrainer):
    """DPOTrainer over rows that are tokens: `prompt_ids`, `chosen_ids` and `rejected_ids`."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset

    def run_frozen_layers_once(self, first: int) -> list[str]:
        """Leave the layers below `first` in every pass: the base model that answers are compared with has them too."""
        return [f"the {first} frozen layers run in every pass: two answers are compared"] if first else []


def preference_arguments(common: dict[str, Any]) -> Any:
    """Return the arguments of a training by preferences.

    Without the tokens of the answer in the loss, both answers may become less likely (Pang et al., arXiv:2404.19733).
    """
    return DPOConfig(**common, beta=BETA, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 1.0])


def compared(chat: Chat, messages: list[dict[str, str]], rejected: str) -> dict[str, list[int]]:
    """Return the tokens of a row: its prompt, its answer, and the answer that was rejected."""
    chosen = chat.example(messages)
    other = chat.example([*messages[:-1], {"role": "assistant", "content": rejected}])
    return {"prompt_ids": [*chosen.prompt], "chosen_ids": [*chosen.answer], "rejected_ids": [*other.answer]}
