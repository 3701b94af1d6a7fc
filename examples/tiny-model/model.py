# SPDX-License-Identifier: Apache-2.0
"""Qwen3-MoE for training on a CPU: the sums of transformers' Qwen3MoeForCausalLM in an order that costs less.

A step's chats share the system's block that they begin with, so it is computed once: n rows of t tokens behind one prefix of P
tokens. Tokens are sorted by expert, and the scores of attention stay in cache. Products are in bfloat16 where `bf16` is set; the
sums, norms, the router and the weights themselves are float32. Sizes are rounded up, with rows that count for nothing, because
oneDNN makes machine code for each size that it meets. test_model.py compares it with transformers in float32.
"""
import ctypes
import math
import os
from dataclasses import asdict, dataclass

os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "20000")
import torch
import torch.nn.functional as F
from torch import nn

try:  # glibc: blocks of this size come and go with every product; the system need not be asked for each
    ctypes.CDLL(None).mallopt(-3, 1 << 30)
    ctypes.CDLL(None).mallopt(-1, (1 << 31) - 1)
except (AttributeError, OSError):
    pass

ROWS = 128       # sizes are multiples of it: an expert's rows,
PREFIX = 64      # the prefix in attention
RECENT = 100     # batches whose choices of experts count for the router's losses: two pools of all sets of tools
DOMAINS = 5      # of the corpus


def up(size, step):
    return -(-size // step) * step


@dataclass
class Shape:
    """No experts: a dense model, whose one MLP has `expert_width` units."""
    vocab: int = 4096
    hidden: int = 192
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 64
    experts: int = 8
    chosen: int = 2
    expert_width: int = 160
    positions: int = 2048
    theta: float = 10000.0
    epsilon: float = 1e-6


class PrefixAttention(torch.autograd.Function):
    """Causal attention of n rows of t tokens, each of which also sees the same P tokens before it.

    q: [G, n, r, t, C], k and v: [G, n, t, C], prefix_k and prefix_v: [G, P, C]; r query heads share a key head. The scores are
    made for some rows at a time, so that they stay in cache.
    """

    @staticmethod
    def weights(q, k, prefix_k, mask, real):
        m, r, t, C = q.shape
        own = torch.bmm(q.reshape(m, r * t, C), k.transpose(1, 2)).view(m * r, t, t).add_(mask).view(m * r * t, t)
        if not len(prefix_k):
            return own.softmax(-1)
        before = torch.mm(q.reshape(m * r * t, C), prefix_k.t())
        before[:, real:] = float("-inf")
        return torch.cat([before, own], -1).softmax(-1)

    @staticmethod
    def forward(ctx, q, k, v, prefix_k, prefix_v, scale):
        G, n, r, t, C = q.shape
        ctx.real = prefix_k.shape[1]
        prefix_k, prefix_v = (F.pad(x, (0, 0, 0, up(ctx.real, PREFIX) - ctx.real)) for x in (prefix_k, prefix_v))
        P = prefix_k.shape[1]
        step = max(1, 1024 // (r * t))  # rows at a time: faster than 256 and 512 by a tenth
        q = q * scale
        mask = torch.full((t, t), float("-inf"), dtype=q.dtype).triu(1)
        out = torch.empty_like(q)
        ctx.kept = []
        for g in range(G):
            for i in range(0, n, step):
                part = q[g, i:i + step]
                m = part.shape[0]
                p = PrefixAttention.weights(part, k[g, i:i + step], prefix_k[g], mask, ctx.real)
                if any(ctx.needs_input_grad):
                    ctx.kept.append(p)
                o = torch.bmm(p[:, P:].reshape(m, r * t, t), v[g, i:i + step]).view(m * r * t, C)
                if P:
                    o += torch.mm(p[:, :P], prefix_v[g])
                out[g, i:i + step] = o.view(m, r, t, C)
        ctx.save_for_backward(q, k, v, prefix_k, prefix_v)
        ctx.scale, ctx.step = scale, step
        return out

    @staticmethod
    def backward(ctx, d_out):
        q, k, v, prefix_k, prefix_v = ctx.saved_tensors
        G, n, r, t, C = q.shape
        P = prefix_k.shape[1]
        kept, ctx.kept = iter(ctx.kept), None
        d_q, d_k, d_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        d_pk, d_pv = torch.zeros(prefix_k.shape), torch.zeros(prefix_v.shape)
        for g in range(G):
            for i in range(0, n, ctx.step):
                part, keys = q[g, i:i + ctx.step], k[g, i:i + ctx.step]
                m = part.shape[0]
                p = next(kept)
                d_o = d_out[g, i:i + ctx.step].reshape(m * r * t, C)
                d_p = torch.bmm(d_o.view(m, r * t, C), v[g, i:i + ctx.step].transpose(1, 2)).view(m * r * t, t)
                if P:
                    d_p = torch.cat([torch.mm(d_o, prefix_v[g].t()), d_p], -1)
                d_s = torch._softmax_backward_data(d_p, p, -1, p.dtype)
                own_p, own_s = p[:, P:].reshape(m, r * t, t), d_s[:, P:].reshape(m, r * t, t)
                d_v[g, i:i + ctx.step] = torch.bmm(own_p.transpose(1, 2), d_o.view(m, r * t, C))
                d_k[g, i:i + ctx.step] = torch.bmm(own_s.transpose(1, 2), part.reshape(m, r * t, C))
                d_part = torch.bmm(own_s, keys).view(m * r * t, C)
                if P:
                    d_pv[g] += torch.mm(p[:, :P].t(), d_o)
                    d_pk[g] += torch.mm(d_s[:, :P].t(), part.reshape(m * r * t, C))
                    d_part += torch.mm(d_s[:, :P], prefix_k[g])
                d_q[g, i:i + ctx.step] = d_part.view(m, r, t, C)
        return d_q * ctx.scale, d_k, d_v, d_pk[:, :ctx.real].to(q.dtype), d_pv[:, :ctx.real].to(q.dtype), None


class Normed(torch.autograd.Function):
    """RMSNorm over the last dimension, in float32, as `dtype`."""

    @staticmethod
    def forward(ctx, x, weight, epsilon, dtype):
        x = x.float()
        inverse = x.square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight).to(dtype)

    @staticmethod
    def backward(ctx, d):
        x, weight, inverse = ctx.saved_tensors
        scaled = x * inverse
        product = d * scaled
        d_weight = product.view(-1, len(weight)).sum(0)
        d_x = scaled.mul_((product @ weight / -len(weight)).unsqueeze(-1)).addcmul_(d, weight).mul_(inverse)
        return d_x, d_weight, None, None


class Sorted(torch.autograd.Function):
    """Rows in another order, each K times: x[order // K]. `back` undoes the order, which may have more places than it fills."""

    @staticmethod
    def forward(ctx, x, order, back, K):
        ctx.back, ctx.K = back, K
        return x.index_select(0, order // K)

    @staticmethod
    def backward(ctx, d):
        return d.index_select(0, ctx.back).view(-1, ctx.K, d.shape[1]).sum(1), None, None, None


class Combined(torch.autograd.Function):
    """The sum of each row's K expert outputs, weighted: y is in the order of Sorted."""

    @staticmethod
    def forward(ctx, y, weights, order, back):
        ctx.save_for_backward(y, weights, order, back)
        rows = y.index_select(0, back).view(*weights.shape, -1)
        return torch.einsum("tkd,tk->td", rows.float(), weights)

    @staticmethod
    def backward(ctx, d):
        y, weights, order, back = ctx.saved_tensors
        rows = d.index_select(0, order // weights.shape[1])
        in_order = torch.zeros(len(order)).index_copy_(0, back, weights.reshape(-1))
        d_weights = (rows * y).sum(-1).index_select(0, back).view_as(weights)
        return (rows * in_order[:, None]).to(y.dtype), d_weights, None, None


class HeadLoss(torch.autograd.Function):
    """Each row's cross entropy under the vocabulary's logits, some rows at a time. Its gradient is made on the way, for a sum."""

    @staticmethod
    def forward(ctx, h, embedding, targets):
        losses, best, real = [], [], h.shape[0]
        h, targets = F.pad(h, (0, 0, 0, up(real, 256) - real)), F.pad(targets, (0, up(real, 256) - real))
        d_h, d_e = torch.empty_like(h), torch.zeros(embedding.shape)
        for i in range(0, h.shape[0], 256):
            part, target = h[i:i + 256], targets[i:i + 256]
            logits = torch.mm(part, embedding.t()).float()
            best.append(logits.argmax(-1))
            log_sum = logits.logsumexp(-1, keepdim=True)
            losses.append((log_sum - logits.gather(1, target[:, None]))[:, 0])
            d = logits.sub_(log_sum).exp_()
            d[torch.arange(256), target] -= 1
            d[max(0, real - i):] = 0
            d = d.to(h.dtype)
            d_h[i:i + 256] = torch.mm(d, embedding)
            d_e += torch.mm(d.t(), part)
        ctx.save_for_backward(d_h[:real], d_e.to(embedding.dtype))
        losses, best = torch.cat(losses)[:real], torch.cat(best)[:real]
        ctx.mark_non_differentiable(losses, best)
        return losses.sum(), losses, best

    @staticmethod
    def backward(ctx, d, _losses, _best):
        d_h, d_e = ctx.saved_tensors
        return d_h * d, d_e * d, None


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        D, C, H, N = shape.hidden, shape.head_width, shape.expert_width, shape.experts

        def made(*sizes, std=0.02):
            return nn.Parameter(torch.randn(*sizes) * std)

        out = 0.02 / math.sqrt(2 * shape.layers)
        self.norm_1, self.norm_2 = nn.Parameter(torch.ones(D)), nn.Parameter(torch.ones(D))
        self.q = made(shape.heads * C, D, std=D ** -0.5)
        self.k = made(shape.kv_heads * C, D, std=D ** -0.5)
        self.v = made(shape.kv_heads * C, D, std=D ** -0.5)
        self.o = made(D, shape.heads * C, std=out)
        self.q_norm, self.k_norm = nn.Parameter(torch.ones(C)), nn.Parameter(torch.ones(C))
        if N:
            self.router = made(N, D)
            self.gate_up, self.down = made(N, 2 * H, D, std=D ** -0.5), made(N, D, H, std=out)
        else:
            self.gate_up, self.down = made(2 * H, D, std=D ** -0.5), made(D, H, std=out)


def domain_bits(by_domain):
    """Mutual information of domain and chosen expert in bits, domains counted alike, of shares [.., domains, experts]."""
    ratio = by_domain.clamp_min(1e-9) / by_domain.mean(-2, keepdim=True).clamp_min(1e-9)
    return (by_domain / DOMAINS * ratio.log2()).sum((-2, -1))


class TinyModel(nn.Module):
    def __init__(self, shape, bf16=True):
        super().__init__()
        self.shape, self.bf16, self.bits_wanted = shape, bf16, math.inf
        self.embedding = nn.Parameter(torch.randn(shape.vocab, shape.hidden) * 0.02)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.hidden))
        turns = shape.theta ** (-torch.arange(0, shape.head_width, 2) / shape.head_width)
        angles = torch.arange(shape.positions)[:, None] * turns
        self.register_buffer("shares", torch.full((shape.layers, shape.experts), 1 / max(1, shape.experts)))
        self.register_buffer("by_domain", torch.full((shape.layers, DOMAINS, shape.experts), 1 / max(1, shape.experts)))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def cast(self, x):
        return x.to(torch.bfloat16) if self.bf16 else x

    def rotated(self, x, norm, at):
        """Heads [rows, heads, C], normed and turned by their positions."""
        x = Normed.apply(x, norm, self.shape.epsilon, torch.float32)
        a, b = x.chunk(2, -1)
        cos, sin = self.cos[at][:, None], self.sin[at][:, None]
        return self.cast(torch.cat([a * cos - b * sin, b * cos + a * sin], -1))

    def attention(self, layer, h, P, n, t, at):
        s = self.shape
        G, r, C = s.kv_heads, s.heads // s.kv_heads, s.head_width
        q, k, v = F.linear(h, self.cast(torch.cat([layer.q, layer.k, layer.v]))).split([s.heads * C, G * C, G * C], -1)
        q = self.rotated(q.view(-1, s.heads, C), layer.q_norm, at).view(-1, G, r, C)
        k, v = self.rotated(k.view(-1, G, C), layer.k_norm, at), v.view(-1, G, C)
        none = k[:0].transpose(0, 1)
        outs = []
        if P:
            alone = [q[:P].permute(1, 2, 0, 3)[:, None], k[:P].transpose(0, 1)[:, None], v[:P].transpose(0, 1)[:, None]]
            o = PrefixAttention.apply(*alone, none, none, C ** -0.5)
            outs.append(o[:, 0].permute(2, 0, 1, 3).reshape(P, -1))
        rows = [x[P:P + n * t].view(n, t, *x.shape[1:]) for x in (q, k, v)]
        o = PrefixAttention.apply(rows[0].permute(2, 0, 3, 1, 4), rows[1].permute(2, 0, 1, 3), rows[2].permute(2, 0, 1, 3),
                                  k[:P].transpose(0, 1), v[:P].transpose(0, 1), C ** -0.5)
        outs += [o.permute(1, 3, 0, 2, 4).reshape(n * t, -1), h.new_zeros(len(h) - P - n * t, s.heads * C)]
        return F.linear(torch.cat(outs), self.cast(layer.o)).float()

    def mlp(self, layer, h, routing):
        s = self.shape
        if not s.experts:
            gate, up = F.linear(self.cast(h), self.cast(layer.gate_up)).chunk(2, -1)
            return F.linear(F.silu(gate) * up, self.cast(layer.down)).float()
        scores = F.linear(h, layer.router).softmax(-1)
        top, chosen = scores.topk(s.chosen, -1)
        routing.append((scores, chosen))
        flat = chosen.flatten()
        sorted_places = flat.argsort(stable=True)
        counts = torch.bincount(flat, minlength=s.experts)
        room = (counts + ROWS - 1) // ROWS * ROWS
        places = torch.arange(len(flat)) + (room.cumsum(0) - room - (counts.cumsum(0) - counts)).repeat_interleave(counts)
        order = torch.zeros(int(room.sum()), dtype=torch.long).index_copy_(0, places, sorted_places)
        back = torch.empty_like(flat).index_copy_(0, sorted_places, places)
        gate_up, down = self.cast(layer.gate_up), self.cast(layer.down)
        ys = []
        for e, x in enumerate(Sorted.apply(self.cast(h), order, back, s.chosen).split(room.tolist())):
            if len(x):
                gate, up = F.linear(x, gate_up[e]).chunk(2, -1)
                ys.append(F.linear(F.silu(gate) * up, down[e]))
        return Combined.apply(torch.cat(ys), top / top.sum(-1, keepdim=True), order, back)

    def hidden(self, prefix, ids, routing):
        """The last rows of P + n * t tokens, normed: prefix [P], ids [n, t]."""
        P, (n, t) = len(prefix), ids.shape
        idle = up(P + n * t, 2 * ROWS) - (P + n * t)
        at = torch.cat([torch.arange(P), (P + torch.arange(t)).repeat(n), torch.zeros(idle, dtype=torch.long)])
        x = F.embedding(torch.cat([prefix, ids.flatten(), torch.zeros(idle, dtype=torch.long)]), self.embedding)
        kind = torch.bfloat16 if self.bf16 else torch.float32
        for layer in self.layers:
            x = x + self.attention(layer, Normed.apply(x, layer.norm_1, self.shape.epsilon, kind), P, n, t, at)
            x = x + self.mlp(layer, Normed.apply(x, layer.norm_2, self.shape.epsilon, torch.float32), routing)
        return Normed.apply(x, self.norm, self.shape.epsilon, torch.float32)[:P + n * t]

    def forward(self, prefix, ids, said, real, domain=None):
        """(sum of losses, each one, the best tokens, the router's losses): said, real and domain are [n, t], whether the model is to say
        that token, whether it is one at all, and of which domain it is."""
        routing = []
        h = self.hidden(prefix, ids, routing)[len(prefix):].view(*ids.shape, -1)
        where = said[:, 1:]
        loss, losses, best = HeadLoss.apply(self.cast(h[:, :-1][where]), self.cast(self.embedding), ids[:, 1:][where])
        router = torch.zeros(2)
        if routing and domain is not None:
            domain = torch.cat([torch.full_like(prefix, -1), torch.where(real, domain, -2).flatten()])
            router = sum(self.router_losses(*layer, domain, i) for i, layer in enumerate(routing)) / len(routing)
        return loss, losses, best, router

    def router_losses(self, scores, chosen, domain, layer):
        """How unbalanced a layer's router is, and how little it tells of the domain; domain: -1 in the prefix, -2 where nothing is.

        The first is the Switch Transformer's loss, N times the sum over experts of their share of choices times their mean score; 1 where
        all are chosen equally often. The second is the negative mutual information of domain and expert, as in Mod-Squad (2023), its
        gradient as the first has it: through the scores alone. Shares are running means over batches. Those of one batch, which is
        of few domains, would have all experts work equally often in each ("Demons in the Detail", 2025).
        """
        N = self.shape.experts
        scores, chosen = scores[:len(domain)], chosen[:len(domain)]
        shares, by_domain = self.shares[layer], self.by_domain[layer]
        with torch.no_grad():
            picked = torch.zeros_like(scores).scatter_(1, chosen, 1 / chosen.shape[1])
            shares.lerp_(picked[domain > -2].mean(0), 1 / RECENT)
            for d in domain[domain >= 0].unique().tolist():
                by_domain[d].lerp_(picked[domain == d].mean(0), 1 / RECENT)
            ratio = ((by_domain + 0.01) / (by_domain.mean(0) + 0.01)).log()
        told, real = domain >= 0, domain > -2
        wanted = domain_bits(by_domain) < self.bits_wanted
        information = (scores[told] * ratio[domain[told]]).sum(-1).mean() * wanted
        return torch.stack([N * (shares.clone() * scores[real].mean(0)).sum(), -information])

    def parameters_active(self):
        """(all, those that work for one token)"""
        total = sum(p.numel() for p in self.parameters())
        s = self.shape
        if not s.experts:
            return total, total
        return total, total - s.layers * (s.experts - s.chosen) * 3 * s.hidden * s.expert_width


def to_transformers(model):
    """transformers' class with the same weights."""
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM
    s = model.shape
    common = dict(
        vocab_size=s.vocab, hidden_size=s.hidden, num_hidden_layers=s.layers, num_attention_heads=s.heads,
        num_key_value_heads=s.kv_heads, head_dim=s.head_width, max_position_embeddings=s.positions, rope_theta=s.theta,
        rms_norm_eps=s.epsilon, tie_word_embeddings=True, intermediate_size=s.expert_width, bos_token_id=None,
        attention_bias=False)
    if s.experts:
        theirs = Qwen3MoeForCausalLM(Qwen3MoeConfig(
            **common, num_experts=s.experts, num_experts_per_tok=s.chosen, moe_intermediate_size=s.expert_width,
            norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[]))
    else:
        theirs = Qwen3ForCausalLM(Qwen3Config(**common))
    state = {"model.embed_tokens.weight": model.embedding, "lm_head.weight": model.embedding, "model.norm.weight": model.norm}
    for i, layer in enumerate(model.layers):
        at = f"model.layers.{i}."
        for name, value in (("input_layernorm", layer.norm_1), ("post_attention_layernorm", layer.norm_2),
                            ("self_attn.q_proj", layer.q), ("self_attn.k_proj", layer.k), ("self_attn.v_proj", layer.v),
                            ("self_attn.o_proj", layer.o), ("self_attn.q_norm", layer.q_norm),
                            ("self_attn.k_norm", layer.k_norm)):
            state[f"{at}{name}.weight"] = value
        if s.experts:
            state[at + "mlp.gate.weight"] = layer.router
            state[at + "mlp.experts.gate_up_proj"], state[at + "mlp.experts.down_proj"] = layer.gate_up, layer.down
        else:
            state[at + "mlp.gate_proj.weight"], state[at + "mlp.up_proj.weight"] = layer.gate_up.chunk(2)
            state[at + "mlp.down_proj.weight"] = layer.down
    theirs.load_state_dict({name: value.detach() for name, value in state.items()})
    return theirs.eval()


def saved(model):
    return {"shape": asdict(model.shape), "weights": model.state_dict()}


def loaded(state, bf16=False):
    model = TinyModel(Shape(**state["shape"]), bf16)
    model.load_state_dict(state["weights"])
    return model
