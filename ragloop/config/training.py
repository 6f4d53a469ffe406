"""What trains an adapter: the section [training]."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ragloop.config.section import Section


class TrainingSettings(Section):
    """LoRA training."""

    recipe: Literal["facts", "grounded", "style", "distill", "preference"] = "facts"
    """What is learned where nothing else is asked for: answers without passages, or how to answer from them."""
    min_rows: int = Field(default=10, ge=1)
    """Fewer rows are not trained on."""
    epochs: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = "auto"
    """Passes over the training rows. auto, here and below: by base model, recipe and rows; a training says why."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = "auto"
    """Peak learning rate; linear decay after the warm-up."""
    rank: Annotated[int, Field(ge=1, le=512)] | Literal["auto"] = "auto"
    """Rank of the adapter (LoRA, Hu et al. 2021, arXiv:2106.09685)."""
    alpha: int | None = Field(default=None, ge=1, le=8192)
    """Scale of the adapter: what it adds is multiplied by alpha ÷ rank. By default twice the rank, so 2 at any rank;
    with method rslora 8 times the root of the rank."""
    method: Literal["lora", "rslora", "dora"] = "lora"
    """rslora scales by the root of the rank, for high ranks (arXiv:2312.03732); dora learns direction and length apart
    (arXiv:2402.09353), takes longer, and is served by PEFT alone: not by vLLM, nor as GGUF."""
    quantization: Literal["none", "nf4"] = "none"
    """nf4 holds the base model in four bits while an adapter trains (QLoRA, arXiv:2305.14314; extra: ragloop[qlora]):
    less memory, and slower. What answers is the whole model."""
    frozen_share: Annotated[float, Field(ge=0, lt=1)] | Literal["auto"] = "auto"
    """Share of the layers, from the lowest, that get no adapter: they cost no backward pass, and run once per row."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    """Rows in one optimizer step."""
    held_out_share: Annotated[float, Field(ge=0, le=0.5)] | Literal["auto"] = "auto"
    """Share of the rows that are not trained on, and whose loss is taken after each pass: the best pass is kept."""
    patience: int = Field(default=1, ge=1, le=1000)
    """Training ends after so many passes in a row that the held-out rows found no better than the best one."""
    checkpoint_steps: int = Field(default=50, ge=1)
    """Steps between checkpoints, from which a killed training resumes."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights and order."""
    processes: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"
    """Processes of this machine that share each batch, at most one per row of it; auto: one per GPU, and one without
    any. The recipe preference takes one."""
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    """Compute what layers hold for the backward pass again instead of keeping it: less memory, more time, on a CPU over
    twice as much. auto: where a training would not fit otherwise. What is learned is the same."""
    report_to: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = ()
    """Where loss, learning rate, tokens a second and memory go while it trains, with its hyperparameters and no text:
    files beside the adapter (tensorboard), the server of MLFLOW_TRACKING_URI (mlflow), Weights & Biases (wandb)."""

    @model_validator(mode="after")
    def _alpha_has_one_source(self) -> "TrainingSettings":
        if self.method == "rslora" and self.alpha is not None:
            raise ValueError(
                "method rslora sets alpha by the rank, and alpha is set; leave one of them out (method lora takes any)"
            )
        return self

    @field_validator("report_to")
    @classmethod
    def _places_differ(cls, report_to: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(report_to))
