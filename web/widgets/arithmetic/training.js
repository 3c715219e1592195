// A recorded training as the build wrote it: what the network was, and what it said, after some of its steps.

import { decodeDigits } from "./model.js";

/**
 * @typedef {object} Run  each list has one entry for each moment
 * @property {number} rate
 * @property {[number, number][]} loss  on training and on validation images
 * @property {[number, number][]} accuracy
 * @property {[number, number][]} dead  units of the first and of the second hidden layer
 * @property {string[]} alive  "1" or "0" for each unit shown
 * @property {number[][]} largest  absolute weight of each unit shown
 * @property {number[][]} scales  largest absolute change of a unit's weights since the start; first, weight at the start
 * @property {string[]} levels  a base64 digit for each weight of each unit shown: from 0 to 30 for -scale to scale
 * @property {number[][][]} probabilities  of each digit shown
 */

const PIXELS = 784;
const HALF = 15;

/** Each unit's numbers as they are stored for a moment. @param {Run} run @param {number} moment */
function decode({ levels, scales }, moment) {
  const digits = decodeDigits(levels[moment]);
  return scales[moment].map((scale, unit) =>
    Float64Array.from(digits.subarray(PIXELS * unit, PIXELS * (unit + 1)), (level) => ((level - HALF) * scale) / HALF),
  );
}

/** How much the weights of each unit shown have changed since the start. @param {Run} run @param {number} moment */
export const changesAt = (run, moment) =>
  moment ? decode(run, moment) : run.scales[0].map(() => new Float64Array(PIXELS));

/** The weights of each unit shown. @param {Run} run @param {number} moment */
export function weightsAt(run, moment) {
  const changes = changesAt(run, moment);
  return decode(run, 0).map((weights, unit) => weights.map((weight, pixel) => weight + changes[unit][pixel]));
}

/** What the network says a digit is, at each moment. @param {Run} run @param {number} place  of the digit */
export const answersTo = ({ probabilities }, place) =>
  probabilities.map((moment) => moment[place].indexOf(Math.max(...moment[place])));

/** What the network says instead, one answer after another, once it has first read a digit. @param {number[]} answers @param {number} label */
export const answersAfter = (answers, label) =>
  answers.slice(answers.indexOf(label) + 1).filter((answer, i, later) => answer !== (i ? later[i - 1] : label));

/** How many units of the second hidden layer are ever dead at once, and at which moment first. @param {Run} run */
export function deathOf({ dead }) {
  const counts = dead.map(([, second]) => second);
  const most = Math.max(...counts);
  return { most, moment: counts.indexOf(most) };
}
