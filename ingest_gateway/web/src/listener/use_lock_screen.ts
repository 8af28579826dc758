import { useEffect } from "react";
import { useText } from "../shared/i18n";
import { useSession } from "./in_page";

/** Let a phone's lock screen show what plays, and pause it. */
export function useLockScreen(): void {
  const session = useSession();
  const title = useText().text("app.name");
  useEffect(() => {
    const shown = navigator.mediaSession as MediaSession | undefined;
    if (shown === undefined) return;
    shown.metadata = new MediaMetadata({ title });
    shown.setActionHandler("play", () => void session.controls.pause(false));
    shown.setActionHandler("pause", () => void session.controls.pause(true));
  }, [session, title]);
}
