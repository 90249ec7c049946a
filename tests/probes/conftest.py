"""Tiny random models of several architectures, with a tokenizer built on the spot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from illusion_lib.items import Item
from illusion_lib.models import Model
from illusion_lib.specs import ModelSpec

VOCABULARY = 300
_SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2}
_SIZES |= {"intermediate_size": 64, "num_attention_heads": 4, "max_position_embeddings": 512}
_GROUPED = _SIZES | {"num_key_value_heads": 2}
_GEMMA = _GROUPED | {"head_dim": 8, "final_logit_softcapping": 2.0, "sliding_window": 16}
_OPT = {k: v for k, v in _SIZES.items() if k != "intermediate_size"}
_OPT |= {"ffn_dim": 64, "word_embed_proj_dim": 32}
_GPT2 = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}
_BLOOM = {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4}
_ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}

ARCHITECTURES: dict[str, tuple[str, dict[str, object]]] = {
    "llama": ("Llama", _GROUPED),
    "qwen2": ("Qwen2", _GROUPED),
    "qwen3": ("Qwen3", _GROUPED | {"head_dim": 8}),
    "mistral": ("Mistral", _GROUPED | {"sliding_window": None}),
    "phi3": ("Phi3", _GROUPED),
    "gemma2": ("Gemma2", _GEMMA),
    "gpt_neox": ("GPTNeoX", _SIZES),
    "opt": ("OPT", _OPT),
    "gpt2": ("GPT2", _GPT2),
    "bloom": ("Bloom", _BLOOM),
}


def build_net(architecture: str, seed: int = 0) -> PreTrainedModel:
    """Return a random two-block network whose distributions are far from uniform."""
    family, sizes = ARCHITECTURES[architecture]
    prefix = "GPT2LMHead" if family == "GPT2" else family
    config = getattr(transformers, f"{family}Config")(**sizes, **_ENDS)
    suffix = "Model" if family == "GPT2" else "ForCausalLM"
    torch.manual_seed(seed)
    net = getattr(transformers, f"{prefix}{suffix}")(config)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.ndim == 2:
                weight.normal_(0, 0.35)
    return net.eval().requires_grad_(False)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer with a few merges, and a chat template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<pad>", "<s>", "</s>", *alphabet]
    merges = [("A", "n"), ("s", "w"), ("Ġ", "P"), ("ĠP", "a"), ("r", "i"), ("Ġ", "R"), ("ĠR", "o")]
    tokens += ["".join(pair) for pair in merges]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    core = Tokenizer(tokenizer_models.BPE(vocabulary, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.padding_side = "left"
    tokenizer.chat_template = (
        "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>\n{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    )
    return tokenizer


@pytest.fixture(scope="session")
def net_of() -> Callable[..., PreTrainedModel]:
    return build_net


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


@pytest.fixture(scope="session")
def model(tokenizer: PreTrainedTokenizerFast) -> Model:
    return Model(ModelSpec("tiny"), build_net("llama"), tokenizer, "0" * 64)


def build_item(country: str, answer: str, wrong: tuple[str, ...], language: str = "en") -> Item:
    return Item(
        id=f"capital/{country}/{language}",
        parallel_id=f"capital/{country}",
        language=language,
        relation="capital",
        question=f"What is the capital of {country}?",
        answer=answer,
        aliases=(),
        distractors=wrong,
        source="made for the test",
    )


@pytest.fixture(scope="session")
def items() -> list[Item]:
    names = ["Paris", "Rome", "Oslo", "Lima", "Cairo", "Accra", "Riga", "Sofia", "Quito", "Tunis"]
    return [
        build_item(f"Land {k}", name, tuple(names[(k + j) % len(names)] for j in (1, 2, 3)))
        for k, name in enumerate(names)
    ]
