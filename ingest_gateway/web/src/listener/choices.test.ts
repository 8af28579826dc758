import { expect, it } from "vitest";
import { memoryOf } from "../shared/remembered";
import {
  beginsWithCaptionsOnly,
  joinMessage,
  keepLanguage,
  keptLanguage,
  likeliest,
} from "./choices";
import { createListenerStore } from "./store";

it("asks for sound inside the messages where it is wanted", () => {
  const store = createListenerStore(memoryOf());
  expect(joinMessage(store.getState(), null, null)).toBeNull();
  store.setState({ sessionId: "a-b-1", language: "es" });
  expect(joinMessage(store.getState(), null, null)).toEqual({
    action: "joinSession",
    sessionId: "a-b-1",
    targetLanguage: "es",
    capabilities: ["inlineAudio", "partialCaptions"],
  });
  store.setState({ mode: "captions", key: "secret" });
  expect(joinMessage(store.getState(), 7, "seat-1")).toMatchObject({
    capabilities: ["partialCaptions"],
    sinceSequence: 7,
    key: "secret",
    seat: "seat-1",
  });
});

it("keeps a language for the session that it was chosen for, and as likely for others", () => {
  const memory = memoryOf();
  keepLanguage(memory, "a-b-1", "ja");
  expect(keptLanguage(memory, "a-b-1", ["es", "ja"])).toBe("ja");
  expect(keptLanguage(memory, "a-b-1", ["es"])).toBeNull();
  expect(keptLanguage(memory, "a-b-2", ["es", "ja"])).toBeNull();
  expect(likeliest(["es", "ja"], memory, ["es"]).likely[0]).toBe("ja");
});

it("begins with captions only on a slow network, unless a person has chosen", () => {
  const memory = memoryOf();
  expect(beginsWithCaptionsOnly(memory, () => true)).toBe(true);
  expect(beginsWithCaptionsOnly(memory, () => false)).toBe(false);
  memory.set("mode", "both");
  expect(beginsWithCaptionsOnly(memory, () => true)).toBe(false);
});
