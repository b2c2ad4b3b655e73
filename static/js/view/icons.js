// @ts-check
/** The page's icons: strokes of one width, in the colour of the surrounding text. */
import { html, svg } from "lit-html";

/** @param {import("lit-html").TemplateResult} paths */
function icon(paths) {
  return html`<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">${paths}</svg>`;
}

export const ICONS = {
  menu: icon(svg`<path d="M3 5.5h14M3 10h14M3 14.5h9" />`),
  people: icon(svg`<circle cx="7.5" cy="7" r="3" /><path d="M2 17c.4-3.2 2.5-5 5.5-5s5.1 1.8 5.5 5M13 4.3a3 3 0 0 1 0 5.4M15 12.4c1.7.7 2.7 2.3 3 4.6" />`),
  cluster: icon(svg`<circle cx="10" cy="4" r="2" /><circle cx="4" cy="15" r="2" /><circle cx="16" cy="15" r="2" /><path d="M9 5.8 5 13.2M11 5.8l4 7.4M6 15h8" />`),
  search: icon(svg`<circle cx="8.5" cy="8.5" r="5" /><path d="m12.5 12.5 4.5 4.5" />`),
  help: icon(svg`<circle cx="10" cy="10" r="7.5" /><path d="M7.8 7.8a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.7M10 14.2v.1" />`),
  sun: icon(svg`<circle cx="10" cy="10" r="3.5" /><path d="M10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.5 1.5M14.2 14.2l1.5 1.5M4.3 15.7l1.5-1.5M14.2 5.8l1.5-1.5" />`),
  moon: icon(svg`<path d="M16.5 12A7 7 0 0 1 8 3.5 7 7 0 1 0 16.5 12Z" />`),
  auto: icon(svg`<circle cx="10" cy="10" r="7" /><path d="M10 3v14M10 6.5h5.5M10 10h7M10 13.5h5.5" />`),
  bell: icon(svg`<path d="M5 13.5V9a5 5 0 0 1 10 0v4.5l1.5 1.5h-13ZM8.5 17.5h3" />`),
  close: icon(svg`<path d="m5 5 10 10M15 5 5 15" />`),
  leave: icon(svg`<path d="M8 3.5H4v13h4M12.5 6.5 16 10l-3.5 3.5M16 10H8" />`),
  reply: icon(svg`<path d="M8 5 3.5 9.5 8 14M4 9.5h7.5c3 0 5 2 5 5.5" />`),
  copy: icon(svg`<rect x="7" y="7" width="9.5" height="9.5" rx="2" /><path d="M13 4.5v-1h-9v9h1" />`),
  edit: icon(svg`<path d="m4 16 .8-3.5L13 4.3l2.7 2.7-8.2 8.2L4 16ZM11.5 5.8l2.7 2.7" />`),
  bin: icon(svg`<path d="M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.8 11h7.4l.8-11M8.5 8.5v5M11.5 8.5v5" />`),
  down: icon(svg`<path d="M10 4v12M5 11l5 5 5-5" />`),
};
