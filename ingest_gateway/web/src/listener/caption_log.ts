import type { StoreApi } from "zustand/vanilla";
import type { Utterance } from "../protocol/messages";
import { stillPartial, withLine, withState, type CaptionState, type PartialLine } from "./captions";
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

  constructor(private readonly store: StoreApi<ListenerState>) {}

  /** Another talk, or another language. */
  clear(): void {
    this.utterances.clear();
    this.unvoiced.clear();
    this.store.setState({ lines: [], partial: null, released: [] });
  }

  show(utterance: Utterance, state: CaptionState): void {
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
