// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { draftStore, editStore } from "../../static/js/storage/drafts.js";
import { LocalStore } from "../../static/js/storage/local_store.js";
import { ComposerState } from "../../static/js/model/composer_state.js";
import { memoryStorage } from "./fakes.js";

/** A window, and what it is after a reload. */
function window() {
  const [local, session] = [memoryStorage(), memoryStorage()];
  const open = () => new ComposerState(draftStore(new LocalStore(local)), editStore(new LocalStore(session)));
  const writing = open();
  writing.enter("lobby");
  return { writing, session, open };
}

test("the draft waits for an edit's end, and its text is the draft's again", () => {
  const { writing } = window();
  writing.write("a draft");
  writing.edit(3, "said");
  assert.deepEqual([writing.editing, writing.text], [3, "said"]);
  writing.write("said better");
  writing.end();
  assert.deepEqual([writing.editing, writing.text, writing.waiting], [null, "a draft", null]);
});

test("a draft is ended when it is sent", () => {
  const { writing } = window();
  writing.write("a draft");
  writing.end();
  assert.equal(writing.text, "");
});

test("an edit waits while the draft is written, and goes on where it was", () => {
  const { writing } = window();
  writing.edit(3, "said");
  writing.write("said better");
  writing.draft();
  writing.write("a reply");
  assert.deepEqual([writing.editing, writing.text, writing.waiting], [null, "a reply", 3]);
  writing.edit(3, "said");
  assert.deepEqual([writing.text, writing.waiting], ["said better", null]);
});

test("edits of several messages wait for each other", () => {
  const { writing } = window();
  for (const seq of [3, 4]) {
    writing.edit(seq, "said");
    writing.write(`said better ${seq}`);
  }
  assert.equal(writing.waiting, 3);
  writing.end();
  assert.deepEqual([writing.editing, writing.waiting], [null, 3]);
});

test("an edit in which nothing was typed does not wait", () => {
  const { writing } = window();
  writing.edit(3, "said");
  writing.draft();
  assert.equal(writing.waiting, null);
});

test("an edit is in the field again in its room, and after a reload", () => {
  const { writing, open } = window();
  writing.edit(3, "said");
  writing.write("");
  writing.enter("other");
  assert.deepEqual([writing.editing, writing.text, writing.waiting], [null, "", null]);
  writing.enter("lobby");
  assert.deepEqual([writing.editing, writing.text], [3, ""]);
  const reloaded = open();
  reloaded.enter("lobby");
  assert.deepEqual([reloaded.editing, reloaded.text], [3, ""]);
});

test("edits that storage holds in ruins are left alone", () => {
  for (const kept of ["{", "1", '{"current":3}', '{"current":"3","texts":[[1],["3","x"],null]}']) {
    const { session, open } = window();
    session.setItem("chorus.edits.lobby", kept);
    const writing = open();
    writing.enter("lobby");
    assert.deepEqual([writing.editing, writing.text, writing.waiting], [null, "", null], kept);
  }
});
