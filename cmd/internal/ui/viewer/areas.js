// Which areas hold for the picture that is on the screen, and where they are on the page.

/**
 * @typedef {{offer: string, x: number, y: number, w: number, h: number}} Area in fractions of the picture
 * @typedef {{rtp: number, rev: number, areas: Area[] | null}} Areas hold from the picture with timestamp rtp on
 */

/**
 * Whether RTP timestamp a is b or later, across the wrap of 32 bits (RFC 3550 section 5.1).
 * @param {number} a
 * @param {number} b
 */
export function reached(a, b) {
  return ((a - b) >>> 0) < 0x80000000;
}

// Cards that move with every picture, and a picture that is three seconds late.
const kept = 128;

/** The latest few areas, by the picture from which they hold. */
export class Timeline {
  constructor() {
    /** @type {Areas[]} */
    this.list = [];
  }

  /** @param {Areas} a */
  add(a) {
    this.list.push(a);
    if (this.list.length > kept) this.list.shift();
  }

  /**
   * @param {number | undefined} rtp timestamp of the picture on the screen; undefined: not known, the latest areas serve
   * @returns {Area[]}
   */
  at(rtp) {
    for (let i = this.list.length - 1; i >= 0; i--) {
      if (rtp === undefined || reached(rtp, this.list[i].rtp)) {
        this.list.splice(0, i); // earlier ones are over
        return this.list[0].areas || [];
      }
    }
    return [];
  }
}

/**
 * The rectangle that a picture covers in a box it is fitted into (object-fit: contain).
 * @param {number} boxW
 * @param {number} boxH
 * @param {number} w of the picture; 0: not known, it covers the box
 * @param {number} h
 */
export function fitted(boxW, boxH, w, h) {
  if (!w || !h) return { x: 0, y: 0, w: boxW, h: boxH };
  const scale = Math.min(boxW / w, boxH / h);
  return { x: (boxW - w * scale) / 2, y: (boxH - h * scale) / 2, w: w * scale, h: h * scale };
}
