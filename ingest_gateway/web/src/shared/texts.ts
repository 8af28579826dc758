// Texts as they are fetched. A page may ask for them before its own script is there, so nothing
// here needs what writes or shows them.
import { lookup } from "./language_range";
import type { Memory } from "./remembered";

/** As the build compiles it (`catalogues.ts`): plain texts, and parsed messages. */
export interface Catalogue {
  readonly status: string;
  readonly messages: Readonly<Record<string, string | object>>;
}

/** Catalogue files by path, as `import.meta.glob` gives them; a tag's files become one catalogue. */
export type CatalogueFiles = Readonly<Record<string, () => Promise<Catalogue>>>;

/** All texts of a page in one language. `isReviewed`: a person who speaks it has read them. */
export interface Texts {
  readonly tag: string;
  readonly messages: Catalogue["messages"];
  readonly isReviewed: boolean;
}

/** In the language that was chosen last, else the one that the browser is likeliest set to. */
export function fetchFirstTexts(
  files: CatalogueFiles,
  memory: Memory,
  preferred: readonly string[],
): Promise<Texts> {
  const chosen = memory.get("interfaceLanguage");
  const ranges = chosen === null ? preferred : [chosen, ...preferred];
  return fetchTexts(files, lookup(ranges, tagsOf(files), "en"));
}

export async function fetchTexts(files: CatalogueFiles, tag: string): Promise<Texts> {
  const own = Object.entries(files).filter(([path]) => path.endsWith(`/${tag}.json`));
  const catalogues = await Promise.all(own.map(([, file]) => file()));
  const messages = Object.assign({}, ...catalogues.map((one) => one.messages)) as object;
  const isReviewed = catalogues.every((one) => one.status === "reviewed");
  return { tag, messages: messages as Catalogue["messages"], isReviewed };
}

/** The tags that every folder has a file for. */
export function tagsOf(files: CatalogueFiles): readonly string[] {
  const folders = new Map<string, Set<string>>();
  for (const path of Object.keys(files)) {
    const [folder = "", name = ""] = path.split("/").slice(-2);
    const tags = folders.get(folder) ?? new Set();
    folders.set(folder, tags.add(name.replace(/\.json$/, "")));
  }
  const [first = new Set<string>(), ...others] = folders.values();
  return [...first].filter((tag) => others.every((tags) => tags.has(tag))).sort();
}
