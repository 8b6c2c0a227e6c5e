// host.mjs MODULES ADDRESS [RECEIPT]: receiptio asks the printer at ADDRESS, port 9100, how it is, or prints a receipt on it.
import { createRequire } from "node:module";

const [modules, address, receipt] = process.argv.slice(2);
const receiptio = createRequire(modules + "/")("receiptio");
const inquiry = receipt ? "" : "-q printer";
console.log(await receiptio.print(receipt ?? "", `-d ${address} -l en -t 20 ${inquiry}`));
