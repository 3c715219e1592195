// What scripts find in the global scope of a page: put there by other scripts, by tests, or by JupyterLab.

declare global {
  var MiniSearch: typeof import("minisearch").default;
  /** The sections of the book that can be found: see web/sphinx/search.py. */
  var bookSections: { address: string; title: string; page: string; text: string; kind: string }[];
  /** The data of the widgets by name, each from a file of its own: see web/sphinx/export_widgets.py. */
  var mnistLessons: Record<string, any>;

  /** Fill a panel with a player of a table: see web/hear.js. */
  var hearTable: (panel: HTMLElement, table: HTMLTableElement, title: string) => void;

  var axe: typeof import("axe-core");
  var jupyterapp: any;
  /** Of tests/site/visit.mjs: how far the layout shifted; tones; what the Tab key has to reach, and what it has reached. */
  var shift: number;
  var tones: number[];
  var wanted: HTMLInputElement[];
  var reached: Set<Element>;
}

export {};
