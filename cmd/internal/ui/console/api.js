// Requests to the kit's operator side. Every one ends within its time, whatever the network does.

/** @typedef {{status: number, body: any, retry: number}} Answer status 0: nothing came back; retry in seconds, 0: not said */

/**
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @returns {Promise<Answer>}
 */
export async function ask(method, path, body) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 5000);
  try {
    const res = await fetch(path, {
      method,
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
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

/** How often a wish is sent that nobody answers. */
const tries = 3;

/**
 * Asks for what has an id, again when nobody answers: that is the same wish, and the kit does it once.
 * @param {string} path
 * @param {{id: string, [more: string]: any}} body
 * @param {string} [method]
 */
export async function wish(path, body, method = "POST") {
  let a = await ask(method, path, body);
  for (let n = 1; n < tries && (a.status === 0 || a.status === 503); n++) a = await ask(method, path, body);
  return a;
}
