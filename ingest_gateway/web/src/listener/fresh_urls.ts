import type { ClientMessage } from "../protocol/messages";

const ANSWER_MS = 4000;

/** What is listened to, as the page's state has it. */
interface Followed {
  readonly sessionId: string | null;
  readonly language: string | null;
}

/** Links that were asked for anew and have not come yet. */
export class FreshUrls {
  private readonly waiting = new Map<number, (url: string | null) => void>();

  /** Null: there is no link, or nothing to ask by. */
  ask(
    sequenceNumber: number,
    { sessionId, language }: Followed,
    line: { send(message: ClientMessage): boolean } | null,
  ): Promise<string | null> {
    if (sessionId === null || language === null) return Promise.resolve(null);
    const which = { sessionId, targetLanguage: language, sequenceNumber };
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.answer(sequenceNumber, null);
      }, ANSWER_MS);
      this.waiting.set(sequenceNumber, (url) => {
        clearTimeout(timer);
        resolve(url);
      });
      if (line?.send({ action: "refreshUrl", ...which }) !== true) {
        this.answer(sequenceNumber, null);
      }
    });
  }

  answer(number: number, url: string | null): void {
    this.waiting.get(number)?.(url);
    this.waiting.delete(number);
  }
}
