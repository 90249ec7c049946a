"""Make a checkpoint that transformers loads out of a GGUF file: its weights, dequantised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from illusion_lib.errors import ModelError, one_line
from illusion_lib.quiet import quiet


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write a GGUF file's dequantised float32 weights and tokenizer as a safetensors checkpoint.

    Raises
    ------
    ModelError
        The file is damaged, its architecture is unknown to the installed transformers, or the
        package that reads the format is missing.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source: dict[str, Any] = {"gguf_file": gguf.name}
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **source)
            net = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **source)
        except Exception as error:  # a damaged file breaks its reader in any way there is
            raise ModelError(
                f"cannot read {gguf}: {one_line(error, 300)} ({type(error).__name__}); fetch the "
                "file again, or try another architecture or a newer transformers"
            ) from error
        # The weights are plain float32 now; transformers would still refuse to save them as "GGUF".
        net.hf_quantizer = None
        net.is_quantized = False
        del net.config.quantization_config
        tokenizer.save_pretrained(folder)
        net.save_pretrained(folder)
