import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { createApp } from "../src/app.js";

let base: string;
const server = createApp().listen(0, "127.0.0.1");

before(async () => {
  if (!server.listening) {
    await new Promise((resolve) => server.once("listening", resolve));
  }
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
});

function post(body: string) {
  return fetch(`${base}/links`, { method: "POST", headers: { "content-type": "application/json" }, body });
}

test("a link leads where it should", async () => {
  const made = await post(JSON.stringify({ url: "https://example.com/page" }));
  assert.equal(made.status, 201);
  const { name } = (await made.json()) as { name: string };
  const found = await fetch(`${base}/${name}`, { redirect: "manual" });
  assert.equal(found.status, 302);
  assert.equal(found.headers.get("location"), "https://example.com/page");
});

for (const body of ['{"url": 1}', '{"url": "no address"}', '{"url": "javascript:alert(1)"}', "{}", "not JSON"]) {
  test(`refuses ${body}`, async () => {
    assert.equal((await post(body)).status, 400);
  });
}

test("an unknown name is not found", async () => {
  assert.equal((await fetch(`${base}/nothing`)).status, 404);
});

test("health", async () => {
  const answer = (await (await fetch(`${base}/health`)).json()) as { status: string };
  assert.equal(answer.status, "ok");
});
