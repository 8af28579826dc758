// The shell of the listener's page, so that it opens without a network and says so. Nothing of a
// talk is ever kept: no caption, no sound, no answer of the gateway's.
const SHELL = "shell-1";
const PAGE = "/listen";
const MOST_PARTS = 80;
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.add(PAGE))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const others = caches
    .keys()
    .then((names) =>
      Promise.all(names.filter((name) => name !== SHELL).map((n) => caches.delete(n))),
    );
  event.waitUntil(others.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  const isPage = /^\/(listen(\/|$)|room\/)/.test(url.pathname);
  if (request.mode === "navigate" && isPage) event.respondWith(page(request));
  else if (url.pathname.startsWith("/assets/")) event.respondWith(part(request));
});

/** The newest one, if the network gives it soon. */
async function page(request) {
  const cache = await shell();
  const kept = await cache?.match(PAGE);
  const fetched = fetch(request).then(async (answer) => {
    if (answer.ok) await keep(cache, PAGE, answer);
    return answer;
  });
  if (kept === undefined) return fetched;
  const late = new Promise((done) => setTimeout(() => done(kept), PATIENCE_MS));
  return Promise.race([fetched.catch(() => kept), late]);
}

/** Its name holds a hash of its content: what is kept is right for ever. */
async function part(request) {
  const cache = await shell();
  const kept = await cache?.match(request);
  if (kept !== undefined) return kept;
  const answer = await fetch(request);
  if (answer.ok && (await keep(cache, request, answer))) {
    const parts = (await cache.keys()).filter((one) => new URL(one.url).pathname !== PAGE);
    const tooMany = parts.slice(0, Math.max(0, parts.length - MOST_PARTS));
    await Promise.all(tooMany.map((one) => cache.delete(one)));
  }
  return answer;
}

/** Undefined: this browser keeps nothing here. */
function shell() {
  return caches.open(SHELL).catch(() => undefined);
}

/** A device without room left must not lose what the network gave. */
async function keep(cache, name, answer) {
  if (cache === undefined) return false;
  return cache.put(name, answer.clone()).then(
    () => true,
    () => false,
  );
}
