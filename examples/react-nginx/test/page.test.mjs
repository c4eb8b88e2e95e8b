import assert from "node:assert/strict";
import { test } from "node:test";
import { render } from "../build.mjs";

test("the page is there before its script", async () => {
  const html = await render();
  assert.match(html, /<h1>What runs again\?<\/h1>/);
  assert.match(html, /<option>package-lock\.json<\/option>/);
});

test("nothing runs again when nothing changed", async () => {
  assert.doesNotMatch(await render(), /class="again"/);
});
