// The console's line to the kit, with a kit and a browser's EventSource made of what the line touches.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { load } from "./pages.mjs";

const { Link } = await load("console/link.js");
const real = { fetch: globalThis.fetch, EventSource: globalThis.EventSource, setTimeout: globalThis.setTimeout };

let said, sources, statuses, silent;

class EventSource {
  constructor(path) {
    this.path = path;
    this.closed = false;
    sources.push(this);
  }
  addEventListener(kind, f) { this[kind] = f; }
  close() { this.closed = true; }
}

beforeEach(() => {
  said = [], sources = [], statuses = [], silent = undefined;
  globalThis.EventSource = EventSource;
  globalThis.fetch = async (path) => {
    assert.equal(path, "/api/operator/state");
    if (statuses.length === 0) await new Promise(() => {}); // asked more often than it should: the test ends here
    const status = statuses.shift();
    if (!status) throw new TypeError("network");
    return new Response(status === 200 ? '{"viewers": 1}' : '{"reason": "not-paired"}', { status });
  };
  // Pauses between tries are over at once; a request's limit never comes; the line's patience is the test's to end.
  globalThis.setTimeout = (f, ms) => {
    if (ms === 12000) silent = f;
    return ms === 12000 || ms === 5000 ? 0 : real.setTimeout(f, 0);
  };
});
afterEach(() => Object.assign(globalThis, real));

const link = () => new Link({ state: (s) => said.push(`viewers ${s.viewers}`), line: (is) => said.push(is) });
const opened = async (n) => { while (sources.length < n) await new Promise((r) => setImmediate(r)); return sources[n - 1]; };

test("who is not paired gets no line", async () => {
  statuses = [401];
  await link().run();
  assert.deepEqual(said, []);
  assert.equal(sources.length, 0);
});

test("a line that breaks is said to be lost, and comes back by itself", async () => {
  statuses = [200, 0, 0, 503, 200, 401];
  const run = link().run();
  const first = await opened(1);
  first.state({ data: '{"viewers": 2}' });
  first.onerror();
  assert.ok(first.closed, "two lines at once");
  const second = await opened(2);
  second.state({ data: '{"viewers": 3}' });
  second.onerror();
  await run;
  assert.deepEqual(said, ["live", "viewers 1", "viewers 2", "lost", "lost", "lost", "lost", "live", "viewers 1", "viewers 3", "lost"]);
});

test("a line that has gone silent is a dead one", async () => {
  statuses = [200, 401];
  const run = link().run();
  const source = await opened(1);
  silent();
  await run;
  assert.ok(source.closed);
  assert.deepEqual(said, ["live", "viewers 1", "lost"]);
});

test("leaving ends the line", async () => {
  statuses = [200, 401];
  const l = link(), run = l.run();
  const source = await opened(1);
  l.leave();
  await run;
  assert.ok(source.closed);
});
