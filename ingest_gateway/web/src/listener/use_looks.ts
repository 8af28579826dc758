import { useEffect } from "react";
import { useListener } from "./in_page";
import { TEXT_SIZES_REM } from "./store";

/** Give the document the colours and the caption size that its person has chosen. */
export function useLooks(): void {
  const theme = useListener((state) => state.theme);
  const highContrast = useListener((state) => state.highContrast);
  const textSize = useListener((state) => state.textSize);
  useEffect(() => {
    const { style, dataset } = document.documentElement;
    style.colorScheme = theme === "system" ? "light dark" : theme;
    style.setProperty("--caption-size", `${TEXT_SIZES_REM[textSize] ?? 1.25}rem`);
    dataset.contrast = highContrast ? "high" : "usual";
  }, [theme, highContrast, textSize]);
}
