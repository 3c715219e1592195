// Teaches away from the page, so that the page stays responsive.

import { createTeacher } from "./teach.js";

/** @type {ReturnType<typeof createTeacher>} */
let teacher;

/** Messages: {start: {layers, tests}} or {drawings, rate}; the second is answered by a lesson. */
onmessage = ({ data: { start, drawings, rate } }) => {
  if (start) teacher = createTeacher(start.layers, start.tests);
  postMessage(start ? null : teacher.teach(drawings, rate));
};
