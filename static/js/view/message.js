// @ts-check
/** Templates of the rows of a conversation. */
import { html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { mentions } from "../model/mentions.js";
import { withPending } from "../model/pending.js";
import { displayName } from "../model/users.js";
import { relativeTime, dayName, exactTime } from "../model/times.js";
import { ICONS } from "./icons.js";
import { avatar, iconButton, personName, time } from "./parts.js";
import { messageText } from "./text.js";

/**
 * @typedef {import("../protocol/outbox.js").Entry} Entry
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {import("../model/fold.js").Folded} Folded
 *
 * @typedef {object} MessageActions
 * @property {(seq: number, reaction: string, on: boolean) => void} react
 * @property {(message: Message, text: string) => void} reply
 * @property {(text: string) => void} copy
 * @property {(message: Message, text: string) => void} edit
 * @property {(seq: number) => void} remove
 * @property {(nonce: string) => void} retry
 * @property {(nonce: string) => void} discard
 *
 * @typedef {object} RowContext What all rows of a conversation share.
 * @property {User} me
 * @property {number} now By the nodes' clock.
 * @property {ReadonlyMap<string, string>} marks Marks that tell users of the same name apart, by id.
 * @property {(message: Message) => Folded} fold
 * @property {ReadonlyMap<number, Entry[]>} pending Amendments not yet acked, by the seq of their text.
 * @property {number | null} active The seq of the message that has the pointer or the focus.
 * @property {number | null} found The seq of the message that was opened from the search.
 * @property {MessageActions} actions
 */

/** The reactions that are offered; others can be given by other clients. */
export const REACTIONS = ["👍", "❤️", "😄", "🎉", "👀", "🙏"];

/**
 * @param {import("../model/rows.js").Row} row
 * @param {RowContext} context
 */
export function rowTemplate(row, context) {
  switch (row.type) {
    case "day":
      return html`<li class="day"><span>${dayName(row.at, context.now)}</span></li>`;
    case "new":
      return html`<li class="new"><span>New messages</span></li>`;
    case "note":
      return html`<li class="note">${row.text}</li>`;
    case "message":
      return messageRow(row, context);
  }
}

/**
 * @param {import("../model/rows.js").MessageRow} row
 * @param {RowContext} context
 */
function messageRow({ message, startsGroup }, context) {
  const { me, marks, actions } = context;
  const entries = context.pending.get(message.seq) ?? [];
  const folded = context.fold(message);
  const active = context.active === message.seq;
  const found = context.found === message.seq;
  const when = startsGroup ? relativeTime(message.at, context.now) : "";
  const waiting = entries.map(({ nonce }) => nonce).join();
  // Only rows whose inputs have changed are rendered again.
  return guard([message, startsGroup, folded.version, waiting, marks.get(message.author.id), active, found, when, me.id, me.name], () => {
    const own = message.author.id === me.id;
    const shown = withPending(folded, entries, me);
    const mentionsMe = !own && !shown.deleted && mentions(shown.text, me.name);
    const classes = `message${startsGroup ? " leads" : ""}${own ? " own" : ""}${mentionsMe ? " calls" : ""}${found ? " found" : ""}${waiting ? " waiting" : ""}`;
    return html`<li class=${classes} tabindex="-1" data-seq=${message.seq} data-author=${message.author.id} title=${startsGroup ? nothing : exactTime(message.at)}>
      ${startsGroup
        ? html`${avatar(message.author)}
            <div class="by">${personName(message.author, marks)} ${time(message.at, when)}</div>`
        : html`<span class="unseen">${displayName(message.author.name)}, ${exactTime(message.at)}</span>`}
      ${shown.deleted ? html`<p class="gone">This message was deleted.</p>` : messageText(shown.text, me.name)}
      ${shown.edited && !shown.deleted ? html`<span class="edited">edited</span>` : nothing}
      ${0 < shown.reactions.length ? reactionBar(message.seq, shown, me, actions) : nothing}
      ${active && !shown.deleted ? toolbar(message, shown, own, context) : nothing}
    </li>`;
  });
}

/**
 * @param {number} seq
 * @param {Folded} shown
 * @param {User} me
 * @param {MessageActions} actions
 */
function reactionBar(seq, { reactions }, me, actions) {
  return html`<div class="reactions">${reactions.map(({ text, users }) => {
    const mine = users.some(({ id }) => id === me.id);
    const names = users.map(({ name }) => displayName(name)).join(", ");
    return html`<button type="button" aria-pressed=${String(mine)} title=${names} aria-label=${`${text}, ${users.length}: ${names}`}
      @click=${() => actions.react(seq, text, !mine)}><span>${text}</span> ${users.length}</button>`;
  })}</div>`;
}

/**
 * @param {Message} message
 * @param {Folded} shown
 * @param {boolean} own
 * @param {RowContext} context
 */
function toolbar(message, shown, own, { me, actions }) {
  const { seq } = message;
  const given = new Set(shown.reactions.filter(({ users }) => users.some(({ id }) => id === me.id)).map(({ text }) => text));
  return html`<div class="tools" role="toolbar" aria-label="Message">
    ${REACTIONS.map((text) => html`<button type="button" class="plain emoji" aria-label=${`React with ${text}`} aria-pressed=${String(given.has(text))}
      @click=${() => actions.react(seq, text, !given.has(text))}>${text}</button>`)}
    <span class="gap"></span>
    ${iconButton("Reply", ICONS.reply, () => actions.reply(message, shown.text), { keys: "R" })}
    ${iconButton("Copy", ICONS.copy, () => actions.copy(shown.text), { keys: "C" })}
    ${own ? iconButton("Edit", ICONS.edit, () => actions.edit(message, shown.text), { keys: "E" }) : nothing}
    ${own ? iconButton("Delete", ICONS.bin, () => actions.remove(seq), { keys: "Delete", className: "danger" }) : nothing}
  </div>`;
}

/** @type {Record<Entry["state"], string>} */
const STATES = { waiting: "waiting to be sent", sending: "sending…", stored: "sent", failed: "not sent" };

/** The status of a failed amendment, by kind. @type {Record<string, string>} */
const FAILURES = { edit: "edit not saved", delete: "not deleted", react: "reaction not added", unreact: "reaction not removed" };

/**
 * A message that is not yet part of the room's history; shown below it.
 *
 * @param {Entry} entry
 * @param {boolean} startsGroup
 * @param {Pick<RowContext, "me" | "actions">} context
 */
export function pendingRow({ nonce, text, kind, state, reason }, startsGroup, { me, actions }) {
  const failed = state === "failed";
  const status = (kind !== undefined && FAILURES[kind]) || STATES[state];
  return html`<li class=${`message own ${state}${startsGroup ? " leads" : ""}`} data-nonce=${nonce}>
    ${startsGroup ? html`${avatar(me)}<div class="by">${personName(me)} <span class="fate">${failed ? nothing : status}</span></div>` : nothing}
    ${messageText(kind === "delete" ? "(delete a message)" : text, me.name)}
    ${failed
      ? html`<div class="failure"><span class="fate">${status}${reason ? `: ${reason}` : ""}</span>
          <button type="button" @click=${() => actions.retry(nonce)}>Send again</button>
          <button type="button" @click=${() => actions.discard(nonce)}>Discard</button></div>`
      : nothing}
  </li>`;
}
