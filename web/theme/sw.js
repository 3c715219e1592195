// Answers for the site from what web/theme/static/offline.js has kept of it, and from the network for everything else.
"use strict";

/** @type {{ registration: ServiceWorkerRegistration, skipWaiting: () => Promise<void>, clients: { claim: () => Promise<void> } }} */
const { registration, skipWaiting, clients } = /** @type {any} */ (globalThis);
const scope = registration.scope;
const cacheName = `kept ${new URL(scope).pathname}`;
const list = new URL("offline.json", scope).href;

addEventListener("install", () => skipWaiting.call(globalThis));
addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (/** @type {any} */ event) => {
  /** @type {Request} */
  const request = event.request;
  // offline.js asks for what is newer than what is kept with "no-store".
  if (request.method !== "GET" || request.cache === "no-store" || !request.url.startsWith(scope)) return;
  event.respondWith(answer(request));
});

/** @param {Request} request */
async function answer(request) {
  const path = decodeURIComponent(new URL(request.url).pathname.slice(new URL(scope).pathname.length));
  const name = /(^|\/)$/.test(path) ? `${path}index.html` : path;
  // `caches.open` would make a new cache after the reader has removed this one.
  const files = (await (await caches.match(list, { cacheName }))?.json())?.files ?? {};
  const key = Object.hasOwn(files, name) && new URL(`${encodeURI(name)}?${files[name][0]}`, scope);
  return (key && (await caches.match(key, { cacheName }))) || fetch(request);
}
