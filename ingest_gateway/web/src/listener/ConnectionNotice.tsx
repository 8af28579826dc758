import { useText } from "../shared/i18n";
import { useListener } from "./in_page";
import { shownState } from "./TalkState";

/** Shorter than this, nobody need know. */
const WORTH_SAYING_S = 1;

/** That there is no connection, of this page or of the speaker, for how long, and what happens then. */
export function ConnectionNotice() {
  const text = useText();
  const offlineS = useListener((state) => state.offlineS);
  const isSlow = useListener((state) => state.isSlow);
  const isAway = useListener((state) => shownState(state) === "away");
  if (offlineS === null || offlineS < WORTH_SAYING_S) {
    return (
      <>
        {isAway && (
          <p className="problem" aria-live="polite">
            {text.text("state.awayWhy")}
          </p>
        )}
        {isSlow && (
          <p className="quiet" aria-live="polite">
            {text.text("sound.slowNetwork")}
          </p>
        )}
      </>
    );
  }
  return (
    <>
      {/* Told once; what counts up is only shown. */}
      <p className="unseen" role="alert">
        {text.text("connection.lost")}
      </p>
      <p className="problem" aria-hidden="true">
        {text.text("connection.lostFor", { seconds: offlineS })}
      </p>
    </>
  );
}
