const ANSWER_MS = 4000;

/** Links that were asked for anew and have not come yet. */
export class FreshUrls {
  private readonly waiting = new Map<number, (url: string | null) => void>();

  /** `send`: asks for it; false when there is no connection. Null: there is no link. */
  ask(number: number, send: () => boolean): Promise<string | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.answer(number, null);
      }, ANSWER_MS);
      this.waiting.set(number, (url) => {
        clearTimeout(timer);
        resolve(url);
      });
      if (!send()) this.answer(number, null);
    });
  }

  answer(number: number, url: string | null): void {
    this.waiting.get(number)?.(url);
    this.waiting.delete(number);
  }
}
