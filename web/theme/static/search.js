// Finds the pages of the book that answer a query. Knows nothing of the page that shows them: see find.js.
//
// MiniSearch ranks sections by one word at a time (BM25). What is added here: words are compared by their stems, in
// American spelling; words that only ask count nothing; a slip of spelling is mended; and the sections found are put
// together to pages, those first that have most of the words and that teach what was asked for.
"use strict";

{
  /** A word in lower case, with its parts. @typedef {{ parts: string[] }} Word */
  /** One thing asked for: any of these lists of stems says it. @typedef {string[][]} Concept */
  /** The same with the stems as typed, and all stems of it. @typedef {{ any: Concept, typed: string[], stems: Set<string> }} Asked */

  const QUESTION_WORDS = new Set(
    (
      "a about an and any are as at be been but by can could did do does doing dont else for from get give had has have " +
      "how i if in into is isnt it its let make many may me might more much must my no nor not of on or our " +
      "please shall should show so some than that the their them then there these they this those to too up us use " +
      "used using versus very via vs was we were what whats when where which while who whom whose why will with would " +
      "you your"
    ).split(" "),
  );
  // Tuned on tests/site/queries.yml as a whole; none of them decides much alone.
  const FIELDS = { title: 3, page: 1, summary: 1 }; // beside the text, which counts 1
  const RANKING = { k: 1.6, b: 0.7, d: 0.5 };
  const RARE = 0.5; // how much more a word counts that few sections have
  const DECAY = 0.65; // what each further section of a page adds
  const TAUGHT = 0.9; // what it adds, of the highest score, that a page teaches what was asked for
  const EARLY = 0.6; // what it adds that a chapter comes early: it introduces what later ones use
  const KINDS = { chapter: 1, page: 0.85, exercise: 0.45, reference: 0.55 };
  const EXERCISES_ASKED_FOR = 1.5;
  // A page is shown that has this share of the query or of the score, compared with the best.
  const RELATED = { share: 0.6, score: 0.2 };
  const PLACES = 3; // shown of each page
  const AMERICAN = /** @type {[RegExp, string][]} */ ([
    [/^(behavi|col|fav|harb|hon|hum|lab|neighb|rig|vap)our/, "$1or"],
    [/^(cent|fib|lit|met|theat)re(s?)$/, "$1er$2"],
    [/^centred$/, "centered"],
    [/^grey/, "gray"],
    [/^artefact/, "artifact"],
    [/([a-z]{3})is(e[drs]?|ers|ing|ations?|able)$/, "$1iz$2"],
    [/([a-z]{2})lys(e[drs]?|ers|ing)$/, "$1lyz$2"],
    [/^licence/, "license"],
    [/^practis/, "practic"],
  ]);

  const WORD = /[\p{L}\p{N}]+(?:[-_.][\p{L}\p{N}]+)*/gu;
  const MARKED = /[\p{L}\p{N}]+(?:[-_][\p{L}\p{N}]+)*/gu; // as in mark.js

  /** The words of a text without accents, case and apostrophes; of "one-hot" and "EarlyStopping" the parts. @param {string} text @returns {Word[]} */
  function split(text) {
    const plain = text
      .normalize("NFKD")
      .replace(/[\u0300-\u036f]/g, "")
      .replace(/(\d)\s*(?:×|x|by)\s*(?=\d)/g, "$1x")
      .replace(/['’]s\b|(?<=\w)['’](?=\w)/g, "");
    return [...plain.matchAll(WORD)].map(([whole]) => {
      const parts = /^[\d.]+$/.test(whole) ? [whole] : whole.split(/[-_.]|(?<=[a-z])(?=[A-Z][a-z])/);
      return { parts: parts.map((part) => part.toLowerCase()) };
    });
  }

  /** How many letters have to be put in, left out, replaced or swapped, at most a limit. @param {string} a @param {string} b @param {number} limit */
  function distance(a, b, limit) {
    if (Math.abs(a.length - b.length) > limit) return limit + 1;
    /** @type {number[]} */
    let before = [];
    let last = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i += 1) {
      const row = [i];
      for (let j = 1; j <= b.length; j += 1) {
        const same = a[i - 1] === b[j - 1];
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
          row[j] = Math.min(row[j], before[j - 2] + 1);
      }
      if (Math.min(...row) > limit) return limit + 1;
      [before, last] = [last, row];
    }
    return last[b.length];
  }

  globalThis.BookSearch = class BookSearch {
    /** Index a book, with pauses, so that the page goes on answering. @param {Book} book */
    static async open(book) {
      const search = new BookSearch(book);
      const fields = search.sections.map(({ page, section }, id) => ({
        id,
        title: section.shared ? "" : section.title,
        page: `${page.title} ${page.address.replace(/^book|\.html$/g, "").replaceAll("/", " ")}`,
        summary: section.address === page.address ? page.summary : "",
        text: section.text,
      }));
      await search.engine.addAllAsync(fields, { chunkSize: 25 });
      search.known = new Set([...search.counts.keys()].map((word) => search.stem(word)));
      return search;
    }

    /** @param {Book} book */
    constructor(book) {
      this.stemmer = new Stemmer();
      /** The stem of each word seen so far. @type {Map<string, string>} */
      this.stems = new Map();
      /** How often each word stands in the book. @type {Map<string, number>} */
      this.counts = new Map();
      /** The stems of the book's words. @type {Set<string>} */
      this.known = new Set();
      this.sections = book.pages.flatMap((page) => page.sections.map((section) => ({ page, section })));
      const chapters = book.pages.filter(({ kind }) => kind === "chapter");
      /** From 1 for the first chapter down to 0. */
      this.early = new Map(chapters.map((page, i) => [page, 1 - i / chapters.length]));
      this.engine = new MiniSearch({
        fields: [...Object.keys(FIELDS), "text"],
        tokenize: (text) => this.index(text),
        processTerm: (stem) => stem,
        searchOptions: { boost: FIELDS, bm25: RANKING, tokenize: (stem) => [stem] },
      });
      this.terms = book.terms.map((term) => ({ term, names: term.names.map((name) => this.plainStems(name)) }));
      this.synonyms = this.synonymsOf(book);
      this.listed = new Set([...this.synonyms.values()].flatMap(([typed]) => typed));
    }

    /** What stands for what, by how it is written and by its stems, in one word or several. @param {Book} book */
    synonymsOf({ terms, synonyms }) {
      // The names of one term are synonyms, too.
      const names = terms.flatMap(({ names }) =>
        names.length > 1 ? names.map((name) => [name, names.filter((other) => other !== name)]) : [],
      );
      /** @type {Map<string, Concept>} */
      const found = new Map();
      for (const [typed, meant] of /** @type {[string, string[]][]} */ ([...names, ...Object.entries(synonyms)])) {
        const concept = [typed, ...meant].map((words) => this.plainStems(words));
        for (const key of this.keys(split(typed))) if (!found.has(key)) found.set(key, concept);
      }
      return found;
    }

    /** Under what a few words may be listed. @param {Word[]} words */
    keys(words) {
      const parts = words.flatMap(({ parts }) => parts);
      return [parts.join(""), parts.map((part) => this.stem(part)).join(""), this.stem(parts.join(""))];
    }

    /** @param {string} word */
    stem(word) {
      let stem = this.stems.get(word);
      if (stem === undefined) {
        const american = AMERICAN.reduce((text, [british, ours]) => text.replace(british, ours), word);
        stem = String(this.stemmer.stemWord(american));
        this.stems.set(word, stem);
      }
      return stem;
    }

    /** The stems under which a text is found: of its words, and of their parts. @param {string} text */
    index(text) {
      const found = [];
      for (const { parts } of split(text)) {
        const pairs = parts.slice(1).map((part, i) => parts[i] + part);
        for (const word of parts.length > 2 ? [...parts, ...pairs, parts.join("")] : [...parts, ...pairs]) {
          this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
          found.push(this.stem(word));
        }
      }
      return found;
    }

    /** @param {string} text */
    plainStems(text) {
      return split(text).flatMap(({ parts }) => parts.map((part) => this.stem(part)));
    }

    /** What a query asks for, and the words that had to be mended. @param {string} query */
    asked(query) {
      const words = split(query);
      const mended = this.mend(words);
      const telling = words.some(({ parts }) => !QUESTION_WORDS.has(parts.join("")));
      /** @type {Asked[]} */
      const asked = [];
      for (let at = 0; at < words.length;) {
        const rest = words.slice(at);
        const synonym = this.synonym(rest);
        const skipped = !synonym && telling && QUESTION_WORDS.has(words[at].parts.join(""));
        const { count, any } =
          synonym ?? (skipped ? { count: 1, any: null } : (this.joined(rest) ?? this.word(words[at])));
        const typed = rest.slice(0, count).flatMap(({ parts }) => parts.map((part) => this.stem(part)));
        if (any) asked.push({ any, typed, stems: new Set([...typed, ...any.flat()]) });
        at += count;
      }
      return { asked, mended };
    }

    /** Put in place of words that the book does not have those that resemble them most. @param {Word[]} words */
    mend(words) {
      /** @type {string[]} */
      const mended = [];
      for (const [at, word] of words.entries()) {
        const [whole] = word.parts;
        const stem = this.stem(whole);
        const isKnown =
          this.known.has(stem) || this.listed.has(stem) || this.synonym([word]) || QUESTION_WORDS.has(whole);
        if (isKnown || word.parts.length > 1) continue;
        if (this.joined(words.slice(at)) || (at && this.joined(words.slice(at - 1)))) continue;
        if (this.completed(whole)) continue;
        const isPart = this.shortened(whole) || this.halved(whole);
        const nearest = this.nearest(whole, 1) ?? (isPart || whole.length < 8 ? null : this.nearest(whole, 2));
        if (!nearest) continue;
        word.parts = [nearest];
        mended.push(nearest);
      }
      return mended;
    }

    /** The longest synonym with which words begin. @param {Word[]} words */
    synonym(words) {
      for (let count = Math.min(words.length, 5); count > 0; count -= 1) {
        for (const key of this.keys(words.slice(0, count))) {
          const any = this.synonyms.get(key);
          if (any) return { count, any };
        }
      }
      return null;
    }

    /** Two words that the book writes as one. @param {Word[]} words */
    joined([first, second]) {
      if (!second) return null;
      const parts = [...first.parts, ...second.parts];
      if (!this.counts.has(parts.join(""))) return null;
      return { count: 2, any: [[this.stem(parts.join(""))], parts.map((part) => this.stem(part))] };
    }

    /** One word as it stands, or what it begins, or the two that were written as one. @param {Word} word */
    word({ parts }) {
      const whole = parts.join("");
      const stem = this.stem(whole);
      if (this.known.has(stem)) return { count: 1, any: [[stem]] };
      const other = this.completed(whole) ?? this.shortened(whole) ?? this.halved(whole) ?? [[stem]];
      return { count: 1, any: parts.length > 1 ? [...other, parts.map((part) => this.stem(part))] : other };
    }

    /** The most frequent words that begin so. @param {string} word @returns {Concept | null} */
    completed(word) {
      if (word.length < 2) return null;
      const begun = [...this.counts].filter(([other]) => other.startsWith(word)).sort((a, b) => b[1] - a[1]);
      const stems = new Set(begun.slice(0, 20).map(([other]) => this.stem(other)));
      return begun.length ? [...stems].map((stem) => [stem]) : null;
    }

    /** The longest word with which one begins: "leak" of "leakage". @param {string} word @returns {Concept | null} */
    shortened(word) {
      for (let end = word.length - 1; end >= 4 && end > word.length - 5; end -= 1) {
        if (this.known.has(word.slice(0, end))) return [[word.slice(0, end)]];
      }
      return null;
    }

    /** The two words that were written as one. @param {string} word @returns {Concept | null} */
    halved(word) {
      for (let at = 3; at <= word.length - 3; at += 1) {
        const halves = [word.slice(0, at), word.slice(at)];
        if (halves.every((half) => (this.counts.get(half) ?? 0) > 4)) return [halves.map((half) => this.stem(half))];
      }
      return null;
    }

    /** The word that most resembles one that the book does not have. @param {string} word @param {number} limit */
    nearest(word, limit) {
      if (word.length < 4 || /\d/.test(word)) return null;
      let best = { word: "", far: limit + 1, count: 0 };
      for (const [other, count] of this.counts) {
        const far = distance(word, other, Math.min(limit, best.far));
        if (far < best.far || (far === best.far && far <= limit && count > best.count))
          best = { word: other, far, count };
      }
      return best.word || null;
    }

    /** The pages and terms that answer a query, best first, and the words that were not read as written. @param {string} query */
    find(query) {
      const { asked, mended } = this.asked(query);
      const scores = asked.map(({ any }) => this.scores(any));
      const weights = scores.map(({ size }) => (size ? Math.log(1 + this.sections.length / size) : 0));
      const terms = this.named(asked, weights);
      const ranked = this.ranked(scores, weights);
      const wantsExercise = asked.length > 1 && asked.some(({ typed }) => typed.includes(this.stem("exercises")));
      const highest = Math.max(...ranked.map(({ score }) => score));
      for (const found of ranked) {
        const shares = terms.map(({ term, share }) => (term.taught.includes(found.page.address) ? share : 0));
        found.score += TAUGHT * Math.max(0, ...shares) ** 1.5 * highest;
        if (wantsExercise && found.page.kind === "exercise") found.score *= EXERCISES_ASKED_FOR / KINDS.exercise;
      }
      ranked.sort((a, b) => b.score - a.score);
      const most = Math.max(...ranked.map(({ share }) => share));
      const stems = new Set(asked.flatMap(({ any }) => any.flat()));
      const places = (/** @type {typeof ranked[0]} */ found) => this.places(found.sections, stems);
      return {
        answers: ranked
          .filter(({ share, score }) => share >= RELATED.share * most || score >= RELATED.score * ranked[0].score)
          .map((found) => ({ page: found.page, places: () => places(found) })),
        terms: terms.map(({ term }) => term),
        mended,
      };
    }

    /** All pages that have something of a query, with their sections. @param {Map<number, number>[]} scores @param {number[]} weights */
    ranked(scores, weights) {
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      const heaviest = Math.max(...weights);
      const share = (/** @type {number[]} */ own) =>
        own.reduce((sum, score, i) => sum + (score ? weights[i] : 0), 0) / all;
      const total = (/** @type {number[]} */ own) => own.reduce((sum, score) => sum + score, 0) * share(own);
      /** @type {Map<Page, { own: number[], section: Section, score: number, share: number }[]>} */
      const pages = new Map();
      for (const [id, { page, section }] of this.sections.entries()) {
        const own = scores.map((score, i) => (score.get(id) ?? 0) * (weights[i] / heaviest) ** RARE);
        if (!own.some(Boolean)) continue;
        if (!pages.has(page)) pages.set(page, []);
        pages.get(page)?.push({ own, section, score: total(own), share: share(own) });
      }
      return [...pages].map(([page, sections]) => {
        sections.sort((a, b) => b.score - a.score);
        // Words may stand in several sections of a page: of each word the best count, every further one less.
        const together = weights.map((_, i) => {
          const each = sections.map(({ own }) => own[i]).sort((a, b) => b - a);
          return each.reduce((sum, score, rank) => sum + score * DECAY ** rank, 0);
        });
        const kind = KINDS[page.kind] * (1 + EARLY * (this.early.get(page) ?? 0));
        return { page, sections, share: share(together), score: kind * (sections[0].score + total(together)) };
      });
    }

    /** The best sections of a page, with where in each the words stand. @param {{ section: Section, share: number }[]} sections @param {Set<string>} stems */
    places(sections, stems) {
      const most = Math.max(...sections.map(({ share }) => share));
      const best = sections.filter(({ share }) => share >= RELATED.share * most).slice(0, PLACES);
      return best.map(({ section: { title, address, text } }) => {
        const marks = this.marks(text, stems);
        return { title, address, text, marks, words: [...new Set(marks.map(({ word }) => word))].slice(0, 8) };
      });
    }

    /** Where in a text words with some stems stand. @param {string} text @param {Set<string>} stems */
    marks(text, stems) {
      const found = [];
      for (const { 0: word, index } of text.matchAll(MARKED)) {
        const meant = split(word).some(({ parts }) =>
          [...parts, parts.join("")].some((part) => stems.has(this.stem(part))),
        );
        if (meant) found.push({ start: index, end: index + word.length, word: word.toLowerCase() });
      }
      return found;
    }

    /** How well each section answers one thing, by its number. @param {Concept} concept */
    scores(concept) {
      const queries = concept.map((stems) => ({ combineWith: /** @type {const} */ ("AND"), queries: stems }));
      const hits = this.engine.search({ combineWith: "OR", queries });
      return new Map(hits.map(({ id, score, queryTerms }) => [Number(id), score / queryTerms.length]));
    }

    /** The terms of the glossary that a query names, with the share of the query that each takes. @param {Asked[]} asked @param {number[]} weights */
    named(asked, weights) {
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      const said = new Set(asked.flatMap(({ stems }) => [...stems]));
      const part = (/** @type {string[]} */ stems, /** @type {(stem: string) => boolean} */ holds) =>
        stems.filter(holds).length / stems.length;
      /** @param {string[]} name */
      const share = (name) => {
        const present = part(name, (stem) => said.has(stem));
        const parts = asked.map(({ any, typed }) =>
          Math.max(...[...any, typed].map((stems) => part(stems, (stem) => name.includes(stem)))),
        );
        const taken = parts.reduce((sum, own, i) => sum + own * weights[i], 0) / all;
        return present < 0.6 ? 0 : present ** 2 * taken;
      };
      return this.terms
        .map(({ term, names }) => ({ term, share: Math.max(...names.map(share)) }))
        .filter((found) => found.share > 0)
        .sort((a, b) => b.share - a.share);
    }
  };
}
