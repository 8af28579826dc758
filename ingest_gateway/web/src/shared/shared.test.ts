import { expect, it } from "vitest";
import { likeliest, nativeName } from "./languages";
import { listenerLink, sessionOfPath, sessionTyped } from "./session_link";

it("links to a session and finds it in the link again", () => {
  const link = listenerLink("https://talks.example/", "joyful-mountain-789");
  expect(link).toBe("https://talks.example/listen/joyful-mountain-789");
  expect(sessionOfPath(new URL(link).pathname)).toBe("joyful-mountain-789");
  expect(sessionOfPath("/listen")).toBeNull();
});

it.each([
  [" Joyful Mountain 789 ", "joyful-mountain-789"],
  ["https://talks.example/listen/joyful-mountain-789?x#y", "joyful-mountain-789"],
  ["", null],
  ["%E0%A4%A", null],
  ["<script>", null],
])("reads %j as a session", (typed, sessionId) => {
  expect(sessionTyped(typed)).toBe(sessionId);
});

it("begins with the language chosen last, else with one of the browser's", () => {
  const offered = ["ca", "es", "pt"];
  expect(likeliest(offered, "es", ["ca"])).toBe("es");
  expect(likeliest(offered, "xx", ["de", "pt-BR", "ca"])).toBe("pt");
  expect(likeliest(offered, null, ["de"])).toBeNull();
});

it("calls a language as its speakers do", () => {
  expect(["es", "ca", "fr", "no such"].map(nativeName)).toEqual([
    "Español",
    "Català",
    "Français",
    "no such",
  ]);
});
