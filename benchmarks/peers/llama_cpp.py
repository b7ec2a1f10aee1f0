"""llama.cpp on the same weights: written as GGUF with 8 bits a weight (Q8_0), served by its own server code.

The packages that this needs are installed by `run.py`; the server is the one that `llama-server` is made of,
bound by https://pypi.org/project/xllamacpp. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import LlamaForCausalLM

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(model: LlamaForCausalLM, path: Path) -> Path:
    """The model's weights as Q8_0, its norms as they are; tokens get made-up names."""
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(model.model.layers[0].self_attn.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([f"t{i}" for i in range(config.vocab_size)])
    writer.add_token_types([1] * config.vocab_size)
    writer.add_token_merges(["t 0"])
    for name, weight in model.state_dict().items():
        if name != "lm_head.weight":
            _add(writer, gguf, _name(name), _rows(name, weight, config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: Any, gguf: Any, name: str, values: np.ndarray) -> None:
    if values.ndim == 1:
        writer.add_tensor(name, values)
        return
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)


def _name(name: str) -> str:
    special = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in special:
        return special[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{_NAMES[rest.removesuffix('.weight')]}.weight"


def _rows(name: str, weight: Tensor, config: Any) -> np.ndarray:
    """A weight as llama.cpp wants it: where transformers rotates halves, it rotates neighbours."""
    values = weight.detach().float().numpy()
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for part, count in heads.items():
        if part in name:
            out, width = values.shape
            return values.reshape(count, 2, out // count // 2, width).swapaxes(1, 2).reshape(out, width)
    return values


@dataclass(frozen=True, slots=True)
class Timings:
    """What the server says of a request.

    Attributes:
        prompt_tokens: computed, not cached.
        prompt_seconds: for those.
        tokens: generated.
        seconds: for those.
    """

    prompt_tokens: int
    prompt_seconds: float
    tokens: int
    seconds: float


class LlamaCpp:
    """A server in this process.

    Args:
        path: the weights.
        slots: sessions that it serves at once.
        context_length: tokens of each.
        threads: to compute with.
    """

    def __init__(self, path: Path, *, slots: int, context_length: int, threads: int) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_parallel = slots
        params.n_ctx = slots * context_length
        params.n_gpu_layers = 0
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.n_ubatch = params.n_batch = 512
        params.cache_ram_mib = 0
        params.warmup = False
        params.verbosity = -1
        self._server = xllamacpp.Server(params)

    def complete(self, ids: Sequence[int], *, tokens: int, slot: int = 0, reuse: bool = True) -> Timings:
        """Continue `ids` greedily by exactly so many tokens."""
        answer = self._ask(ids, n_predict=tokens, cache_prompt=reuse, id_slot=slot)
        told = answer["timings"]
        return Timings(
            told["prompt_n"],
            told["prompt_ms"] / 1e3,
            told["predicted_n"],
            told["predicted_ms"] / 1e3,
        )

    def likeliest(self, ids: Sequence[int]) -> tuple[int, float]:
        """The likeliest token after `ids`, and its log-probability."""
        answer = self._ask(ids, n_predict=1, logprobs=1)
        (first,) = answer["choices"][0]["logprobs"]["content"]
        return first["id"], first["logprob"]

    def _ask(self, ids: Sequence[int], **settings: Any) -> dict[str, Any]:
        asked = {"prompt": list(ids), "temperature": 0.0, "ignore_eos": True, **settings}
        return self._server.handle_completions(asked)  # type: ignore[no-any-return]
