// Points of a plane, to find one's way among them.

/** @typedef {[number, number]} Point */

/**
 * The place of the point nearest to a position, among those allowed; none allowed is undefined.
 * @param {Point[]} points @param {Point} position @param {(place: number) => boolean} [allowed]
 * @returns {number | undefined}
 */
export function pointAt(points, [x, y], allowed = () => true) {
  const distances = points.map(([px, py], place) => (allowed(place) ? Math.hypot(px - x, py - y) : Infinity));
  const least = Math.min(...distances);
  return least < Infinity ? distances.indexOf(least) : undefined;
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
