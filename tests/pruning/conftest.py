from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from illusion_lib.models import Model
from illusion_lib.specs import ModelSpec

WORDS = ["<s>", "</s>", "<pad>", "<unk>", *(f"w{i}" for i in range(60))]
SMALL = {"vocab_size": len(WORDS), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        padding_side="left",
    )


def tiny_model(config: Any, seed: int = 0, dtype: torch.dtype = torch.float32) -> Model:
    torch.manual_seed(seed)
    net = AutoModelForCausalLM.from_config(config).to(dtype).eval()
    # Initialisers are tiny and uniform over layers; livelier weights make masks differ.
    for parameter in net.parameters():
        parameter.requires_grad_(False)
        if parameter.ndim > 1:
            parameter.normal_(0, 0.3)
    return Model(ModelSpec("tiny"), net, tiny_tokenizer(), "0" * 64)


def llama_config(**changes: Any) -> LlamaConfig:
    shape = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
    }
    return LlamaConfig(**{**SMALL, **shape, **changes})


@pytest.fixture
def llama() -> Model:
    return tiny_model(llama_config())


@pytest.fixture
def tokens() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(4, len(WORDS), (6, 16), generator=generator)


@pytest.fixture
def make_model() -> Callable[..., Model]:
    return tiny_model


@pytest.fixture
def make_llama() -> Callable[..., Model]:
    return lambda **changes: tiny_model(llama_config(**changes))


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The module `reference.py` beside this file, which is no test and no package."""
    path = Path(__file__).with_name("reference.py")
    spec = spec_from_file_location("pruning_reference", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
