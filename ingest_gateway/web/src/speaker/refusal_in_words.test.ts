import { expect, it } from "vitest";
import { ENGLISH } from "../shared/english";
import { inWords, refusalInWords } from "./refusal_in_words";

it.each([
  [
    "SPEAKER_TAKEN",
    "the speaker goes on in another connection",
    /from another page.* goes on there/,
  ],
  ["SESSION_ENDED", "ended", /has ended this talk/],
  ["FORBIDDEN", "not for guests", /The gateway refused: not for guests/],
])("says of %s what it means for the speaker", (code, message, words) => {
  expect(ENGLISH.words(refusalInWords({ code, message }))).toMatch(words);
});

it.each([
  ["InsecureContextError", /https/],
  ["NotAllowedError", /Allow it/],
  ["NotFoundError", /Plug one in/],
  ["NetworkError", /gateway does not answer/],
  ["NotReadableError", /Another program/],
  ["OverconstrainedError", /Choose another/],
  ["SomethingNew", /try again/],
])("says what helps where the microphone is refused with %s", (name, words) => {
  expect(ENGLISH.words(inWords(new DOMException("", name)))).toMatch(words);
});
