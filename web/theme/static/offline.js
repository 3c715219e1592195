// Keeps the site in this browser where the reader asks for it; web/theme/sw.js answers from what is kept.
//
// A file is kept under its address and hash. The list of files is replaced last, so that an interrupted update leaves
// the version that is there, and goes on where it stopped.
"use strict";

{
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const site = new URL("..", script.src);
  const listAddress = new URL("offline.json", site).href;
  const cacheName = `kept ${site.pathname}`;

  /** @typedef {{ version: string, files: Record<string, [hash: string, bytes: number]> }} List */

  const key = (/** @type {string} */ path, /** @type {string} */ hash) =>
    new URL(`${encodeURI(path)}?${hash}`, site).href;
  const keys = (/** @type {List} */ list) => Object.entries(list.files).map(([path, [hash]]) => key(path, hash));
  const megabytes = (/** @type {number} */ bytes) => `${Math.max(1, Math.round(bytes / 1e6))}\u00a0MB`;

  /** The list of what is kept. @returns {Promise<List | undefined>} */
  const readKept = async () => (await caches.match(listAddress, { cacheName }))?.json();

  /** The list of what the site has now, or nothing without a connection. @returns {Promise<List | undefined>} */
  const readCurrent = () =>
    fetch(listAddress, { cache: "no-store" }).then(
      (answer) => (answer.ok ? answer.json() : undefined),
      () => undefined,
    );

  /** The files of a list that are not in the cache yet, and their size. @param {List} list */
  async function findMissing(list) {
    const requests = (await caches.has(cacheName)) ? await (await caches.open(cacheName)).keys() : [];
    const there = new Set(requests.map((request) => request.url));
    const files = Object.entries(list.files).filter(([path, [hash]]) => !there.has(key(path, hash)));
    return { files, bytes: files.reduce((sum, [, [, bytes]]) => sum + bytes, 0) };
  }

  /** Drop from the cache what no list names. @param {List | undefined} list */
  async function prune(list) {
    const cache = await caches.open(cacheName);
    const wanted = new Set(list ? [listAddress, ...keys(list)] : []);
    for (const request of await cache.keys()) if (!wanted.has(request.url)) await cache.delete(request);
  }

  /** @param {string} path @param {string} hash @param {AbortSignal} signal */
  async function download(path, hash, signal) {
    const answer = await fetch(key(path, hash), { cache: "no-store", signal });
    const content = await answer.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    const found = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (!answer.ok || found !== hash) throw new RangeError(`${path} has changed`);
    const headers = { "content-type": answer.headers.get("content-type") ?? "" };
    await (await caches.open(cacheName)).put(key(path, hash), new Response(content, { headers }));
  }

  /**
   * Download what is missing of a list, then let it replace the one that is kept.
   * @param {List} list @param {(done: number, bytes: number) => void} progress @param {AbortController} stop
   */
  async function keep(list, progress, stop) {
    const { files, bytes } = await findMissing(list);
    let done = 0;
    progress(0, bytes);
    const work = async () => {
      for (let next = files.pop(); next; next = files.pop()) {
        const [path, [hash, size]] = next;
        await download(path, hash, stop.signal);
        progress((done += size), bytes);
      }
    };
    const workers = [1, 2, 3, 4].map(work);
    await Promise.all(workers).catch(async (error) => {
      stop.abort();
      await Promise.allSettled(workers);
      throw error;
    });
    await navigator.serviceWorker.register(new URL("sw.js", site), { scope: site.pathname });
    await navigator.serviceWorker.ready;
    const cache = await caches.open(cacheName);
    await cache.put(
      listAddress,
      new Response(JSON.stringify(list), { headers: { "content-type": "application/json" } }),
    );
    await prune(list);
  }

  /** Forget everything that is kept. */
  async function remove() {
    for (const registration of await navigator.serviceWorker.getRegistrations()) {
      if (registration.scope === site.href) await registration.unregister();
    }
    await caches.delete(cacheName);
  }

  /** Why keeping failed, and what is left. @param {Error} error @param {List | undefined} kept */
  async function explain(error, kept) {
    const still = kept ? " The version that you have still works." : "";
    if (error.name === "QuotaExceededError") {
      await prune(kept);
      return `This browser has no room left for the book. Make room on this device, then try again.${still}`;
    }
    if (error.name === "AbortError")
      return `Stopped. What has arrived is kept, and the next try goes on from there.${still}`;
    if (error instanceof RangeError)
      return `The site has changed during the download. Try again in a few minutes.${still}`;
    if (error.name === "SecurityError")
      return `This browser does not let the page keep the book, perhaps because the window is private.${still}`;
    return `The download was interrupted. The next try goes on from where it stopped.${still}`;
  }

  /** The buttons and sentences, in an element of their own. @param {HTMLElement} host */
  function show(host) {
    /** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {object} [more] */
    const element = (tag, more) => Object.assign(document.createElement(tag), more);
    const button = { type: "button", className: "button", hidden: true }; // until it is known what is kept
    const act = element("button", button);
    const drop = element("button", { ...button, textContent: "Remove from this device" });
    const bar = element("progress", { ariaLabel: "Downloaded", hidden: true });
    const count = element("span");
    const note = element("span", { role: "status", tabIndex: -1 });
    host.replaceChildren(act, bar, count, drop, note);
    host.classList.add("ml-keep");
    /** @type {AbortController | undefined} */
    let stop;

    /** @param {string} [said] @param {boolean} [failed] */
    async function refresh(said, failed) {
      const [kept, current] = await Promise.all([readKept(), readCurrent()]);
      const newer = current && (!kept || JSON.stringify(kept.files) !== JSON.stringify(current.files));
      const focused = host.contains(document.activeElement);
      act.hidden = !(newer || failed);
      drop.hidden = !kept;
      bar.hidden = true;
      count.textContent = "";
      act.textContent = kept ? "Update it" : "Keep this book on this device";
      if (newer) count.textContent = megabytes((await findMissing(current)).bytes);
      const size = (/** @type {List} */ list) => Object.values(list.files).reduce((sum, [, bytes]) => sum + bytes, 0);
      note.textContent =
        said ||
        (kept
          ? `This device keeps version ${kept.version} of the book (${megabytes(size(kept))}).` +
            (newer ? " The site has changed since then." : "")
          : "The pages, their widgets and the search then work without an internet connection. " +
            "Notebooks, the PDF, the EPUB and the zip are not included.");
      host.hidden = !kept && !current && !said;
      if (focused && !host.contains(document.activeElement)) note.focus();
    }

    act.addEventListener("click", async () => {
      if (stop) return stop.abort();
      const kept = await readKept();
      stop = new AbortController();
      drop.hidden = true;
      act.textContent = "Stop";
      note.textContent = "Downloading the book.";
      bar.hidden = false;
      const progress = (/** @type {number} */ done, /** @type {number} */ bytes) => {
        bar.max = bytes || 1;
        bar.value = done;
        count.textContent = `${Math.round(done / 1e6)} of ${megabytes(bytes)}`;
      };
      /** @type {string | undefined} */
      let failed;
      try {
        const current = await readCurrent();
        if (!current) throw new TypeError("no connection");
        void navigator.storage?.persist?.();
        await keep(current, progress, stop);
      } catch (error) {
        failed = await explain(/** @type {Error} */ (error), kept);
      }
      stop = undefined;
      await refresh(failed ?? "Done. The book works on this device without an internet connection.", Boolean(failed));
    });
    drop.addEventListener("click", async () => {
      await remove();
      await refresh("Removed. This device no longer keeps a copy of the book.");
    });
    return refresh();
  }

  // The first page offers it. Other pages say at their foot that they come from what is kept.
  const place = document.getElementById("keep");
  const foot = document.createElement("p");
  if (!place) document.querySelector(".bottom")?.append(foot);
  show(place ?? foot).catch(() => (place ?? foot).remove()); // no storage here
}
