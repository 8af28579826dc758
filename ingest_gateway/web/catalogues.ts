// Catalogues of the pages' texts at build time: checked against the English one and compiled, so
// that a browser needs no parser. A fault in one of them fails the build.
import { readFileSync } from "node:fs";
import { dirname, join, basename } from "node:path";
import {
  isArgumentElement,
  isDateElement,
  isNumberElement,
  isPluralElement,
  isPoundElement,
  isSelectElement,
  isTagElement,
  isTimeElement,
  parse,
  type MessageFormatElement,
} from "@formatjs/icu-messageformat-parser";
import type { Plugin } from "vite";

export const SOURCE = "en";
const IN_CATALOGUES = /\/src\/locales\/\w+\/[A-Za-z-]+\.json$/;
/** Integers up to here meet every plural category that counts of seconds or people have. */
const SAMPLED = 200;

/** A catalogue's file: `status` says whether a person who speaks the language has read it. */
export interface CatalogueFile {
  readonly status: "reviewed" | "machine-made, unreviewed";
  readonly messages: Readonly<Record<string, string>>;
}

/** What is wrong with a catalogue of the language `tag`; empty: nothing. */
export function faultsOf(catalogue: CatalogueFile, tag: string, source: CatalogueFile): string[] {
  const faults: string[] = [];
  for (const id of Object.keys(source.messages)) {
    if (catalogue.messages[id] === undefined) faults.push(`${tag}: ${id} is missing`);
  }
  for (const [id, text] of Object.entries(catalogue.messages)) {
    const original = source.messages[id];
    if (original === undefined) {
      faults.push(`${tag}: ${id} is not in the ${SOURCE} catalogue`);
      continue;
    }
    if (text.trim() === "") faults.push(`${tag}: ${id} is empty`);
    try {
      faults.push(
        ...faultsOfMessage(parse(text), parse(original), tag).map((it) => `${id}: ${it}`),
      );
    } catch (error) {
      faults.push(`${tag}: ${id} cannot be read: ${String(error)}`);
    }
  }
  return faults;
}

function faultsOfMessage(
  message: MessageFormatElement[],
  original: MessageFormatElement[],
  tag: string,
): string[] {
  const [has, needs] = [argumentsOf(message), argumentsOf(original)];
  const faults: string[] = [];
  for (const name of needs) if (!has.has(name)) faults.push(`${tag} does not use {${name}}`);
  for (const name of has) if (!needs.has(name)) faults.push(`${tag} uses an unknown {${name}}`);
  const rules = new Intl.PluralRules(tag);
  const categories = new Set(Array.from({ length: SAMPLED }, (_, count) => rules.select(count)));
  for (const element of elementsOf(message)) {
    if (!isPluralElement(element)) continue;
    for (const category of categories) {
      if (element.options[category] === undefined) {
        faults.push(`${tag} lacks the plural "${category}" of {${element.value}}`);
      }
    }
  }
  return faults;
}

function* elementsOf(message: readonly MessageFormatElement[]): Generator<MessageFormatElement> {
  for (const element of message) {
    yield element;
    if (isPluralElement(element) || isSelectElement(element)) {
      for (const option of Object.values(element.options)) yield* elementsOf(option.value);
    }
    if (isTagElement(element)) yield* elementsOf(element.children);
  }
}

function argumentsOf(message: readonly MessageFormatElement[]): Set<string> {
  const names = new Set<string>();
  for (const element of elementsOf(message)) {
    if (isPoundElement(element)) continue;
    const isFormatted =
      isNumberElement(element) || isDateElement(element) || isTimeElement(element);
    const isChoice = isPluralElement(element) || isSelectElement(element);
    if (isArgumentElement(element) || isFormatted || isChoice) names.add(element.value);
  }
  return names;
}

/** A catalogue as the pages load it: plain texts as they are, others parsed. */
export function compiled(catalogue: CatalogueFile): object {
  const messages = Object.entries(catalogue.messages).map(([id, text]) => {
    const parsed = parse(text, { captureLocation: false });
    return [id, argumentsOf(parsed).size === 0 ? text.replaceAll("''", "'") : parsed];
  });
  return { status: catalogue.status, messages: Object.fromEntries(messages) as object };
}

/** Compile catalogues where they are imported. */
export function catalogues(): Plugin {
  return {
    name: "catalogues",
    enforce: "pre",
    transform(code, id) {
      if (!IN_CATALOGUES.test(id)) return null;
      const catalogue = JSON.parse(code) as CatalogueFile;
      const source = JSON.parse(
        readFileSync(join(dirname(id), `${SOURCE}.json`), "utf-8"),
      ) as CatalogueFile;
      const faults = faultsOf(catalogue, basename(id, ".json"), source);
      if (faults.length > 0) this.error(faults.join("\n"));
      return {
        code: `export default ${JSON.stringify(compiled(catalogue))}`,
        map: null,
        moduleType: "js",
      };
    },
  };
}
