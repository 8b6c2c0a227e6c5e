// Requests to the kit's operator side. Every one ends within its time, whatever the network does.

/** @typedef {{status: number, body: any, retry: number}} Answer status 0: nothing came back; retry in seconds, 0: not said */

/** How often a wish is sent that nobody answers. */
const tries = 3;

/**
 * Asks; for what is more than a look again when nobody answers: by its key the kit knows that it is the same wish, and does it once.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @returns {Promise<Answer>}
 */
export async function ask(method, path, body) {
  const key = method === "GET" || path.endsWith("/pair") ? "" : fresh(); // a code pairs once, and its session is nobody else's
  let a = await send(method, path, body, key);
  for (let n = 1; key && n < tries && (a.status === 0 || a.status === 503); n++) a = await send(method, path, body, key);
  return a;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {any} body
 * @param {string} key "" for none
 * @returns {Promise<Answer>}
 */
async function send(method, path, body, key) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 5000);
  try {
    const res = await fetch(path, {
      method,
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...(key ? { "Idempotency-Key": key } : {}) },
      signal: stop.signal,
    });
    const text = await res.text();
    return { status: res.status, body: text ? JSON.parse(text) : null, retry: Number(res.headers.get("Retry-After")) || 0 };
  } catch (e) {
    return { status: 0, body: null, retry: 0 };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Why something was not done, for people.
 * @param {Answer} a
 */
export function why(a) {
  if (a.status === 0) return "The kit does not answer.";
  if (a.status === 401) return "This device is not paired any more.";
  return (a.body && a.body.detail) || `The kit refused (${a.status}).`;
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID of chance alone: the name of a wish. */
export function fresh() {
  return "0" + Array.from(crypto.getRandomValues(new Uint8Array(25)), (b) => digits[b & 31]).join("");
}

/**
 * Asks for what has an id of its own, by which the kit's books know it for good.
 * @param {string} path
 * @param {{id: string, [more: string]: any}} body
 * @param {string} [method]
 */
export function wish(path, body, method = "POST") {
  return ask(method, path, body);
}
