import { IntlMessageFormat } from "intl-messageformat";
import { createContext, useContext, useSyncExternalStore } from "react";
import { createStore, type StoreApi } from "zustand/vanilla";
import type listenerTexts from "../locales/listener/en.json";
import type organiserTexts from "../locales/organiser/en.json";
import type sharedTexts from "../locales/shared/en.json";
import type speakerTexts from "../locales/speaker/en.json";
import type trustTexts from "../locales/trust/en.json";
import { lookup } from "./language_range";
import { directionOf } from "./language_table";
import type { Memory } from "./remembered";

type Texts = (
  | typeof listenerTexts
  | typeof organiserTexts
  | typeof sharedTexts
  | typeof speakerTexts
  | typeof trustTexts
)["messages"];
export type MessageId = Texts extends infer T ? (T extends T ? keyof T : never) : never;
export type Values = Readonly<Record<string, string | number>>;

/** A text that is not written yet: it follows the page's language. */
export interface Words {
  readonly id: MessageId;
  readonly values?: Values;
}

/** As the build compiles it (`catalogues.ts`): plain texts, and parsed messages. */
export interface Catalogue {
  readonly status: string;
  readonly messages: Readonly<Record<string, string | object>>;
}

/** Texts of one language. */
export class Translator {
  private readonly formats = new Map<string, IntlMessageFormat>();

  /** `isReviewed`: a person who speaks the language has read the catalogue. */
  constructor(
    readonly tag: string,
    private readonly messages: Catalogue["messages"],
    readonly isReviewed: boolean,
  ) {}

  get direction() {
    return directionOf(this.tag);
  }

  text(id: MessageId, values?: Values): string {
    const message = this.messages[id];
    if (message === undefined) throw new Error(`no text ${id} in ${this.tag}`);
    if (typeof message === "string") return message;
    let format = this.formats.get(id);
    if (format === undefined) {
      const parsed = message as ConstructorParameters<typeof IntlMessageFormat>[0];
      format = new IntlMessageFormat(parsed, this.tag);
      this.formats.set(id, format);
    }
    return format.format(values) as string;
  }

  words(words: Words): string {
    return this.text(words.id, words.values);
  }

  /** As `1.5 s`, with `digits` behind the point. */
  seconds(seconds: number, digits = 0): string {
    return new Intl.NumberFormat(this.tag, {
      style: "unit",
      unit: "second",
      unitDisplay: "short",
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(seconds);
  }

  /** A time of day, and the day where it is not today. */
  moment(atMs: number, nowMs = Date.now()): string {
    const isToday = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
    const day = isToday ? {} : ({ dateStyle: "medium" } as const);
    return new Intl.DateTimeFormat(this.tag, { timeStyle: "short", ...day }).format(atMs);
  }

  percent(share: number): string {
    return new Intl.NumberFormat(this.tag, { style: "percent" }).format(share);
  }
}

/** Catalogue files by path, as `import.meta.glob` gives them; a tag's files become one catalogue. */
export type CatalogueFiles = Readonly<Record<string, () => Promise<Catalogue>>>;

/** The language that a page's texts are in. */
export class Interface {
  readonly store: StoreApi<{ readonly translator: Translator }>;

  private constructor(
    private readonly files: CatalogueFiles,
    readonly tags: readonly string[],
    private readonly memory: Memory,
    translator: Translator,
  ) {
    this.store = createStore(() => ({ translator }));
  }

  /** In the language that was chosen last, else the one that the browser is likeliest set to. */
  static async begin(
    files: CatalogueFiles,
    memory: Memory,
    preferred: readonly string[],
  ): Promise<Interface> {
    const tags = tagsOf(files);
    const chosen = memory.get("interfaceLanguage");
    const ranges = chosen === null ? preferred : [chosen, ...preferred];
    const translator = await load(files, lookup(ranges, tags, "en"));
    return new Interface(files, tags, memory, translator);
  }

  async choose(tag: string): Promise<void> {
    this.memory.set("interfaceLanguage", tag);
    this.store.setState({ translator: await load(this.files, tag) });
  }
}

/** The tags that every folder has a file for. */
function tagsOf(files: CatalogueFiles): readonly string[] {
  const folders = new Map<string, Set<string>>();
  for (const path of Object.keys(files)) {
    const [folder = "", name = ""] = path.split("/").slice(-2);
    const tags = folders.get(folder) ?? new Set();
    folders.set(folder, tags.add(name.replace(/\.json$/, "")));
  }
  const [first = new Set<string>(), ...others] = folders.values();
  return [...first].filter((tag) => others.every((tags) => tags.has(tag))).sort();
}

async function load(files: CatalogueFiles, tag: string): Promise<Translator> {
  const own = Object.entries(files).filter(([path]) => path.endsWith(`/${tag}.json`));
  const catalogues = await Promise.all(own.map(([, file]) => file()));
  const messages = Object.assign({}, ...catalogues.map((one) => one.messages)) as object;
  const isReviewed = catalogues.every((one) => one.status === "reviewed");
  return new Translator(tag, messages as Catalogue["messages"], isReviewed);
}

export const InterfaceContext = createContext<Interface | null>(null);

export function useInterface(): Interface {
  const own = useContext(InterfaceContext);
  if (own === null) throw new Error("a component stands outside InterfaceContext");
  return own;
}

/** The page's texts; its components are shown anew when their language changes. */
export function useText(): Translator {
  const { store } = useInterface();
  return useSyncExternalStore(store.subscribe, () => store.getState().translator);
}

/** Let the document itself say which language it is in, now and after each change. */
export function followInterface(own: Interface, title: MessageId): void {
  const show = () => {
    const { translator } = own.store.getState();
    document.documentElement.lang = translator.tag;
    document.documentElement.dir = translator.direction;
    document.title = translator.text(title);
  };
  show();
  own.store.subscribe(show);
}
