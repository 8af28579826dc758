import { useText } from "../shared/i18n";
import { PlannedTime } from "../shared/PlannedTime";
import { useListener } from "./in_page";

/** What a room's listener waits for; nothing while a talk is heard. */
export function RoomNotice() {
  const text = useText();
  const room = useListener((state) => state.room);
  if (room === null) return null;
  const isOver = room.state === "ended";
  if (!isOver && room.state !== "waiting") return null;
  const coming = room.talk ?? room.next;
  return (
    <section className="room-notice" role="status">
      <p>
        <bdi>{room.eventTitle}</bdi> · <bdi>{room.name}</bdi>
      </p>
      {isOver && <h2>{text.text("room.over")}</h2>}
      {!isOver && coming === null && <h2>{text.text("room.nothing")}</h2>}
      {!isOver && coming !== null && (
        <>
          <p className="quiet">{text.text(room.talk === null ? "room.next" : "room.begins")}</p>
          <h2 dir="auto">{coming.title}</h2>
          <p>
            {coming.speaker !== "" && <bdi>{coming.speaker}</bdi>}
            {coming.speaker !== "" && coming.plannedAt !== null && " · "}
            {coming.plannedAt !== null && (
              <PlannedTime atMs={coming.plannedAt} clockAheadMs={room.clockAheadMs} />
            )}
          </p>
        </>
      )}
      <p className="quiet">{text.text("room.kept", { days: room.retentionDays })}</p>
    </section>
  );
}
