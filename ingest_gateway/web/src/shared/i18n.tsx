import { IntlMessageFormat } from "intl-messageformat";
import { createContext, useContext, useSyncExternalStore } from "react";
import { createStore, type StoreApi } from "zustand/vanilla";
import type listenerTexts from "../locales/listener/en.json";
import type organiserTexts from "../locales/organiser/en.json";
import type sharedTexts from "../locales/shared/en.json";
import type speakerTexts from "../locales/speaker/en.json";
import type trustTexts from "../locales/trust/en.json";
import { directionOf } from "./language_table";
import type { Memory } from "./remembered";
import {
  fetchFirstTexts,
  fetchTexts,
  tagsOf,
  type Catalogue,
  type CatalogueFiles,
  type Texts,
} from "./texts";

type AllTexts = (
  | typeof listenerTexts
  | typeof organiserTexts
  | typeof sharedTexts
  | typeof speakerTexts
  | typeof trustTexts
)["messages"];
export type MessageId = AllTexts extends infer T ? (T extends T ? keyof T : never) : never;
export type Values = Readonly<Record<string, string | number>>;

/** A text that is not written yet: it follows the page's language. */
export interface Words {
  readonly id: MessageId;
  readonly values?: Values;
}

const SOON_MINUTES = 12 * 60;

/** Texts of one language. */
export class Translator {
  readonly tag: string;
  /** A person who speaks the language has read the catalogue. */
  readonly isReviewed: boolean;
  private readonly messages: Catalogue["messages"];
  private readonly formats = new Map<string, IntlMessageFormat>();

  constructor({ tag, messages, isReviewed }: Texts) {
    this.tag = tag;
    this.messages = messages;
    this.isReviewed = isReviewed;
  }

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

  /** A time of day, and the day where it is not today; `nowMs`: by the clock that `atMs` is of. */
  moment(atMs: number, nowMs = Date.now()): string {
    const isToday = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
    const day = isToday ? {} : ({ dateStyle: "medium" } as const);
    return new Intl.DateTimeFormat(this.tag, { timeStyle: "short", ...day }).format(atMs);
  }

  /** As `in 25 minutes`; null: it is past, or too far off to count. */
  until(atMs: number, nowMs: number): string | null {
    const minutes = Math.round((atMs - nowMs) / 60_000);
    if (minutes < 1 || minutes > SOON_MINUTES) return null;
    const format = new Intl.RelativeTimeFormat(this.tag);
    if (minutes < 100) return format.format(minutes, "minute");
    return format.format(Math.round(minutes / 60), "hour");
  }

  percent(share: number): string {
    return new Intl.NumberFormat(this.tag, { style: "percent" }).format(share);
  }
}

/** The language that a page's texts are in. */
export class Interface {
  readonly store: StoreApi<{ readonly translator: Translator }>;
  readonly tags: readonly string[];

  /** `texts`: of the language to begin with. */
  constructor(
    private readonly files: CatalogueFiles,
    private readonly memory: Memory,
    texts: Texts,
  ) {
    this.tags = tagsOf(files);
    this.store = createStore(() => ({ translator: new Translator(texts) }));
  }

  /** In the language that was chosen last, else the one that the browser is likeliest set to. */
  static async begin(
    files: CatalogueFiles,
    memory: Memory,
    preferred: readonly string[],
  ): Promise<Interface> {
    return new Interface(files, memory, await fetchFirstTexts(files, memory, preferred));
  }

  async choose(tag: string): Promise<void> {
    this.memory.set("interfaceLanguage", tag);
    this.store.setState({ translator: new Translator(await fetchTexts(this.files, tag)) });
  }
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
