// Photographs, as small as the kit needs them.

/** A photograph's longer side, in pixels, as it is sent: a slip's code is legible, and it is there at once. */
const side = 1600;

/**
 * @param {File} file
 * @returns {Promise<Blob>} the picture as small as it needs to be, where the browser can make it so
 */
export async function smaller(file) {
  try {
    const whole = await createImageBitmap(file);
    const by = Math.min(1, side / Math.max(whole.width, whole.height)), canvas = document.createElement("canvas");
    canvas.width = Math.round(whole.width * by);
    canvas.height = Math.round(whole.height * by);
    const to = canvas.getContext("2d");
    if (!to) return file;
    to.fillStyle = "#fff"; // behind what is transparent
    to.fillRect(0, 0, canvas.width, canvas.height);
    to.drawImage(whole, 0, 0, canvas.width, canvas.height);
    return (await new Promise((/** @type {(b: Blob | null) => void} */ done) => canvas.toBlob(done, "image/jpeg", 0.9))) || file;
  } catch (e) {
    return file;
  }
}
