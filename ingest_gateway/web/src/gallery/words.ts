export const SESSION = "joyful-mountain-789";

/** A name as nobody should have it. */
export const ENDLESS = `<b>Donaudampfschifffahrt</b> مرحبا \u{1f30d} ${"x".repeat(450)}`;
