// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// The page that to_html() makes: style, body and script, without a library and without a request to anywhere.

namespace moxie::inline abi1::model {

inline constexpr std::string_view kPageStyle = R"css(
:root { color-scheme: light; --back: #fbfbfa; --card: #ffffff; --line: #e3e3de; --text: #1d2127; --soft: #6b7280;
  --accent: #1d4ed8; --mark: #d9480f; --low: 255,255,255; --high: 8,48,107; --warm: 255,170,60; }
:root[data-theme=dark] { color-scheme: dark; --back: #14171b; --card: #1b1f25; --line: #2d333b; --text: #e6e8eb;
  --soft: #98a2ae; --accent: #7cb0ff; --mark: #ffb454; --low: 27,31,37; --high: 130,205,255; --warm: 196,110,20; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 20px 24px 40px; max-width: 1640px; background: var(--back); color: var(--text);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { margin: 0 0 2px; font-size: 20px; font-weight: 600; }
h2 { margin: 0 0 8px; font-size: 14px; font-weight: 600; }
.facts { color: var(--soft); margin-bottom: 14px; font-variant-numeric: tabular-nums; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; min-width: 0; }
.bar { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin-bottom: 12px; }
.bar input[type=range] { flex: 1 1 260px; accent-color: var(--accent); }
button, select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 10px; }
button:hover, select:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
#where { min-width: 11em; color: var(--soft); font-variant-numeric: tabular-nums; }
#text { max-height: 190px; overflow: auto; line-height: 1.75; margin-bottom: 12px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
#text .prompt { margin: 0 0 6px; }
#text .tag { color: var(--soft); font-size: 12px; margin-right: 6px; }
#text span.t { cursor: pointer; border-radius: 3px; padding: 1px 0; }
#text span.t.later { opacity: .35; }
#text span.t.now { outline: 2px solid var(--mark); opacity: 1; }
.grid { display: grid; grid-template-columns: minmax(0, 3fr) minmax(330px, 2fr); gap: 14px; align-items: start; }
@media (max-width: 900px) { .grid { grid-template-columns: minmax(0, 1fr); } }
.map { position: relative; overflow-x: auto; }
canvas { display: block; }
.note { color: var(--soft); font-size: 12.5px; margin: 6px 0 0; }
#why { margin: 0 0 10px; }
#why b { color: var(--mark); }
.scroll { max-height: 560px; overflow: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: var(--card); text-align: left; font-weight: 500; color: var(--soft);
  font-size: 12px; z-index: 1; }
th, td { padding: 3px 8px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
td.n, th.n { text-align: right; }
td.wide { white-space: normal; }
tr.pick { background: color-mix(in srgb, var(--accent) 12%, transparent); }
tbody tr { cursor: pointer; }
.e { display: inline-block; border-radius: 4px; padding: 0 5px; margin: 0 4px 2px 0; }
.e small { opacity: .8; }
.none { color: var(--soft); }
#tip { position: fixed; pointer-events: none; display: none; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 5px 9px; font-size: 12.5px; box-shadow: 0 3px 12px rgba(0,0,0,.25); z-index: 5; }
#domains { margin-top: 14px; }
.legend { display: inline-flex; align-items: center; gap: 6px; color: var(--soft); font-size: 12.5px; }
.legend i { width: 110px; height: 10px; border-radius: 3px; display: inline-block;
  background: linear-gradient(90deg, rgb(var(--low)), rgb(var(--high))); border: 1px solid var(--line); }
)css";

inline constexpr std::string_view kPageBody = R"html(<div class="facts" id="facts"></div>
<div class="bar">
  <button id="play" title="Replay the text, token by token">&#9654; Replay</button>
  <input type="range" id="at" min="0" value="0" aria-label="Token">
  <span id="where"></span>
  <label>Map <select id="scope"><option value="upto">up to this token</option><option value="all">whole text</option><option value="one">this token alone</option></select></label>
  <label>by <select id="measure"><option value="hits">how often chosen</option><option value="weight">sum of weights</option></select></label>
  <label id="domain-label">of <select id="domain"></select></label>
  <label>Text by <select id="paint"><option value="entropy">entropy</option><option value="margin">closest margin</option><option value="none">nothing</option></select></label>
  <button id="theme" title="Light or dark">&#9680;</button>
</div>
<div class="card" id="text" tabindex="0" aria-label="The text; arrow keys move through it"></div>
<div class="grid">
  <div class="card">
    <h2>Experts by layer <span class="legend">none <i></i> 3 even shares</span></h2>
    <div class="map"><canvas id="map"></canvas></div>
    <p class="note">A row is a layer, a column an expert. Bars on the right: load balance, how many experts the load amounts to (2 to the entropy of their shares). Framed: what the token chose.</p>
  </div>
  <div class="card">
    <h2>Why these experts</h2>
    <p id="why"></p>
    <div class="scroll"><table><thead><tr><th class="n">layer</th><th>went to, with weight</th><th>next best</th><th class="n">margin</th><th class="n">entropy</th></tr></thead><tbody id="rows"></tbody></table></div>
  </div>
</div>
<div class="card" id="domains"><h2>Domains and experts in layer <select id="domain-layer"></select></h2>
  <div class="map"><canvas id="domain-map"></canvas></div>
  <p class="note">Share of a domain's choices that went to each expert, against an even share; the whole text.</p></div>
<div id="tip"></div>
)html";

inline constexpr std::string_view kPageScript = R"js(
"use strict";
const $ = id => document.getElementById(id);
const data = JSON.parse($("routes").textContent);
function bytesOf(text) { const s = atob(text), b = new Uint8Array(s.length); for (let i = 0; i < s.length; i++) b[i] = s.charCodeAt(i); return b.buffer; }
const layers = data.layers.map(l => ({ layer: l.layer, N: l.experts, K: l.slots, chosen: new Int32Array(bytesOf(l.chosen)),
  weights: new Float32Array(bytesOf(l.weights)), next: new Int32Array(bytesOf(l.runner_up)),
  margin: new Float32Array(bytesOf(l.margin)), entropy: new Float32Array(bytesOf(l.entropy)) }));
const R = data.texts.length, most = Math.max(...layers.map(l => l.N));
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let at = Math.max(0, R - 1), picked = -1, timer = 0;

function mix(share) {
  const a = css("--low").split(",").map(Number), b = css("--high").split(",").map(Number), d = Math.max(0, Math.min(1, share));
  return a.map((x, i) => Math.round(x + (b[i] - x) * d));
}
const palette = () => { const p = []; for (let i = 0; i <= 100; i++) p.push("rgb(" + mix(i / 100) + ")"); return p; };
const round = x => !Number.isFinite(x) ? "" : x !== 0 && Math.abs(x) < .095 ? x.toPrecision(2) : x.toFixed(2);
const shown = text => text === "" ? "\u2205" : text.replace(/\n/g, "\u21b5").replace(/ /g, "\u00a0");

function counted() {
  const scope = $("scope").value, byWeight = $("measure").value === "weight", domain = Number($("domain").value);
  const from = scope === "one" ? at : 0, to = scope === "all" ? R : at + 1;
  return layers.map(l => {
    const sums = new Float64Array(l.N), hits = new Uint32Array(l.N), weights = new Float64Array(l.N);
    for (let r = from; r < to; r++) {
      if (domain >= 0 && data.domain[r] !== domain) continue;
      for (let k = r * l.K; k < (r + 1) * l.K; k++) {
        const e = l.chosen[k];
        if (e < 0) break;
        hits[e]++; weights[e] += l.weights[k]; sums[e] += byWeight ? l.weights[k] : 1;
      }
    }
    let all = 0;
    for (const s of sums) all += s;
    let bits = 0;
    for (const s of sums) if (s > 0) bits -= s / all * Math.log2(s / all);
    return { sums, hits, weights, all, load: all > 0 ? 2 ** bits : 0 };
  });
}

const LEFT = 34, TOP = 18, BARS = 132;
let cell = 8, cellY = 8, now = [];
function size(canvas, w, h) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
  canvas.style.width = w + "px"; canvas.style.height = h + "px";
  const g = canvas.getContext("2d"); g.setTransform(ratio, 0, 0, ratio, 0, 0); g.clearRect(0, 0, w, h);
  g.font = "11px system-ui, sans-serif"; g.textBaseline = "middle";
  return g;
}
function numbers(g, n, step, x0, y) {
  g.fillStyle = css("--soft"); g.textAlign = "center";
  for (let e = 0; e < n; e += step) g.fillText(e, x0 + (e + .5) * cell, y);
}
function draw() {
  now = counted();
  const room = $("map").parentElement.clientWidth - LEFT - BARS;
  cell = Math.max(5, Math.min(46, Math.floor(room / most)));
  cellY = Math.max(11, Math.min(40, cell, Math.floor(600 / layers.length)));
  const w = LEFT + most * cell + BARS, h = TOP + layers.length * cellY + 4, g = size($("map"), w, h), colours = palette();
  numbers(g, most, cell >= 18 ? 1 : cell >= 10 ? 4 : 8, LEFT, 8);
  const gap = cell > 8 ? 1 : 0.5, x = LEFT + most * cell + 10;
  layers.forEach((l, i) => {
    const y = TOP + i * cellY, c = now[i];
    g.fillStyle = css("--soft"); g.textAlign = "right"; g.fillText(l.layer, LEFT - 6, y + cellY / 2);
    for (let e = 0; e < l.N; e++) {
      const share = c.all > 0 ? c.sums[e] * l.N / c.all : 0;
      g.fillStyle = colours[Math.round(Math.min(1, share / 3) * 100)];
      g.fillRect(LEFT + e * cell, y, cell - gap, cellY - gap);
    }
    g.fillStyle = css("--line"); g.fillRect(x, y + cellY / 2 - 3, 70, 6);
    g.fillStyle = css("--accent"); g.fillRect(x, y + cellY / 2 - 3, 70 * c.load / l.N, 6);
    g.fillStyle = css("--soft"); g.textAlign = "left"; g.fillText(c.load.toFixed(1), x + 76, y + cellY / 2);
  });
  g.strokeStyle = css("--mark"); g.lineWidth = 2;
  layers.forEach((l, i) => {
    for (let k = at * l.K; k < (at + 1) * l.K && l.chosen[k] >= 0; k++)
      g.strokeRect(LEFT + l.chosen[k] * cell - 1, TOP + i * cellY - 1, cell - gap + 2, cellY - gap + 2);
  });
}

function explain() {
  const body = $("rows"), rows = [], colours = palette();
  let closest = -1;
  layers.forEach((l, i) => {
    if (Number.isFinite(l.margin[at]) && (closest < 0 || l.margin[at] < layers[closest].margin[at])) closest = i;
  });
  const focus = picked >= 0 ? picked : closest;
  layers.forEach((l, i) => {
    const tr = document.createElement("tr"), cells = [];
    if (i === focus) tr.className = "pick";
    const td = (text, name) => { const c = document.createElement("td"); c.className = name || ""; c.append(text); cells.push(c); return c; };
    td(l.layer, "n");
    if (l.chosen[at * l.K] === -2) {
      td("not computed: nobody wanted this row's logits", "none wide"); td(""); td(""); td("");
    } else {
      const went = td("", "wide");
      if (l.chosen[at * l.K] < 0) went.append("nobody");
      for (let k = at * l.K; k < (at + 1) * l.K && l.chosen[k] >= 0; k++) {
        const chip = document.createElement("span"), weight = document.createElement("small"), depth = Math.min(1, Math.max(0, l.weights[k]));
        chip.className = "e"; chip.style.background = colours[Math.round(depth * 70 + 12)];
        const [r, g, b] = mix((depth * 70 + 12) / 100); chip.style.color = r * .3 + g * .59 + b * .11 > 140 ? "#15181c" : "#f4f6f8";
        weight.textContent = " " + l.weights[k].toFixed(2);
        chip.append(l.chosen[k], weight); went.append(chip);
      }
      td(l.next[at] >= 0 ? l.next[at] : "\u2013"); td(round(l.margin[at]), "n"); td(round(l.entropy[at]), "n");
    }
    tr.append(...cells); tr.onclick = () => { picked = i; explain(); };
    rows.push(tr);
  });
  body.replaceChildren(...rows);
  const why = $("why"), bold = text => { const b = document.createElement("b"); b.textContent = text; return b; };
  why.replaceChildren("The token ", bold("\u201c" + shown(data.texts[at] ?? "") + "\u201d"));
  if (focus < 0) { why.append(" has no record of a choice between experts."); return; }
  const l = layers[focus], ids = [];
  for (let k = at * l.K; k < (at + 1) * l.K && l.chosen[k] >= 0; k++) ids.push(l.chosen[k]);
  if (ids.length === 0) { why.append(" was not computed in layer " + l.layer + "."); return; }
  const all = ids.length === 1 ? "expert " + ids[0] : "experts " + ids.slice(0, -1).join(", ") + " and " + ids[ids.length - 1];
  why.append(" went to ", bold(all), " in layer " + l.layer + (picked < 0 ? ", its closest call" : ""));
  if (l.next[at] >= 0) why.append("; without " + ids[ids.length - 1] + " it would have been ", bold(String(l.next[at])), ", margin " + round(l.margin[at]));
  why.append(".");
}

const spans = [];
function writeText() {
  let block = null, prompt = -1;
  const all = document.createDocumentFragment();
  for (let r = 0; r < R; r++) {
    if (data.prompts[r] !== prompt) {
      prompt = data.prompts[r]; block = document.createElement("div"); block.className = "prompt"; all.append(block);
      if (data.domains.length) { const tag = document.createElement("span"); tag.className = "tag"; tag.textContent = data.domains[data.domain[r]]; block.append(tag); }
    }
    const span = document.createElement("span");
    span.className = "t"; span.textContent = data.texts[r] === "" ? "[" + data.ids[r] + "]" : data.texts[r]; span.onclick = () => go(r);
    spans.push(span); block.append(span);
  }
  $("text").append(all);
}
function paint() {
  const by = $("paint").value, warm = css("--warm");
  const value = r => {
    let sum = 0, n = 0, least = Infinity;
    for (const l of layers) {
      if (Number.isFinite(l.entropy[r])) { sum += l.entropy[r] / Math.max(1e-9, Math.log2(l.N)); n++; }
      if (Number.isFinite(l.margin[r])) least = Math.min(least, l.margin[r]);
    }
    return by === "entropy" ? (n ? sum / n : NaN) : (least < Infinity ? Math.exp(-4 * Math.max(0, least)) : NaN);
  };
  const values = spans.map((_, r) => by === "none" ? NaN : value(r)), finite = values.filter(Number.isFinite).sort((a, b) => a - b);
  const low = finite[Math.floor(finite.length * .02)] ?? 0, high = finite[Math.floor(finite.length * .98)] ?? 1;
  spans.forEach((span, r) => {
    const v = high > low ? (values[r] - low) / (high - low) : 0;
    span.style.background = Number.isFinite(values[r]) ? "rgba(" + warm + "," + (Math.max(0, Math.min(1, v)) * .75).toFixed(3) + ")" : "";
  });
}
function go(r) {
  if (R === 0) return;
  const before = at;
  at = Math.max(0, Math.min(R - 1, r)); $("at").value = at;
  for (let i = Math.min(before, at); i <= Math.max(before, at); i++) spans[i].classList.toggle("later", i > at);
  spans[before].classList.remove("now"); spans[at].classList.add("now");
  const box = $("text").getBoundingClientRect(), own = spans[at].getBoundingClientRect();
  if (own.top < box.top || own.bottom > box.bottom) $("text").scrollTop += own.top - box.top - box.height / 2;
  $("where").textContent = "token " + (at + 1) + " of " + R + ", position " + data.positions[at];
  draw(); explain();
}
function play() {
  if (timer) { clearInterval(timer); timer = 0; $("play").textContent = "\u25b6 Replay"; return; }
  if (at === R - 1) go(0);
  $("play").textContent = "\u25a0 Stop";
  timer = setInterval(() => { if (at === R - 1) play(); else go(at + 1); }, Math.max(40, Math.min(250, 20000 / R)));
}

function drawDomains() {
  if (data.domains.length < 2) return;
  const l = layers[Number($("domain-layer").value)], D = data.domains.length, sums = data.domains.map(() => new Float64Array(l.N)), all = new Float64Array(D);
  for (let r = 0; r < R; r++) for (let k = r * l.K; k < (r + 1) * l.K && l.chosen[k] >= 0; k++) { sums[data.domain[r]][l.chosen[k]]++; all[data.domain[r]]++; }
  const left = 120, room = $("domain-map").parentElement.clientWidth - left, was = cell;
  cell = Math.max(6, Math.min(34, Math.floor(room / l.N)));
  const h = 22, g = size($("domain-map"), left + l.N * cell, TOP + D * h), colours = palette();
  numbers(g, l.N, cell >= 18 ? 1 : cell >= 10 ? 4 : 8, left, 8);
  sums.forEach((s, d) => {
    g.fillStyle = css("--text"); g.textAlign = "right"; g.fillText(data.domains[d].slice(0, 18), left - 8, TOP + (d + .5) * h);
    for (let e = 0; e < l.N; e++) {
      g.fillStyle = colours[Math.round(Math.min(1, (all[d] ? s[e] * l.N / all[d] : 0) / 3) * 100)];
      g.fillRect(left + e * cell, TOP + d * h, cell - 1, h - 1);
    }
  });
  $("domain-map").onmousemove = event => {
    const box = $("domain-map").getBoundingClientRect(), size = Math.max(6, Math.min(34, Math.floor(room / l.N)));
    const e = Math.floor((event.clientX - box.left - left) / size), d = Math.floor((event.clientY - box.top - TOP) / h);
    tip(event, e < 0 || e >= l.N || d < 0 || d >= D ? "" : data.domains[d] + ", expert " + e + ": " + (all[d] ? (100 * sums[d][e] / all[d]).toFixed(1) : 0) + " % of its choices, " + (all[d] ? (sums[d][e] * l.N / all[d]).toFixed(2) : 0) + " even shares");
  };
  $("domain-map").onmouseleave = () => tip(null, "");
  cell = was;
}
function tip(event, text) {
  const box = $("tip");
  box.style.display = text ? "block" : "none";
  if (!text) return;
  box.textContent = text;
  box.style.left = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8) + "px";
  box.style.top = Math.min(event.clientY + 14, window.innerHeight - box.offsetHeight - 8) + "px";
}
$("map").onmousemove = event => {
  const box = $("map").getBoundingClientRect(), e = Math.floor((event.clientX - box.left - LEFT) / cell), i = Math.floor((event.clientY - box.top - TOP) / cellY);
  const l = layers[i], c = now[i];
  if (!l || e < 0 || e >= l.N) return tip(null, "");
  const hits = c.hits[e];
  tip(event, "layer " + l.layer + ", expert " + e + ": " + hits + " of the tokens, " + (c.all ? (c.sums[e] * l.N / c.all).toFixed(2) : 0) + " even shares" + (hits ? ", mean weight " + (c.weights[e] / hits).toFixed(3) : ""));
};
$("map").onmouseleave = () => tip(null, "");
$("map").onclick = event => { const i = Math.floor((event.clientY - $("map").getBoundingClientRect().top - TOP) / cellY); if (layers[i]) { picked = i; explain(); } };

function theme(name) { document.documentElement.dataset.theme = name; draw(); explain(); paint(); drawDomains(); }
$("theme").onclick = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
$("play").onclick = play;
$("at").max = Math.max(0, R - 1);
$("at").oninput = () => go(Number($("at").value));
for (const id of ["scope", "measure", "domain"]) $(id).onchange = draw;
$("paint").onchange = paint;
document.addEventListener("keydown", event => {
  if (event.target.tagName === "SELECT" || event.target.tagName === "INPUT") return;
  if (event.key === "ArrowRight") { go(at + 1); event.preventDefault(); }
  if (event.key === "ArrowLeft") { go(at - 1); event.preventDefault(); }
});
const option = (text, value) => { const o = document.createElement("option"); o.textContent = text; o.value = value; return o; };
$("domain").append(option("all domains", -1), ...data.domains.map((name, i) => option(name, i)));
if (data.domains.length < 2) { $("domain-label").hidden = true; $("domains").hidden = true; $("domain-label").style.display = "none"; }
$("domain-layer").append(...layers.map((l, i) => option(l.layer, i)));
$("domain-layer").onchange = drawDomains;
$("facts").textContent = R + " tokens, " + layers.length + (layers.length === 1 ? " layer" : " layers") + " with up to " + most + " experts, " + Math.max(...layers.map(l => l.K)) + " for each token \u00b7 model " + data.model + " \u00b7 pathway " + data.pathway + (data.host_dependent ? " \u00b7 host-dependent: it may not repeat" : "");
writeText();
document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
window.addEventListener("resize", () => { draw(); drawDomains(); });
paint(); go(at); drawDomains();
)js";

}  // namespace moxie::model
