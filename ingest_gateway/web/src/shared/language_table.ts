// What the pages know of languages: the project's table, and beyond it what the browser knows.

import { LANGUAGE_NAMES } from "./language_names";

export type Direction = "ltr" | "rtl";

/** Of languages that are not in the table. */
const RIGHT_TO_LEFT_LANGUAGES = new Set([
  "ar",
  "ckb",
  "dv",
  "fa",
  "he",
  "ps",
  "sd",
  "ug",
  "ur",
  "yi",
]);
const RIGHT_TO_LEFT_SCRIPTS = new Set(["adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"]);

/** The name in the table; else the browser's; else the tag itself. */
export function nativeName(tag: string): string {
  const known = LANGUAGE_NAMES[tag];
  if (known !== undefined) return known[0];
  try {
    const name = new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
  } catch {
    return tag;
  }
}

/** As the table says; else by the tag's script where it names one, else by its language. */
export function directionOf(tag: string): Direction {
  const known = LANGUAGE_NAMES[tag];
  if (known !== undefined) return known[1];
  const [language = "", ...others] = tag.toLowerCase().split("-");
  const script = others.find((part) => part.length === 4);
  const isRightToLeft =
    script === undefined
      ? RIGHT_TO_LEFT_LANGUAGES.has(language)
      : RIGHT_TO_LEFT_SCRIPTS.has(script);
  return isRightToLeft ? "rtl" : "ltr";
}
