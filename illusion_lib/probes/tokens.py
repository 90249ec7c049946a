"""How texts become token ids: prompts, joins of prompt and answer, and the tokens that end one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from illusion_lib.errors import ModelError


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """Return how many leading tokens all sequences share.

    >>> common_prefix([[1, 2, 3], [1, 2, 4]])
    2
    """
    return sum(
        1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*sequences, strict=False))
    )


@dataclass(frozen=True)
class Encoder:
    """The tokenizer as the probes use it.

    Attributes
    ----------
    tokenizer
        Of the model.
    special
        Whether the tokenizer adds its own opening tokens; a chat template has written them already.
    limit
        Longest prompt in tokens; a longer one loses its beginning.
    """

    tokenizer: PreTrainedTokenizerBase
    special: bool
    limit: int

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a whole text, uncut.

        Raises
        ------
        ModelError
            The tokenizer makes nothing of the text.
        """
        ids: list[int] = self.tokenizer(text, add_special_tokens=self.special).input_ids
        if ids and self.special and ids[-1] == self.tokenizer.eos_token_id:
            ids = ids[:-1]  # a tokenizer that closes every text would answer before it is asked
        if not ids:
            raise ModelError(f"the tokenizer makes no token of the prompt {text[:60]!r}")
        return ids

    def prompt(self, text: str) -> tuple[list[int], bool]:
        """Return the token ids of a prompt and whether its beginning was cut off."""
        ids = self.encode(text)
        return ids[-self.limit :], len(ids) > self.limit

    def join(self, prompt: str, continuations: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Return the prompt's ids and each continuation's, split where all token sequences part.

        Prompt and continuation are encoded *together*; the shared part is the longest common
        token prefix of these sequences and of the prompt alone, so a token that spans the seam
        belongs to the continuation.
        """
        joint = [self.encode(prompt + text) for text in continuations]
        seam = common_prefix([self.encode(prompt), *joint])
        # A continuation that adds nothing to the prompt would have nothing to score.
        seam = max(1, min(seam, *(len(ids) - 1 for ids in joint)))
        return joint[0][:seam][-self.limit :], [ids[seam:] for ids in joint]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, without special tokens and outer white space."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.strip()

    @cached_property
    def newlines(self) -> frozenset[int]:
        """Every token whose text holds a line break."""
        pieces = self.tokenizer.convert_ids_to_tokens(range(len(self.tokenizer)))
        # "Ċ" is the line break of byte-level vocabularies, but a letter of others: decode to tell.
        likely = [i for i, p in enumerate(pieces) if p and ("\n" in p or "Ċ" in p or p == "<0x0A>")]
        return frozenset(i for i in likely if "\n" in self.tokenizer.decode([i]))


_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>")


@dataclass(frozen=True, slots=True)
class Stops:
    """The tokens that end an answer.

    Attributes
    ----------
    first
        As the very first token: the end of sequence or turn, and in plain text a line break.
    later
        From the second token on: these and any line break, for an answer is one line. (A chat
        model may break the line between the label "Answer:" and its answer.)
    """

    first: frozenset[int]
    later: frozenset[int]

    def at(self, step: int) -> frozenset[int]:
        """Return the tokens that end an answer as its token number `step`, counted from 0."""
        return self.later if step else self.first


def stop_tokens(net: PreTrainedModel, encoder: Encoder, chat: bool) -> Stops:
    """Return the tokens that end an answer of this network."""
    known = encoder.tokenizer.get_vocab()
    ends = {known[text] for text in _TURN_ENDS if text in known}
    for end in (net.generation_config.eos_token_id, encoder.tokenizer.eos_token_id):
        ends |= {i for i in (end if isinstance(end, list) else [end]) if i is not None}
    later = frozenset(ends) | encoder.newlines
    return Stops(frozenset(ends) if chat else later, later)
