import { useText, type MessageId } from "../shared/i18n";
import { useListener } from "./in_page";
import type { ListenerState } from "./store";

type Shown = "connecting" | "waiting" | "live" | "quiet" | "away" | "paused" | "muted" | "ended";

const WORDS = {
  connecting: "state.connecting",
  waiting: "state.waiting",
  live: "state.live",
  quiet: "state.quiet",
  away: "state.away",
  paused: "state.paused",
  muted: "state.muted",
  ended: "state.ended",
} as const satisfies Record<Shown, MessageId>;

/** Where the talk stands, in one word or a few. */
export function TalkState() {
  const text = useText();
  const shown = useListener(shownState);
  return (
    <p className={`state ${shown}`} role="status">
      {text.text(WORDS[shown])}
    </p>
  );
}

/** Live is only said while there is speech. */
export function shownState(
  of: Pick<ListenerState, "phase" | "state" | "presence" | "room">,
): Shown {
  if (of.room?.state === "waiting" && of.phase !== "joining") return "waiting";
  if (of.phase === "joining") return "connecting";
  if (of.phase === "over") return "ended";
  if (of.presence === "away" && of.state !== "ended") return "away";
  if (of.state === "live") return of.presence === "quiet" ? "quiet" : "live";
  return of.state;
}
