import { expect, it } from "vitest";
import { ENGLISH } from "../shared/english";
import { microphoneProblem } from "./microphone_problem";

it.each([
  ["InsecureContextError", /https/],
  ["NotAllowedError", /Allow it/],
  ["NotFoundError", /Plug one in/],
  ["NetworkError", /gateway does not answer/],
  ["NotReadableError", /Another program/],
  ["OverconstrainedError", /Choose another/],
  ["SomethingNew", /try again/],
])("says what helps against %s", (name, words) => {
  expect(ENGLISH.words(microphoneProblem(new DOMException("", name)))).toMatch(words);
});
