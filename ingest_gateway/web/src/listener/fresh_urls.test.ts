import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ClientMessage } from "../protocol/messages";
import { FreshUrls } from "./fresh_urls";

const FOLLOWED = { sessionId: "joyful-1", language: "es" };
let sent: ClientMessage[];
const line = {
  send(message: ClientMessage): boolean {
    sent.push(message);
    return true;
  },
};

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
});
afterEach(() => {
  vi.useRealTimers();
});

it("asks for a clip's link in its language, and gives the answer to who asked", async () => {
  const urls = new FreshUrls();
  const [third, fourth] = [urls.ask(3, FOLLOWED, line), urls.ask(4, FOLLOWED, line)];
  const which = { action: "refreshUrl", sessionId: "joyful-1", targetLanguage: "es" };
  expect(sent).toEqual([
    { ...which, sequenceNumber: 3 },
    { ...which, sequenceNumber: 4 },
  ]);
  urls.answer(4, "/clips/4.mp3");
  urls.answer(3, null);
  expect(await Promise.all([third, fourth])).toEqual([null, "/clips/4.mp3"]);
});

it("gives up after four seconds", async () => {
  const url = new FreshUrls().ask(3, FOLLOWED, line);
  await vi.advanceTimersByTimeAsync(3999);
  let isSettled = false;
  void url.then(() => (isSettled = true));
  await Promise.resolve();
  expect(isSettled).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await url).toBeNull();
});

it("has no link where nothing can be asked", async () => {
  const urls = new FreshUrls();
  expect(await urls.ask(3, FOLLOWED, null)).toBeNull();
  expect(await urls.ask(3, FOLLOWED, { send: () => false })).toBeNull();
  expect(await urls.ask(3, { ...FOLLOWED, language: null }, line)).toBeNull();
  expect(sent).toEqual([]);
});
