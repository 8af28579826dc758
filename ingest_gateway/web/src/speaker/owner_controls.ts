// What a talk's owner decides beside the talk itself: who may listen, to how much, and until when.
import type { StoreApi } from "zustand/vanilla";
import type { Words } from "../shared/i18n";
import type * as account from "./account";
import type { OpenTalk } from "./open_talk";
import { inWords } from "./refusal_in_words";
import type { SpeakerState } from "./store";

export type OwnerAccount = Pick<
  typeof account,
  "changeSession" | "fetchListeners" | "fetchRules" | "removeListener"
>;

export interface OwnerNeeds {
  readonly account: OwnerAccount;
  /** The talk that this page speaks into, with a token that holds now; null: none. */
  openTalk(): Promise<OpenTalk | null>;
  /** The link for listeners that has this key. */
  linkOf(talk: OpenTalk, key: string | null): string;
  keep(talk: OpenTalk): void;
}

const DONE: Words = { id: "owner.done" };

/** Of a talk outside rooms: of a room's, the organiser decides. What is refused is said where it was
 * asked for, and the talk goes on. */
export class OwnerControls {
  constructor(
    private readonly store: StoreApi<SpeakerState>,
    private readonly needs: OwnerNeeds,
  ) {}

  /** Show how things stand. */
  look(): Promise<void> {
    return this.asked(async ({ sessionId, token }) => {
      this.store.setState({
        rules: await this.needs.account.fetchRules(sessionId, token),
        present: await this.needs.account.fetchListeners(sessionId, token),
      });
    });
  }

  change(wanted: account.RulesChange): Promise<void> {
    return this.asked(async (talk) => {
      const rules = await this.needs.account.changeSession(talk.sessionId, talk.token, wanted);
      const key = rules.listeningKey ?? null;
      this.needs.keep({ ...talk, key });
      this.store.setState({ rules, link: this.needs.linkOf(talk, key), ruled: DONE });
    });
  }

  remove(listenerId: string): Promise<void> {
    return this.asked(async ({ sessionId, token }) => {
      await this.needs.account.removeListener(sessionId, token, listenerId);
      const { present } = this.store.getState();
      this.store.setState({
        present: present.filter((one) => one.listenerId !== listenerId),
        ruled: DONE,
      });
    });
  }

  private async asked(ask: (talk: OpenTalk) => Promise<void>): Promise<void> {
    this.store.setState({ ruled: null });
    try {
      const talk = await this.needs.openTalk();
      if (talk !== null) await ask(talk);
    } catch (error) {
      this.store.setState({ ruled: inWords(error) });
    }
  }
}
