import type { ReactNode } from "react";

interface Props {
  readonly label: string;
  readonly headings: readonly string[];
  readonly children: ReactNode;
}

/** A table that may be wider than the page: it scrolls by itself, also with the keyboard. */
export function WideTable({ label, headings, children }: Props) {
  return (
    <div className="scrolled" role="group" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {headings.map((heading) => (
              <th key={heading} scope="col">
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
