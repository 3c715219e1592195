// Turns formulas into MathML: one JSON text a line in, {tex, display}, one JSON text a line out, {math} or {error}.
import { createInterface } from "node:readline";
import temml from "temml";

// Fonts draw a prime high up already; as a superscript it floats above its letter in Chromium.
const RAISED_PRIME = /<msup>(<(?:mi|mtext|mn)\b[^<]*<\/\w+>)(<mo [^>]*class="tml-prime[^<]*<\/mo>)<\/msup>/g;

for await (const line of createInterface({ input: process.stdin })) {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    answer = {
      math: temml
        .renderToString(tex, { displayMode: display, throwOnError: true, strict: true, annotate: true })
        .replace(RAISED_PRIME, "<mrow>$1$2</mrow>"),
    };
  } catch (error) {
    answer = { error: /** @type {Error} */ (error).message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
