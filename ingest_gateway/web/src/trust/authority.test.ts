import { expect, it } from "vitest";
import { secureLink, systemOf } from "./authority";

const AUTHORITY = {
  certificate: "/a.crt",
  fingerprint: "AB",
  secureUrl: "https://192.168.1.5:8443",
};

it("leads to the same talk by the secure way", () => {
  expect(secureLink(AUTHORITY, "/listen/calm-harbour-412")).toBe(
    "https://192.168.1.5:8443/listen/calm-harbour-412",
  );
  expect(secureLink(AUTHORITY, "/")).toBe("https://192.168.1.5:8443/listen");
});

it.each([
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)", "ios"],
  ["Mozilla/5.0 (Linux; Android 15; Pixel 9)", "android"],
  ["Mozilla/5.0 (X11; Linux x86_64)", "other"],
])("knows the system of %s", (userAgent, system) => {
  expect(systemOf(userAgent)).toBe(system);
});
