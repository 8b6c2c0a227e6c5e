import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { ulid } = await load("viewer/ulid.js");

test("an id is a ULID in its canonical form", () => {
  for (const now of [0, 1, Date.now(), 2 ** 48 - 1]) assert.match(ulid(now), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
});

test("its first ten digits are the time", () => {
  assert.equal(ulid(0).slice(0, 10), "0000000000");
  assert.equal(ulid(1469918176385).slice(0, 10), "01ARYZ6S41"); // the example of github.com/ulid/spec
  assert.equal(ulid(2 ** 48 - 1).slice(0, 10), "7ZZZZZZZZZ");
});

test("ids sort by time", () => {
  const times = [5, 31, 32, 1023, 1024, 1_700_000_000_000, 1_700_000_000_001];
  const ids = times.map(ulid);
  assert.deepEqual([...ids].sort(), ids);
});

test("no two are the same, also of one millisecond", () => {
  const n = 20000;
  assert.equal(new Set(Array.from({ length: n }, () => ulid(1))).size, n);
});

test("a clock that is wrong still makes ids", () => {
  for (const now of [-1, 2 ** 48, 1.5, 2 ** 53]) assert.match(ulid(now), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, String(now));
});
