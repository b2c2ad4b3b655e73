// @ts-check
/** The lines of a conversation. */
import { html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { mentions } from "../model/mentions.js";
import { foreseen } from "../model/pending.js";
import { displayName } from "../model/users.js";
import { relativeTime, dayName, exactTime } from "../model/times.js";
import { ICONS } from "./icons.js";
import { avatar, iconButton, personName, time } from "./parts.js";
import { words } from "./text.js";

/**
 * @typedef {import("../protocol/outbox.js").Entry} Entry
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {import("../model/fold.js").Folded} Folded
 *
 * @typedef {object} MessageActions
 * @property {(seq: number, text: string, on: boolean) => void} react
 * @property {(message: Message, text: string) => void} reply
 * @property {(text: string) => void} copy
 * @property {(message: Message, text: string) => void} edit
 * @property {(seq: number) => void} remove
 * @property {(nonce: string) => void} retry
 * @property {(nonce: string) => void} discard
 *
 * @typedef {object} Surroundings What all lines of a conversation share.
 * @property {User} me
 * @property {number} now By the nodes' clock.
 * @property {ReadonlyMap<string, string>} marks
 * @property {(message: Message) => Folded} fold
 * @property {ReadonlyMap<number, Entry[]>} pending
 * @property {number | null} active The place of the message that is pointed at.
 * @property {number | null} found The place of the message that was searched for.
 * @property {MessageActions} act
 */

/** Those that are offered; others can be given by those who know them. */
export const REACTIONS = ["👍", "❤️", "😄", "🎉", "👀", "🙏"];

/**
 * @param {import("../model/rows.js").Row} row
 * @param {Surroundings} around
 */
export function line(row, around) {
  switch (row.type) {
    case "day":
      return html`<li class="day"><span>${dayName(row.at, around.now)}</span></li>`;
    case "new":
      return html`<li class="new"><span>New messages</span></li>`;
    case "note":
      return html`<li class="note">${row.text}</li>`;
    case "message":
      return messageLine(row, around);
  }
}

/**
 * @param {import("../model/rows.js").MessageRow} row
 * @param {Surroundings} around
 */
function messageLine({ message, leads }, around) {
  const { me, marks, act } = around;
  const entries = around.pending.get(message.seq) ?? [];
  const folded = around.fold(message);
  const active = around.active === message.seq;
  const found = around.found === message.seq;
  const when = leads ? relativeTime(message.at, around.now) : "";
  const waiting = entries.map(({ nonce }) => nonce).join();
  // Hundreds of lines stay as they are while one comes.
  return guard([message, leads, folded.version, waiting, marks.get(message.author.id), active, found, when, me.id, me.name], () => {
    const own = message.author.id === me.id;
    const seen = foreseen(folded, entries, me);
    const calls = !own && !seen.deleted && mentions(seen.text, me.name);
    const classes = `message${leads ? " leads" : ""}${own ? " own" : ""}${calls ? " calls" : ""}${found ? " found" : ""}${waiting ? " waiting" : ""}`;
    return html`<li class=${classes} tabindex="-1" data-seq=${message.seq} data-author=${message.author.id} title=${leads ? nothing : exactTime(message.at)}>
      ${leads
        ? html`${avatar(message.author)}
            <div class="by">${personName(message.author, marks)} ${time(message.at, when)}</div>`
        : html`<span class="unseen">${displayName(message.author.name)}, ${exactTime(message.at)}</span>`}
      ${seen.deleted ? html`<p class="gone">This message was deleted.</p>` : words(seen.text, me.name)}
      ${seen.edited && !seen.deleted ? html`<span class="edited">edited</span>` : nothing}
      ${0 < seen.reactions.length ? reactionsOf(message.seq, seen, me, act) : nothing}
      ${active && !seen.deleted ? tools(message, seen, own, around) : nothing}
    </li>`;
  });
}

/**
 * @param {number} seq
 * @param {Folded} seen
 * @param {User} me
 * @param {MessageActions} act
 */
function reactionsOf(seq, { reactions }, me, act) {
  return html`<div class="reactions">${reactions.map(({ text, users }) => {
    const mine = users.some(({ id }) => id === me.id);
    const names = users.map(({ name }) => displayName(name)).join(", ");
    return html`<button type="button" aria-pressed=${String(mine)} title=${names} aria-label=${`${text}, ${users.length}: ${names}`}
      @click=${() => act.react(seq, text, !mine)}><span>${text}</span> ${users.length}</button>`;
  })}</div>`;
}

/**
 * @param {Message} message
 * @param {Folded} seen
 * @param {boolean} own
 * @param {Surroundings} around
 */
function tools(message, seen, own, { me, act }) {
  const { seq } = message;
  const given = new Set(seen.reactions.filter(({ users }) => users.some(({ id }) => id === me.id)).map(({ text }) => text));
  return html`<div class="tools" role="toolbar" aria-label="Message">
    ${REACTIONS.map((text) => html`<button type="button" class="plain emoji" aria-label=${`React with ${text}`} aria-pressed=${String(given.has(text))}
      @click=${() => act.react(seq, text, !given.has(text))}>${text}</button>`)}
    <span class="gap"></span>
    ${iconButton("Reply", ICONS.reply, () => act.reply(message, seen.text), { keys: "R" })}
    ${iconButton("Copy", ICONS.copy, () => act.copy(seen.text), { keys: "C" })}
    ${own ? iconButton("Edit", ICONS.edit, () => act.edit(message, seen.text), { keys: "E" }) : nothing}
    ${own ? iconButton("Delete", ICONS.bin, () => act.remove(seq), { keys: "Delete", className: "danger" }) : nothing}
  </div>`;
}

/** @type {Record<Entry["state"], string>} */
const STATES = { waiting: "waiting to be sent", sending: "sending…", stored: "sent", failed: "not sent" };

/** What became of an amendment that failed. @type {Record<string, string>} */
const FAILURES = { edit: "edit not saved", delete: "not deleted", react: "reaction not given", unreact: "reaction not taken back" };

/**
 * A message that is not yet part of the room's history, behind it.
 *
 * @param {Entry} entry
 * @param {boolean} leads
 * @param {Pick<Surroundings, "me" | "act">} around
 */
export function pendingLine({ nonce, text, kind, state, reason }, leads, { me, act }) {
  const failed = state === "failed";
  const fate = (kind !== undefined && FAILURES[kind]) || STATES[state];
  return html`<li class=${`message own ${state}${leads ? " leads" : ""}`} data-nonce=${nonce}>
    ${leads ? html`${avatar(me)}<div class="by">${personName(me)} <span class="fate">${failed ? nothing : fate}</span></div>` : nothing}
    ${words(kind === "delete" ? "(delete a message)" : text, me.name)}
    ${failed
      ? html`<div class="failure"><span class="fate">${fate}${reason ? `: ${reason}` : ""}</span>
          <button type="button" @click=${() => act.retry(nonce)}>Send again</button>
          <button type="button" @click=${() => act.discard(nonce)}>Discard</button></div>`
      : nothing}
  </li>`;
}
