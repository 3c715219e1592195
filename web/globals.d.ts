// What scripts find in the global scope of a page: put there by other scripts, by tests, or by JupyterLab.

declare global {
  var MiniSearch: typeof import("minisearch").default;
  /** Sphinx's own, of English; and all that can be found: both in sections.js, see web/sphinx/search.py. */
  var Stemmer: new () => { stemWord(word: string): string };
  var bookText: Book;
  var BookSearch: {
    open(book: Book): Promise<{ find(query: string): { answers: Answer[]; terms: Term[]; mended: string[] } }>;
  };

  interface Section {
    title: string;
    address: string;
    text: string;
    shared: boolean;
  }
  interface Page {
    title: string;
    label: string;
    summary: string;
    address: string;
    kind: "chapter" | "page" | "exercise" | "reference";
    sections: Section[];
  }
  interface Term {
    names: string[];
    address: string;
    text: string;
    taught: string[];
  }
  interface Book {
    pages: Page[];
    terms: Term[];
    synonyms: Record<string, string[]>;
  }
  /** A section that was found, with where in its text the words stand. */
  interface Place {
    title: string;
    address: string;
    text: string;
    words: string[];
    marks: { start: number; end: number; word: string }[];
  }
  interface Answer {
    page: Page;
    places: () => Place[];
  }
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
