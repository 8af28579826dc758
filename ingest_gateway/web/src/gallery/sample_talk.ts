// A talk as its utterances are cut, in the languages of the gallery's pictures.
import type { CaptionLine, CaptionState } from "../listener/captions";

export interface SampleTalk {
  readonly pieces: readonly string[];
  /** What is coming. */
  readonly preview: string;
}

const ENGLISH: SampleTalk = {
  pieces: [
    "When the ship came in, she had",
    "already stood at the harbour for an hour.",
    "Nobody had told her",
    "that the wind had turned,",
    "and nobody would have dared to.",
    "The captain waved to her. She did not wave back.",
    "In the evening they sat",
    "in the small kitchen, and he told her of the islands.",
  ],
  preview: "There was one among them",
};

export const SAMPLE_TALKS: Readonly<Record<string, SampleTalk>> = {
  en: ENGLISH,
  es: {
    pieces: [
      "Cuando llegó el barco, ella llevaba",
      "ya una hora en el puerto.",
      "Nadie le había dicho",
      "que el viento había cambiado,",
      "y nadie se habría atrevido.",
      "El capitán la saludó con la mano. Ella no le devolvió el saludo.",
      "Por la noche se sentaron",
      "en la pequeña cocina y él le habló de las islas.",
    ],
    preview: "Había entre ellas una",
  },
  de: {
    pieces: [
      "Als das Schiff einlief, stand sie",
      "schon seit einer Stunde am Hafen.",
      "Niemand hatte ihr gesagt,",
      "dass sich die Windgeschwindigkeitsmessgeräte geirrt hatten,",
      "und niemand hätte es gewagt.",
      "Der Kapitän der Donaudampfschifffahrtsgesellschaft winkte. Sie winkte nicht zurück.",
      "Am Abend saßen sie",
      "in der kleinen Küche, und er erzählte ihr von den Inseln.",
    ],
    preview: "Unter ihnen war eine",
  },
  ar: {
    pieces: [
      "عندما وصلت السفينة كانت",
      "واقفة في الميناء منذ ساعة.",
      "لم يخبرها أحد",
      "أن الريح قد تغيّرت،",
      "ولم يكن أحد ليجرؤ على ذلك.",
      "لوّح لها القبطان. لكنها لم تلوّح له.",
      "وفي المساء جلسا",
      "في المطبخ الصغير، وحدّثها عن الجزر الـ12.",
    ],
    preview: "كانت بينها واحدة",
  },
  ja: {
    pieces: [
      "船が着いたとき、彼女は",
      "もう一時間も港に立っていました。",
      "風向きが変わったことを",
      "誰も彼女に知らせず、",
      "知らせる勇気もありませんでした。",
      "船長が手を振りました。彼女は振り返しませんでした。",
      "夕方、二人は小さな台所に座り、",
      "彼は島々の話をしました。",
    ],
    preview: "その中にひとつ",
  },
};

const SAID_MS = 2000;
/** The last two sentences come after a silence. */
const LATER_FROM = 6;

/** As a listener's page holds it; the piece before the last one is heard now. */
export function linesOf(language: string): readonly CaptionLine[] {
  const { pieces } = SAMPLE_TALKS[language] ?? ENGLISH;
  return pieces.map((text, number) => ({
    number,
    text: number === 4 ? "" : text,
    original: ENGLISH.pieces[number] ?? "",
    state: stateOf(number, pieces.length),
    saidAtMs: number * SAID_MS + (number >= LATER_FROM ? 5000 : 0),
    saidForMs: SAID_MS,
    hasClip: number !== 4,
    sentence: null,
  }));
}

function stateOf(number: number, count: number): CaptionState {
  if (number < 2) return "past";
  if (number === 4) return "missing";
  if (number === count - 2) return "playing";
  return number === count - 1 ? "waiting" : "heard";
}
