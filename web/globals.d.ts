// What scripts find in the global scope of a page: put there by other scripts, by tests, or by JupyterLab.

declare global {
  /** The answer to a question of a quiz, by the letter of the option. */
  interface KeptAnswer {
    chosen: string;
    right: boolean;
    /** How often it was answered right in a row, each time when it was due. */
    times: number;
    /** When it was answered, as an ISO date in UTC. */
    at: string;
    /** The day by the reader's calendar on which it returns, as 2026-11-27; none if it does not. */
    due?: string;
  }
  /** Where the reader stopped: a page, without .html, the id of a section of it or nothing, and what both are called. */
  interface KeptPlace {
    page: string;
    section: string;
    title: string;
    at: string;
  }
  /** What the browser keeps: see web/theme/static/kept.js. Questions and guesses go by `data-key`, chapters by page. */
  interface Kept {
    version: number;
    answers: Record<string, KeptAnswer>;
    guesses: Record<string, { guess: string; at: string }>;
    /** When chapters were read to the end. */
    read: Record<string, string>;
    place?: KeptPlace;
  }
  /** Of kept.js, which every page loads first; without it, quizzes and guesses work and are not kept. */
  var kept: {
    KEPT_AS: string;
    VERSION: number;
    load: () => Kept | null;
    change: (edit: (all: Kept) => void) => boolean;
    /** Returns in words when the question returns; nothing where nothing was kept. */
    answer: (key: string, chosen: string, right: boolean) => string;
    guess: (key: string, guess: string) => boolean;
    note: (element: Element, words: string) => void;
    show: () => void;
    day: (later?: number) => string;
    isDue: (answer: KeptAnswer) => boolean;
    say: (day: string) => string;
  };

  /** Of site.js: what the reader has chosen for this browser, by name; nothing where it keeps nothing. */
  var preferences: {
    get: (name: string) => string | null;
    /** An empty value takes the choice back. */
    set: (name: string, value: string) => void;
  };

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
