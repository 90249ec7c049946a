"""Joins are made of tokens, and answers end where they should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.probes.tokens import Encoder, common_prefix, stop_tokens


@pytest.fixture
def encoder(tokenizer) -> Encoder:
    return Encoder(tokenizer, special=False, limit=400)


def test_common_prefix():
    assert common_prefix([[1, 2, 3], [1, 2, 4], [1, 2]]) == 2
    assert common_prefix([[1], [2]]) == 0


def test_a_join_at_a_clean_seam_keeps_the_prompt(encoder):
    prompt, tails = encoder.join("Answer:", [" Paris", " Rome"])
    assert prompt == encoder.encode("Answer:")
    assert [encoder.decode(tail) for tail in tails] == ["Paris", "Rome"]


def test_a_token_across_the_seam_belongs_to_the_option(encoder):
    """ "An" + "sw" would be two tokenisations glued; " P" + "a" merge into one token."""
    prompt, tails = encoder.join("Answer: P", ["aris", "eru"])
    assert prompt == encoder.encode("Answer:")
    for text, tail in zip(["Answer: Paris", "Answer: Peru"], tails, strict=True):
        assert prompt + tail == encoder.encode(text)


@given(
    st.text(min_size=1, max_size=12),
    st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4),
)
def test_any_join_is_the_joint_encoding(tokenizer, text, continuations):
    encoder = Encoder(tokenizer, special=False, limit=400)
    prompt, tails = encoder.join(text, continuations)
    assert prompt
    assert all(tails)
    for continuation, tail in zip(continuations, tails, strict=True):
        assert prompt + tail == encoder.encode(text + continuation)


def test_a_long_prompt_loses_its_beginning_and_says_so(tokenizer):
    encoder = Encoder(tokenizer, special=False, limit=5)
    ids, cut = encoder.prompt("a long prompt")
    assert cut
    assert ids == encoder.encode("a long prompt")[-5:]
    assert encoder.prompt("abc") == (encoder.encode("abc"), False)


def test_newlines_end_an_answer_from_its_second_token_on_in_a_chat(net_of, encoder):
    newline = encoder.encode("\n")[0]
    chat = stop_tokens(net_of("llama"), encoder, chat=True)
    plain = stop_tokens(net_of("llama"), encoder, chat=False)
    assert newline in chat.at(1)
    assert newline not in chat.at(0)
    assert newline in plain.at(0)
    assert 2 in chat.at(0)
    assert 2 in chat.at(1)
