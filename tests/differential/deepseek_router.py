# SPDX-License-Identifier: Apache-2.0
"""What the routers of transformers' DeepSeek classes choose, and how clearly; and what they lack."""

import torch


def watch(mlp, note) -> None:
    """Calls note(experts, weights, margin) with each choice, heaviest first."""
    original = mlp.route_tokens_to_experts

    def watched(logits):
        experts, weights = original(logits)
        order = weights.argsort(dim=-1, descending=True)
        note(experts.gather(1, order), weights.gather(1, order), margin(mlp, logits.reshape(-1, logits.shape[-1])))
        return experts, weights

    mlp.route_tokens_to_experts = watched


def margin(mlp, logits: torch.Tensor) -> float:
    """The smallest gap between the last group or expert chosen and the first one left out, in units of logits. A sigmoid
    is nowhere steeper than 1/4: between its scores a gap is at least four times as wide in logits."""
    v3 = hasattr(mlp.gate, "e_score_correction_bias")
    keys = (logits.sigmoid() + mlp.gate.e_score_correction_bias) * 4 if v3 else logits
    gaps = []
    limited = v3 or mlp.topk_method == "group_limited_greedy"
    groups, used = (mlp.config.n_group, mlp.config.topk_group) if limited else (1, 1)
    members = keys.view(len(keys), groups, -1)
    if used < groups:
        best = members.sort(dim=-1, descending=True).values
        scores = best[..., :2].sum(-1) if v3 else best[..., 0]
        ordered = scores.sort(dim=-1, descending=True)
        gaps.append((ordered.values[:, used - 1] - ordered.values[:, used]).min())
        members = members.masked_fill(~torch.zeros_like(scores).scatter(1, ordered.indices[:, :used], 1).bool()[..., None],
                                      -torch.inf)
    ordered = members.reshape(keys.shape).sort(dim=-1, descending=True).values
    if mlp.top_k < used * (keys.shape[1] // groups):
        gaps.append((ordered[:, mlp.top_k - 1] - ordered[:, mlp.top_k]).min())
    return min((float(gap) for gap in gaps), default=float("inf"))


def mend(model) -> None:
    """Two things that the classes of DeepSeek-V2 in transformers 5.12.1 lack: under yarn with mscale_all_dim, scores are
    multiplied with the square of mscale, as the published code, DeepseekV3Attention and later versions do (pull request
    47435); and the number of experts, which group_limited_greedy asks for in vain."""
    if model.config.model_type != "deepseek_v2":
        return
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import yarn_get_mscale

    rope = model.config.rope_parameters
    scaled = rope.get("rope_type", "default") != "default" and rope.get("mscale_all_dim")
    for layer in model.model.layers:
        attention = layer.self_attn
        if scaled:
            mscale = yarn_get_mscale(rope["factor"], rope["mscale_all_dim"])
            attention.scaling = attention.qk_head_dim ** -0.5 * mscale * mscale
        if hasattr(layer.mlp, "experts"):
            layer.mlp.num_experts = layer.mlp.experts.num_experts
