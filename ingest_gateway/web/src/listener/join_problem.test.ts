import { expect, it } from "vitest";
import { ENGLISH } from "../shared/english";
import { joinProblem } from "./join_problem";

it.each([
  ["NO_SESSION", "choose", /joyful-1/],
  ["SESSION_ENDED", "over", /has ended/],
  ["BAD_LANGUAGE", "choose", /Choose another/],
  ["RATE_LIMITED", "again", /let in soon/],
  ["LOCKED", "again", /as soon as its speaker opens it/],
  ["REMOVED", "choose", /has removed you/],
  ["INTERNAL", "again", /Trying again/],
])("%s: %s", (code, then, words) => {
  const error = { type: "error" as const, code, message: "there is no voice for xx" };
  const problem = joinProblem(error, "joyful-1");
  expect(problem?.then).toBe(then);
  expect(problem?.words && ENGLISH.words(problem.words)).toMatch(words);
});

it("keeps to itself what a listener cannot do anything about", () => {
  expect(joinProblem({ type: "error", code: "BAD_FIELD", message: "" }, "x")).toBeNull();
});

it("asks for the access code, and says when it was another one", () => {
  const error = { type: "error" as const, code: "ACCESS_CODE", message: "" };
  expect(joinProblem(error, "x")).toEqual({ words: null, then: "code" });
  expect(joinProblem(error, "x", "tulip 43")?.words).toEqual({ id: "join.wrongCode" });
});

it("knocks at a locked talk less often than at a full one", () => {
  const problem = joinProblem({ type: "error", code: "LOCKED", message: "" }, "x");
  expect(problem?.afterMs).toBe(10_000);
});
