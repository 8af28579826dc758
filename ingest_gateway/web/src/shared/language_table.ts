// What the pages know of languages. One module, so that a generated file can take its place.

export type Direction = "ltr" | "rtl";

/** A language's name as its own speakers write it, by BCP 47 tag. */
const NATIVE_NAMES: Readonly<Record<string, string>> = {
  ar: "العربية",
  bg: "Български",
  bn: "বাংলা",
  ca: "Català",
  cs: "Čeština",
  da: "Dansk",
  de: "Deutsch",
  el: "Ελληνικά",
  en: "English",
  es: "Español",
  eu: "Euskara",
  fa: "فارسی",
  fi: "Suomi",
  fr: "Français",
  gl: "Galego",
  he: "עברית",
  hi: "हिन्दी",
  hr: "Hrvatski",
  hu: "Magyar",
  id: "Bahasa Indonesia",
  it: "Italiano",
  ja: "日本語",
  ko: "한국어",
  nl: "Nederlands",
  no: "Norsk",
  pl: "Polski",
  pt: "Português",
  "pt-BR": "Português (Brasil)",
  "pt-PT": "Português (Portugal)",
  ro: "Română",
  ru: "Русский",
  sv: "Svenska",
  ta: "தமிழ்",
  th: "ไทย",
  tr: "Türkçe",
  uk: "Українська",
  ur: "اردو",
  vi: "Tiếng Việt",
  zh: "中文",
  "zh-Hans": "简体中文",
  "zh-Hant": "繁體中文",
};

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
  const known = NATIVE_NAMES[tag];
  if (known !== undefined) return known;
  try {
    const name = new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
  } catch {
    return tag;
  }
}

/** By the tag's script where it names one, else by its language. */
export function directionOf(tag: string): Direction {
  const [language = "", ...others] = tag.toLowerCase().split("-");
  const script = others.find((part) => part.length === 4);
  const isRightToLeft =
    script === undefined
      ? RIGHT_TO_LEFT_LANGUAGES.has(language)
      : RIGHT_TO_LEFT_SCRIPTS.has(script);
  return isRightToLeft ? "rtl" : "ltr";
}
