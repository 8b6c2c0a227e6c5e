// write.mjs MODULES MODEL PAGE TEXT CODE: writes text in a code page, and a QR code, as receipt-printer-encoder does for a printer of a model.
import { createRequire } from "node:module";

const [modules, model, page, text, code] = process.argv.slice(2);
const Encoder = createRequire(modules + "/")("@point-of-sale/receipt-printer-encoder");
const printer = new Encoder({ printerModel: model, autoFlush: false });
process.stdout.write(printer.initialize().codepage(page).line(text).align("center").qrcode(code, { model: 2, size: 6, errorlevel: "m" }).cut("partial").encode());
