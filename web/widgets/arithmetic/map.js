// Points of a plane, to find one's way among them.

/** @typedef {[number, number]} Point */

/**
 * The places of the points nearest to one, nearest first, without itself.
 * @param {Point[]} points @param {number} place @param {number} count
 */
export function nearestPoints(points, place, count) {
  return rank(points, points[place], (at) => at !== place).slice(0, count);
}

/** The place of the point nearest to a position, among those allowed; none allowed is undefined.
 * @param {Point[]} points @param {Point} position @param {(place: number) => boolean} allowed
 * @returns {number | undefined} */
export function pointAt(points, position, allowed) {
  return rank(points, position, allowed)[0];
}

/**
 * The nearest point to one in a direction, not further aside than ahead.
 * @param {Point[]} points @param {number} place @param {Point} direction  one of its numbers is 1 or -1, the other 0
 * @param {(place: number) => boolean} allowed
 * @returns {number | undefined}
 */
export function pointToward(points, place, [right, up], allowed) {
  const [x, y] = points[place];
  return pointAt(points, points[place], (at) => {
    const [dx, dy] = [points[at][0] - x, points[at][1] - y];
    const ahead = dx * right + dy * up;
    return allowed(at) && ahead > 0 && Math.abs(dx * up) + Math.abs(dy * right) <= ahead;
  });
}

/** @param {Point[]} points @param {Point} position @param {(place: number) => boolean} allowed */
function rank(points, [x, y], allowed) {
  return points
    .map(([px, py], place) => ({ place, distance: Math.hypot(px - x, py - y) }))
    .filter(({ place }) => allowed(place))
    .sort((a, b) => a.distance - b.distance)
    .map(({ place }) => place);
}
