"""Load a causal language model with its tokenizer, from wherever its checkpoint lies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from illusion_lib.checkpoints import Checkpoint, find_checkpoint, quantisation
from illusion_lib.errors import ModelError, one_line
from illusion_lib.quiet import quiet
from illusion_lib.specs import ModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(slots=True)
class Model:
    """A loaded model. Pruning changes `net` in place; nothing else is ever changed.

    Attributes
    ----------
    spec
        What was asked for, with the dtype resolved.
    net
        The network, in evaluation mode, without gradients.
    tokenizer
        Its tokenizer; padding is on the left.
    fingerprint
        SHA-256 of the checkpoint's files.
    note
        What a reader must know of the weights; may be empty.
    """

    spec: ModelSpec
    net: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str
    note: str = ""

    @property
    def device(self) -> torch.device:
        """Where inputs must lie."""
        device: torch.device = self.net.device
        return device


def resolve_dtype(spec: ModelSpec) -> ModelSpec:
    """Return `spec` with ``auto`` replaced: bfloat16 where it is fast, else float32."""
    if spec.dtype != "auto":
        return spec
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = any(torch.cpu.get_capabilities().get(k) for k in ("amx_bf16", "avx512_bf16"))
    return replace(spec, dtype="bfloat16" if fast else "float32")


def load_model(spec: ModelSpec | str, device: str = "auto") -> Model:
    """Load a model in evaluation mode.

    Parameters
    ----------
    spec
        A specification, or just the name: embedded, hub id, local folder or ``.gguf`` file.
    device
        ``auto`` takes the first GPU where there is one; else a torch device, or ``balanced`` to
        spread a model over several devices.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        The checkpoint cannot be found, fetched or loaded.
    """
    asked = ModelSpec(spec) if isinstance(spec, str) else spec
    checkpoint = find_checkpoint(asked)
    resolved = resolve_dtype(asked)
    _refuse_unknown(quantisation(checkpoint.folder))
    try:
        with quiet():
            tokenizer = _load_tokenizer(checkpoint, resolved)
            net = _load_net(checkpoint, resolved, device)
    except ImportError as error:  # transformers names the package that the format needs
        what = checkpoint.note or "The checkpoint's format needs more than is installed."
        raise ModelError(f"cannot load {asked.name!r}. {what} {one_line(error, 300)}") from error
    except ModelError:
        raise
    except Exception as error:  # a damaged checkpoint breaks its reader in any way there is
        raise ModelError(
            f"cannot load {asked.name!r} as a causal LM ({type(error).__name__}: "
            f"{one_line(error, 300)}); check that its files are whole and belong together"
        ) from error
    net.requires_grad_(False)
    net.eval()
    return Model(resolved, net, tokenizer, checkpoint.fingerprint, checkpoint.note)


def _refuse_unknown(method: str | None) -> None:
    """Refuse a quantisation that transformers would ignore, and read as if it were none."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    known = {*AUTO_QUANTIZER_MAPPING, "bitsandbytes"}
    if method is not None and method not in known:
        raise ModelError(
            f"weights quantised as {method!r} are unknown to the installed transformers; "
            f"it knows {', '.join(sorted(known))}; try a newer transformers"
        )


def _load_tokenizer(checkpoint: Checkpoint, spec: ModelSpec) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        checkpoint.folder, padding_side="left", trust_remote_code=spec.trust_remote_code
    )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _load_net(checkpoint: Checkpoint, spec: ModelSpec, device: str) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    # Quantised weights are made for their device when they are read, and cannot be moved later.
    placed: str | dict[str, str] | None = "auto" if where == "balanced" else None
    if quantisation(checkpoint.folder) is not None and placed is None:
        placed = {"": where}
    net: PreTrainedModel
    net, found = AutoModelForCausalLM.from_pretrained(
        checkpoint.folder,
        dtype=_DTYPES[spec.dtype],
        device_map=placed,
        use_safetensors=True,
        trust_remote_code=spec.trust_remote_code,
        output_loading_info=True,
    )
    missing = sorted(found["missing_keys"])
    # Quantised layers have tensors of other names, which their format accounts for itself.
    if missing and quantisation(checkpoint.folder) is None:
        raise ModelError(
            f"the checkpoint {spec.name!r} lacks {len(missing)} weights ({missing[0]}, ...), which "
            "would be random; fetch all of its files, or correct its config.json"
        )
    return net if placed is not None else net.to(where)


def weight_fingerprint(net: torch.nn.Module) -> str:
    """Return the SHA-256 over name, type, shape and bytes of every parameter."""
    digest = hashlib.sha256()
    for name, weight in sorted(net.named_parameters()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().contiguous().view(-1).view(torch.uint8).cpu().numpy().data)
    return digest.hexdigest()
