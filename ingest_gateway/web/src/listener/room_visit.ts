import type { LineEvents } from "../protocol/line";
import type { ClientMessage, ErrorMessage, ServerMessage, TalkState } from "../protocol/messages";
import type { Words } from "../shared/i18n";
import type { SecretPlace } from "../shared/session_link";
import type { fetchDoor, FoundDoor } from "./door";
import type { ListenerSession } from "./listener_session";
import type { RoomPlace } from "./store";
import type { ListenerLine } from "./track_line";

const FIND_AGAIN_MS = 2000;
/** A room that is full or locked may be opened. */
const KNOCK_AGAIN_MS = 10_000;
/** What was said last in a talk is still on its way when the next one begins. */
const LAST_WORDS_MS = 4000;

export interface RoomNeeds {
  readonly fetchDoor: typeof fetchDoor;
  openLine(events: LineEvents): ListenerLine;
}

const NOT_LET_IN: Readonly<Record<string, Words>> = {
  ROOM_FULL: { id: "room.full" },
  ROOM_LOCKED: { id: "room.locked" },
  NO_ROOM: { id: "room.none" },
};

/** A room over one connection, through all of its talks: it is told what goes on there, and its
 * listener's session speaks over the same connection. */
export class RoomVisit {
  private line: ListenerLine | null = null;
  private isIn = false;
  /** Of the session that listens through this room. */
  private listener: LineEvents | null = null;
  private code: string | null = null;
  private session: ListenerSession | null = null;
  private changing: ReturnType<typeof setTimeout> | undefined;
  private knocking: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly place: SecretPlace,
    private readonly needs: RoomNeeds,
  ) {}

  /** Enter for this session, whose lines are to be `openLine`'s. */
  async enter(session: ListenerSession, code: string | null = null): Promise<void> {
    this.session = session;
    this.code = code;
    session.store.setState({ problem: null });
    this.found(session, await this.needs.fetchDoor(this.place, code));
  }

  /** The room's connection, as a session's own. */
  openLine(events: LineEvents): ListenerLine {
    this.listener = events;
    if (this.line === null) this.line = this.needs.openLine(this.lineEvents);
    else if (this.isIn) queueMicrotask(() => this.listener?.opened());
    return {
      send: (message: ClientMessage) => this.line?.send(message) ?? false,
      hurry: () => {
        this.line?.hurry();
      },
      close: () => {
        if (this.listener !== events) return;
        this.listener = null;
        const sessionId = this.session?.store.getState().sessionId ?? null;
        if (sessionId !== null) this.line?.send({ action: "leaveSession", sessionId });
      },
    };
  }

  private readonly lineEvents: LineEvents = {
    opened: () => {
      this.knock();
    },
    received: (message) => {
      if (message.type === "talkState" && message.roomId !== undefined) this.told(message);
      else if (message.type === "error" && message.action === "joinRoom") this.refused(message);
      else if (isOfOtherLanguages(message) && this.session !== null)
        void this.chooseAnew(this.session);
      else this.listener?.received(message);
    },
    broken: () => {
      this.isIn = false;
      this.listener?.broken();
    },
  };

  private found(session: ListenerSession, found: FoundDoor): void {
    switch (found.kind) {
      case "unreachable":
        session.store.setState({ problem: { id: "join.unreachable" } });
        setTimeout(() => void this.enter(session, this.code), FIND_AGAIN_MS);
        break;
      case "none":
        session.store.setState({ problem: { id: "room.none" } });
        break;
      case "code":
        session.store.setState({
          needsCode: true,
          problem: found.wasWrong ? { id: "room.wrongCode" } : null,
        });
        break;
      case "found": {
        const { roomId, name, eventTitle, state, retentionDays } = found.door;
        const { sessionId, talk = null, next = null } = state;
        const room: RoomPlace = {
          ...{ roomId, name, eventTitle, retentionDays, sessionId, talk, next },
          state: state.state,
          clockAheadMs: found.clockAheadMs,
        };
        const shown = { key: this.place.key, accessCode: this.code };
        session.store.setState({ room, needsCode: false, ...shown });
        if (this.line === null) this.line = this.needs.openLine(this.lineEvents);
        else if (!this.isIn) this.knock(); // with the code that was asked for
        const sourceLanguage = (talk ?? next)?.language ?? null;
        session.store.setState({
          phase: "choosing",
          sessionId: null,
          sourceLanguage,
          language: null,
        });
        session.offer(found.languages);
        break;
      }
    }
  }

  /** The talk that has begun cannot be had in the language that the last one was heard in. */
  private async chooseAnew(session: ListenerSession): Promise<void> {
    await this.enter(session, this.code);
    if (session.store.getState().phase === "choosing")
      session.store.setState({ problem: { id: "join.badLanguage" } });
  }

  private knock(): void {
    clearTimeout(this.knocking);
    const { id, key } = this.place;
    const code = this.code === null ? {} : { accessCode: this.code };
    this.line?.send({ action: "joinRoom", roomId: id, key, ...code });
  }

  private told(message: TalkState): void {
    const { session } = this;
    const before = session?.store.getState().room ?? null;
    if (session === null || before === null) return;
    const { state, sessionId } = message;
    const { talk = null, next = null, retentionDays = before.retentionDays } = message;
    session.store.setState({
      room: { ...before, state, sessionId, talk, next, retentionDays },
      problem: null,
    });
    const wasIn = this.isIn;
    this.isIn = true;
    const { sessionId: current, phase, language } = session.store.getState();
    if (language === null || phase === "choosing") return;
    const isSame = sessionId === null || sessionId === current;
    if (isSame && !wasIn && current !== null && phase !== "over") this.listener?.opened();
    if (isSame) return;
    clearTimeout(this.changing);
    const waitMs = phase === "waiting" || current === null ? 0 : LAST_WORDS_MS;
    this.changing = setTimeout(() => {
      const now = session.store.getState();
      if (now.room?.sessionId === sessionId) session.listen(sessionId, now.language ?? language);
    }, waitMs);
  }

  private refused({ code, message }: ErrorMessage): void {
    const words = NOT_LET_IN[code] ?? { id: "room.refused", values: { reason: message } };
    this.session?.store.setState({ problem: words });
    if (code === "WRONG_CODE") {
      this.session?.store.setState({ needsCode: true, phase: "asking" });
      return;
    }
    if (code === "NO_ROOM") return;
    clearTimeout(this.knocking);
    this.knocking = setTimeout(() => {
      this.knock();
    }, KNOCK_AGAIN_MS);
  }
}

function isOfOtherLanguages(message: ServerMessage): boolean {
  return (
    message.type === "error" && message.action === "joinSession" && message.code === "BAD_LANGUAGE"
  );
}
