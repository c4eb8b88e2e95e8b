import assert from "node:assert/strict";
import { test } from "node:test";
import { Links } from "../src/links.js";

test("the same address has the same name", () => {
  const links = new Links();
  const name = links.add("https://example.com/a");
  assert.equal(links.add("https://example.com/a"), name);
  assert.equal(links.get(name), "https://example.com/a");
  assert.equal(links.size, 1);
});

test("other addresses have other names", () => {
  const links = new Links();
  assert.notEqual(links.add("https://example.com/a"), links.add("https://example.com/b"));
});

test("only the web can be linked to", () => {
  assert.throws(() => new Links().add("javascript:alert(1)"), TypeError);
});
