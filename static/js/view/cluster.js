// @ts-check
/** Template of the cluster drawer: the nodes, and the latency and route of the newest messages. */
import { html, nothing, svg } from "lit-html";
import { displayName } from "../model/users.js";

/**
 * @typedef {object} ClusterState
 * @property {import("../app/cluster.js").Cluster} cluster
 * @property {import("../model/deliveries.js").Deliveries} deliveries
 * @property {number} now By the nodes' clock.
 */

const WIDTH = 240;
const HEIGHT = 44;
/** How many deliveries are listed. */
const LISTED = 12;

/**
 * @param {ClusterState} state
 * @param {() => void} switchNode
 */
export function cluster({ cluster: { node, nodes, known, switchStatus }, deliveries, now }, switchNode) {
  const times = deliveries.recent.map(({ ms }) => ms);
  const counts = deliveries.perSecond(now);
  return html`
    <section>
      <h3>Nodes</h3>
      <ul class="nodes">${known ? nodes.map((one) => nodeLine(one, one.id === node, now)) : nodeLine({ id: node || "none", sessions: 0, since: 0 }, true, now)}</ul>
      ${known ? nothing : html`<p class="sub">This node cannot list the others.</p>`}
      <button id="elsewhere" type="button" class="wide-button" ?disabled=${node === ""} @click=${switchNode}>Connect to another node</button>
      <p class="sub" role="status">${switchStatus}</p>
    </section>
    <section>
      <h3>Time from sending to display <output>${deliveries.medianMs === null ? "" : `${deliveries.medianMs} ms`}</output></h3>
      ${lineGraph(times, `The newest ${times.length} messages took a median of ${deliveries.medianMs ?? 0} ms`)}
    </section>
    <section>
      <h3>Messages per second <output>${counts.at(-2) ?? 0}</output></h3>
      ${barGraph(counts, `Messages in each of the last ${counts.length} seconds, at most ${Math.max(...counts)}`)}
    </section>
    <section>
      <h3>Newest messages</h3>
      ${times.length === 0 ? html`<p class="sub">None since the page was opened.</p>` : nothing}
      <ol class="deliveries">${deliveries.recent.slice(-LISTED).reverse().map(({ from, to, ms, own, author }) => html`<li>
        <bdi class="who">${own ? "you" : displayName(author)}</bdi>
        <span class=${from === to ? "way" : "way crossed"}><span>${from}</span> <span aria-label="to">→</span> <span>${to}</span></span>
        <output>${ms} ms</output></li>`)}</ol>
    </section>`;
}

/**
 * @param {import("../protocol/wire.js").NodeInfo} node
 * @param {boolean} mine
 * @param {number} now
 */
function nodeLine({ id, sessions, since }, mine, now) {
  return html`<li class=${mine ? "mine" : ""}><span class="name">${id}</span>
    ${mine ? html`<span class="badge">you</span>` : nothing}
    ${since === 0 ? nothing : html`<span class="sub">${sessions} ${sessions === 1 ? "session" : "sessions"}, up ${ageOf(now - since)}</span>`}</li>`;
}

/** @param {number} ms */
function ageOf(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} days`;
}

/**
 * @param {readonly number[]} values
 * @param {string} label
 */
function lineGraph(values, label) {
  const max = Math.max(10, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, n) => `${(n * step).toFixed(1)},${heightOf(value, max)}`).join(" ");
  const [last] = values.slice(-1);
  return html`<svg class="graph" viewBox=${`0 -4 ${WIDTH} ${HEIGHT + 8}`} role="img" aria-label=${label} preserveAspectRatio="none">
    <path class="base" d=${`M0 ${HEIGHT}H${WIDTH}`} />
    ${values.length < 2 || last === undefined ? nothing : svg`<polygon points=${`0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} /><polyline points=${points} />`}
  </svg><p class="scale"><span>0 ms</span><span>${max} ms at most</span></p>`;
}

/**
 * @param {readonly number[]} values
 * @param {string} label
 */
function barGraph(values, label) {
  const max = Math.max(1, ...values);
  const step = WIDTH / values.length;
  return html`<svg class="graph" viewBox=${`0 -4 ${WIDTH} ${HEIGHT + 8}`} role="img" aria-label=${label} preserveAspectRatio="none">
    <path class="base" d=${`M0 ${HEIGHT}H${WIDTH}`} />
    ${values.map((value, n) => (value === 0 ? nothing : svg`<rect x=${(n * step + 0.5).toFixed(1)} y=${heightOf(value, max)} width=${(step - 1).toFixed(1)} height=${(HEIGHT - Number(heightOf(value, max))).toFixed(1)} />`))}
  </svg><p class="scale"><span>a minute ago</span><span>now</span></p>`;
}

/**
 * @param {number} value
 * @param {number} max
 */
function heightOf(value, max) {
  return (HEIGHT - (value / max) * HEIGHT).toFixed(1);
}
