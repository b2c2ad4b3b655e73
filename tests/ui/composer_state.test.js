// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { draftStore, editStore } from "../../static/js/storage/drafts.js";
import { LocalStore } from "../../static/js/storage/local_store.js";
import { ComposerState } from "../../static/js/model/composer_state.js";
import { memoryStorage } from "./fakes.js";

/** A window, and the means to reload it. */
function window() {
  const [local, session] = [memoryStorage(), memoryStorage()];
  const reload = () => new ComposerState(draftStore(new LocalStore(local)), editStore(new LocalStore(session)));
  const state = reload();
  state.enterRoom("lobby");
  return { state, session, reload };
}

test("the draft waits for an edit's end, and its text is the draft's again", () => {
  const { state } = window();
  state.update("a draft");
  state.startEdit(3, "said");
  assert.deepEqual([state.editing, state.text], [3, "said"]);
  state.update("said better");
  state.finish();
  assert.deepEqual([state.editing, state.text, state.suspended], [null, "a draft", null]);
});

test("a draft is ended when it is sent", () => {
  const { state } = window();
  state.update("a draft");
  state.finish();
  assert.equal(state.text, "");
});

test("an edit waits while the draft is written, and goes on where it was", () => {
  const { state } = window();
  state.startEdit(3, "said");
  state.update("said better");
  state.showDraft();
  state.update("a reply");
  assert.deepEqual([state.editing, state.text, state.suspended], [null, "a reply", 3]);
  state.startEdit(3, "said");
  assert.deepEqual([state.text, state.suspended], ["said better", null]);
});

test("edits of several messages wait for each other", () => {
  const { state } = window();
  for (const seq of [3, 4]) {
    state.startEdit(seq, "said");
    state.update(`said better ${seq}`);
  }
  assert.equal(state.suspended, 3);
  state.finish();
  assert.deepEqual([state.editing, state.suspended], [null, 3]);
});

test("an edit in which nothing was typed does not wait", () => {
  const { state } = window();
  state.startEdit(3, "said");
  state.showDraft();
  assert.equal(state.suspended, null);
});

test("an edit is in the field again in its room, and after a reload", () => {
  const { state, reload } = window();
  state.startEdit(3, "said");
  state.update("");
  state.enterRoom("other");
  assert.deepEqual([state.editing, state.text, state.suspended], [null, "", null]);
  state.enterRoom("lobby");
  assert.deepEqual([state.editing, state.text], [3, ""]);
  const reloaded = reload();
  reloaded.enterRoom("lobby");
  assert.deepEqual([reloaded.editing, reloaded.text], [3, ""]);
});

test("edits that storage holds in ruins are left alone", () => {
  for (const stored of ["{", "1", '{"current":3}', '{"current":"3","texts":[[1],["3","x"],null]}']) {
    const { session, reload } = window();
    session.setItem("chorus.edits.lobby", stored);
    const state = reload();
    state.enterRoom("lobby");
    assert.deepEqual([state.editing, state.text, state.suspended], [null, "", null], stored);
  }
});
