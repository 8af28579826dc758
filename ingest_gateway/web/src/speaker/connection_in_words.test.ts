import { expect, it } from "vitest";
import { ENGLISH } from "../shared/english";
import { connectionInWords } from "./connection_in_words";

const GOOD = { connected: true, unsavedMs: 300, savedMs: 61_000, lostMs: 0, ackMs: 120 };

it.each([
  [GOOD, true, "Good connection. 61 seconds of speech are stored."],
  [{ ...GOOD, ackMs: 3000 }, false, "Slow connection. 61 seconds of speech are stored."],
  [
    { ...GOOD, unsavedMs: 9000 },
    false,
    "Slow connection: 9 seconds of speech are still on their way.",
  ],
  [
    { ...GOOD, connected: false, unsavedMs: 4000 },
    false,
    "No connection: trying again. 4 seconds of speech are kept.",
  ],
  [
    { ...GOOD, connected: false, lostMs: 5000 },
    false,
    "No connection. 5 seconds of speech could not be kept; the last 30 are.",
  ],
  [
    { ...GOOD, lostMs: 5000 },
    false,
    "Good connection. 61 seconds of speech are stored. 5 seconds were lost while there was no connection.",
  ],
])("%j", (report, good, text) => {
  const shown = connectionInWords(report);
  expect({ good: shown.good, text: ENGLISH.words(shown.words) }).toEqual({ good, text });
});
