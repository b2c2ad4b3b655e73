// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { mentions, withMention } from "../../static/js/model/mentions.js";

/** `|` is the caret, `<` where a mention was begun. @type {[written: string, becomes: string][]} */
const CALLS = [
  ["|", "@Ada |"],
  ["hello|", "hello @Ada |"],
  ["hello |", "hello @Ada |"],
  ["hello\n|", "hello\n@Ada |"],
  ["hello,| you", "hello, @Ada | you"],
  ["hello <@a|", "hello @Ada |"],
  ["(<@a|)", "(@Ada |)"],
];

for (const [written, becomes] of CALLS) {
  test(`calling Ada makes ${JSON.stringify(written)} into ${JSON.stringify(becomes)}`, () => {
    const begun = written.indexOf("<");
    const caret = written.replace("<", "").indexOf("|");
    const { text, caret: after } = withMention(written.replace(/[<|]/g, ""), caret, "Ada", begun === -1 ? undefined : begun);
    assert.equal(`${text.slice(0, after)}|${text.slice(after)}`, becomes);
    assert.ok(mentions(text, "Ada"));
  });
}
