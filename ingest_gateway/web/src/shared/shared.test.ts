import { expect, it } from "vitest";
import { isOfThisMachine, keyOf, listenerLink, sessionOfPath, sessionTyped } from "./session_link";

it("links to a session and finds it in the link again", () => {
  const link = listenerLink("https://talks.example/", "joyful-mountain-789");
  expect(link).toBe("https://talks.example/listen/joyful-mountain-789");
  expect(sessionOfPath(new URL(link).pathname)).toBe("joyful-mountain-789");
  expect(sessionOfPath("/listen")).toBeNull();
});

it("hides the secret of a link in its fragment", () => {
  const key = "Hi2oEiOSH08zSeAJ-tE8hg";
  const link = listenerLink("https://talks.example", "joyful-mountain-789", key);
  expect(new URL(link).pathname).toBe("/listen/joyful-mountain-789");
  expect([keyOf(link), keyOf(new URL(link).hash), sessionTyped(link)]).toEqual([
    key,
    key,
    "joyful-mountain-789",
  ]);
  for (const other of ["", "#", "#top", `${link}x`, "joyful-mountain-789"]) {
    expect(keyOf(other)).toBeNull();
  }
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

it.each([
  ["http://127.0.0.1:8080/listen/a", true],
  ["http://localhost/listen/a", true],
  ["http://[::1]:8080/", true],
  ["https://192.168.1.20:8443/listen/a", false],
  ["https://127.0.0.1.example/", false],
  ["", false],
])("knows whether %s leads to this machine only", (link, isOnlyHere) => {
  expect(isOfThisMachine(link)).toBe(isOnlyHere);
});
