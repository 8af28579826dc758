import type { StoreApi } from "zustand/vanilla";
import type { Utterance } from "../protocol/messages";
import { stillPartial, withLine, withState, type CaptionState, type PartialLine } from "./captions";
import { ReceivedNumbers } from "./received_numbers";
import { withReleased, type ReleasedSentence } from "./released";
import type { ListenerState } from "./store";

/** Utterances whose clips can be heard again. */
const KEPT = 500;

/** Why there is no clip where none is missed: the text is for reading. */
const FOR_READING: readonly string[] = ["unvoiced", "captions"];

function isForReading({ skipped }: Utterance): boolean {
  return FOR_READING.includes(skipped ?? "");
}

function stateOf(utterance: Utterance, state: CaptionState): CaptionState {
  if (isForReading(utterance)) return "heard";
  return utterance.skipped ? "missing" : state;
}

/** The captions of a session's store, and the utterances that they were made of. */
export class CaptionLog {
  private readonly utterances = new Map<number, Utterance>();
  private readonly unvoiced = new Set<number>();
  private numbers = new ReceivedNumbers();
  private ofLanguage: string | null = null;

  constructor(private readonly store: StoreApi<ListenerState>) {}

  /** Of the lines; another one than chosen until the gateway has answered. Null: of none yet. */
  get language(): string | null {
    return this.ofLanguage;
  }

  /** `newest`: of the history that there is in this language; null: nothing was said. */
  begin(language: string, newest: number | null): void {
    this.clear();
    this.ofLanguage = language;
    this.numbers = new ReceivedNumbers(newest, Math.random());
  }

  /** The last number before which nothing is missing; null: there is nothing in this language. */
  completeUntil(language: string | null): number | null {
    return language !== null && language === this.ofLanguage ? this.numbers.completeUntil : null;
  }

  /** Something is missing, and it is time to ask for it. */
  isToAsk(nowMs: number): boolean {
    return this.numbers.isToAsk(nowMs);
  }

  /** Another talk, or another language. */
  clear(): void {
    this.ofLanguage = null;
    this.utterances.clear();
    this.unvoiced.clear();
    this.store.setState({ lines: [], partial: null, released: [] });
  }

  show(utterance: Utterance, state: CaptionState): void {
    this.numbers.add(utterance.sequenceNumber, utterance.previousSequenceNumber ?? null);
    const line = {
      number: utterance.sequenceNumber,
      text: utterance.transcript ?? "",
      original: utterance.sourceTranscript ?? "",
      state: stateOf(utterance, state),
      saidAtMs: utterance.timestamp ?? null,
      saidForMs: (utterance.sourceDuration ?? 0) * 1000,
      hasClip: !utterance.skipped && (utterance.url ?? utterance.audio ?? null) !== null,
      sentence: utterance.sentence ?? null,
    };
    if (line.hasClip) this.keep(utterance);
    if (isForReading(utterance)) this.unvoiced.add(utterance.sequenceNumber);
    this.store.setState(({ lines, partial }) => {
      const next = withLine(lines, line);
      return { lines: next, partial: stillPartial(partial, next) };
    });
  }

  /** What no voice speaks is for reading: that its clip never comes makes nothing missing. */
  mark(number: number, state: CaptionState): void {
    if (state === "missing" && this.unvoiced.has(number)) return;
    this.store.setState(({ lines }) => ({ lines: withState(lines, number, state) }));
  }

  showPartial(partial: PartialLine): void {
    this.store.setState(({ lines }) => ({ partial: stillPartial(partial, lines) }));
  }

  /** Text that is released, before there is a voice for it. */
  showReleased(sentence: ReleasedSentence): void {
    this.store.setState(({ released }) => ({ released: withReleased(released, sentence) }));
  }

  /** Those of them that have a clip. */
  clipsOf(numbers: readonly number[]): readonly Utterance[] {
    return numbers.flatMap((number) => this.utterances.get(number) ?? []);
  }

  private keep(utterance: Utterance): void {
    this.utterances.set(utterance.sequenceNumber, utterance);
    const [oldest] = this.utterances.keys();
    if (this.utterances.size > KEPT && oldest !== undefined) this.utterances.delete(oldest);
  }
}
