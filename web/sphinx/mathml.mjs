// Turns formulas into MathML: one JSON text a line in, {tex, display}, one JSON text a line out, {math} or {error}.
import { createInterface } from "node:readline";
import temml from "temml";

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    answer = {
      math: temml.renderToString(tex, { displayMode: display, throwOnError: true, strict: true, annotate: true }),
    };
  } catch (error) {
    answer = { error: /** @type {Error} */ (error).message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
