// A ULID: 48 bits of milliseconds and 80 random bits, in Crockford's base 32 (github.com/ulid/spec).
const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * @param {number} now milliseconds since 1970; a wrong clock does no harm, since the random part alone is unique
 * @returns {string} 26 characters
 */
export function ulid(now) {
  let time = "";
  for (let i = 0, rest = Math.max(0, Math.floor(now)) % 2 ** 48; i < 10; i++) {
    time = digits[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let tail = "";
  for (const b of crypto.getRandomValues(new Uint8Array(16))) tail += digits[b & 31];
  return time + tail;
}
