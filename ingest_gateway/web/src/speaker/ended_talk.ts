import type { StoreApi } from "zustand/vanilla";
import type * as account from "./account";
import type { OpenTalk } from "./open_talk";
import { inWords } from "./refusal_in_words";
import type { SpeakerState } from "./store";

export type EraserAccount = Pick<typeof account, "eraseSession">;

/** The talk that ended on this page: what was said in it can be deleted. */
export class EndedTalk {
  private talk: OpenTalk | null = null;

  /** `currentToken`: one that holds now, in place of the talk's. */
  constructor(
    private readonly store: StoreApi<SpeakerState>,
    private readonly account: EraserAccount,
    private readonly currentToken: (token: string) => Promise<string>,
  ) {}

  /** A talk that goes on elsewhere is not deleted from here, nor is one in a room, which is its
   * organiser's. */
  keep(talk: OpenTalk | null): void {
    const { problem, sheet } = this.store.getState();
    const isOver = problem === null || problem.id === "problem.sessionEnded";
    this.talk = isOver && sheet === null ? talk : null;
    this.store.setState({ erasure: this.talk === null ? "not here" : "possible" });
  }

  /** For good. */
  async erase(): Promise<void> {
    const { talk } = this;
    if (talk === null) return;
    this.store.setState({ erasure: "under way", problem: null });
    try {
      await this.account.eraseSession(talk.sessionId, await this.currentToken(talk.token));
      this.talk = null;
      this.store.setState({ erasure: "done" });
    } catch (error) {
      this.store.setState({ erasure: "possible", problem: inWords(error) });
    }
  }
}
