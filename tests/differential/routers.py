# SPDX-License-Identifier: Apache-2.0
"""What the routers of transformers' classes choose, and how clearly; and what some classes lack."""

import torch


def watch(mlp, note) -> None:
    """Calls note(experts, weights, margin) with each choice, heaviest first."""

    def heaviest_first(experts, weights, logits):
        order = weights.argsort(dim=-1, descending=True)
        note(experts.gather(1, order), weights.gather(1, order), margin(mlp, logits.reshape(-1, logits.shape[-1])))

    if hasattr(mlp, "route_tokens_to_experts"):
        original = mlp.route_tokens_to_experts

        def watched(logits):
            experts, weights = original(logits)
            heaviest_first(experts, weights, logits)
            return experts, weights

        mlp.route_tokens_to_experts = watched
        return

    def hook(_, __, out):
        if type(router_of(mlp)).__name__ == "GraniteMoeTopKGating":
            best = out[-1].topk(router_of(mlp).top_k, dim=1)
            out = (out[-1], best.values.softmax(dim=1), best.indices)
        logits, *rest = out
        weights, experts = sorted(rest, key=lambda tensor: not tensor.is_floating_point())
        heaviest_first(experts, weights, logits)

    router_of(mlp).register_forward_hook(hook)


def router_of(mlp):
    return mlp.router if hasattr(mlp, "router") else mlp.gate


def bias_of(mlp) -> torch.Tensor | None:
    """What is added to scores for choosing."""
    for owner in (mlp, getattr(mlp, "gate", None), getattr(getattr(mlp, "gate", None), "moe_statics", None)):
        for name in ("e_score_correction_bias", "expert_bias"):
            if hasattr(owner, name):
                return getattr(owner, name).reshape(-1)
    return None


def margin(mlp, logits: torch.Tensor) -> float:
    """The smallest gap between the last group or expert chosen and the first one left out, in units of logits. A sigmoid
    is nowhere steeper than 1/4, nor is a softmax: between their scores a gap is at least four times as wide in logits."""
    bias = bias_of(mlp)
    if type(router_of(mlp)).__name__ == "Gemma4TextRouter":  # which gives the softmax of its logits
        keys = logits.log()
    elif bias is None:
        keys = logits
    else:
        scores = logits.softmax(-1) if hasattr(router_of(mlp), "moe_statics") else logits.sigmoid()
        keys = (scores + bias) * 4
    gaps = []
    config = getattr(mlp, "config", None)
    limited = bias is not None or getattr(mlp, "topk_method", None) == "group_limited_greedy"
    groups, used = (getattr(config, "n_group", None) or 1, getattr(config, "topk_group", None) or 1) if limited else (1, 1)
    members = keys.view(len(keys), groups, -1)
    if used < groups:
        best = members.sort(dim=-1, descending=True).values
        scores = best[..., :2].sum(-1) if bias is not None else best[..., 0]
        ordered = scores.sort(dim=-1, descending=True)
        gaps.append((ordered.values[:, used - 1] - ordered.values[:, used]).min())
        members = members.masked_fill(~torch.zeros_like(scores).scatter(1, ordered.indices[:, :used], 1).bool()[..., None],
                                      -torch.inf)
    ordered = members.reshape(keys.shape).sort(dim=-1, descending=True).values
    k = getattr(mlp, "top_k", None) or getattr(config, "top_k_experts", None) or router_of(mlp).top_k
    if k < used * (keys.shape[1] // groups):
        gaps.append((ordered[:, k - 1] - ordered[:, k]).min())
    return min((float(gap) for gap in gaps), default=float("inf"))


def mend_config(config) -> None:
    """MiniMax-M2 in transformers 5.12.1 passes `rotary_dim` over and would turn all of each head."""
    if config.model_type == "minimax_m2":
        config.rope_parameters["partial_rotary_factor"] = config.rotary_dim / config.head_dim


def mend(model) -> None:
    """Two things that the classes of DeepSeek-V2 in transformers 5.12.1 lack: under yarn with mscale_all_dim, scores are
    multiplied with the square of mscale, as the published code, DeepseekV3Attention and later versions do (pull request
    47435), which those of Mistral 4 lack too; and the number of experts, which group_limited_greedy asks for in vain."""
    if model.config.model_type == "olmo3":
        mend_olmo3(model)
    if model.config.model_type not in ("deepseek_v2", "mistral4"):
        return
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import yarn_get_mscale

    rope = model.config.rope_parameters
    scaled = rope.get("rope_type", "default") != "default" and rope.get("mscale_all_dim")
    for layer in model.model.layers:
        attention = layer.self_attn
        if scaled:
            mscale = yarn_get_mscale(rope["factor"], rope["mscale_all_dim"])
            attention.scaling = attention.qk_head_dim ** -0.5 * mscale * mscale
        if hasattr(layer.mlp, "experts") and model.config.model_type == "deepseek_v2":
            layer.mlp.num_experts = layer.mlp.experts.num_experts


def mend_olmo3(model) -> None:
    """OLMo 3 in transformers 5.12.1 stretches layers with a window too; the models were trained with plain ones there."""
    import copy

    config = copy.deepcopy(model.config)
    config.rope_parameters = {"rope_type": "default", "rope_theta": config.rope_parameters["rope_theta"]}
    plain = type(model.model.rotary_emb)(config=config).to(next(model.parameters()).dtype)

    def turn_plainly(_, arguments, named):
        return arguments, named | {"position_embeddings": plain(arguments[0], named["position_ids"])}

    for layer, kind in zip(model.model.layers, model.config.layer_types):
        if kind == "sliding_attention":
            layer.register_forward_pre_hook(turn_plainly, with_kwargs=True)
