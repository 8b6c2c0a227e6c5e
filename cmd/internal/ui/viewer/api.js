// Requests to the kit. Every one ends within its time, whatever the network does.

/** @typedef {{status: number, body: any}} Answer status 0: nothing came back */

/**
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {number} [ms] how long to wait
 * @returns {Promise<Answer>}
 */
export async function ask(method, path, body, ms = 5000) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ms);
  try {
    const res = await fetch(path, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      signal: stop.signal,
    });
    const text = await res.text();
    return { status: res.status, body: text ? JSON.parse(text) : null };
  } catch (e) {
    return { status: 0, body: null };
  } finally {
    clearTimeout(timer);
  }
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
