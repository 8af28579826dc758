// All texts in English, at once: for tests and the gallery.
import listener from "../locales/listener/en.json";
import shared from "../locales/shared/en.json";
import speaker from "../locales/speaker/en.json";
import trust from "../locales/trust/en.json";
import { Translator } from "./i18n";

export const ENGLISH = new Translator({
  tag: "en",
  messages: { ...shared.messages, ...listener.messages, ...speaker.messages, ...trust.messages },
  isReviewed: true,
});
