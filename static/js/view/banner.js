// @ts-check
/** Templates of the status banner and of the typing line. */
import { html, nothing } from "lit-html";
import { displayName } from "../model/users.js";
import { ICONS } from "./icons.js";
import { iconButton } from "./parts.js";

/**
 * @param {import("../model/status.js").Banner} banner
 * @param {string} warning
 * @param {{ retry: () => void, dismiss: () => void }} actions
 */
export function bannerLine({ tone, text, retry }, warning, actions) {
  return html`${text === "" ? nothing : html`<p class="banner" data-tone=${tone}><span>${text}</span>
      ${retry ? html`<button type="button" @click=${actions.retry}>Try now</button>` : nothing}</p>`}
    ${warning === "" ? nothing : html`<p class="banner warning" data-tone="bad"><span>${warning}</span>
      ${iconButton("Dismiss", ICONS.close, actions.dismiss)}</p>`}`;
}

/** @param {readonly import("../protocol/wire.js").User[]} typists */
export function typingLine(typists) {
  if (typists.length === 0) return nothing;
  const [first = "", second = ""] = typists.map(({ name }) => displayName(name));
  const who =
    typists.length === 1
      ? html`<bdi>${first}</bdi> is`
      : typists.length === 2
        ? html`<bdi>${first}</bdi> and <bdi>${second}</bdi> are`
        : html`<bdi>${first}</bdi> and ${typists.length - 1} others are`;
  return html`<span class="pulse" aria-hidden="true"><i></i><i></i><i></i></span> ${who} writing…`;
}
