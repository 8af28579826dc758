// Which of the tags that are there a person wants, by RFC 4647 and by languages' other tags.

import { OTHER_TAGS } from "./language_names";

const otherTags = new Map(Object.entries(OTHER_TAGS).map(([tag, row]) => [lower(tag), lower(row)]));

/** Lookup (section 3.4): the first range that matches, cut from its end until a tag equals it. */
export function lookup(
  ranges: readonly string[],
  tags: readonly string[],
  otherwise: string,
): string {
  return ranges.map((range) => lookupOne(range, tags)).find((tag) => tag !== null) ?? otherwise;
}

/** All tags, the likeliest first: for each range what lookup finds, then what basic filtering finds
 * (section 3.3.1: tags that begin with the range), then what shares its language. The others follow
 * by name. Without a range that fits, none of them is likelier than another. */
export function likeliestFirst(
  tags: readonly string[],
  ranges: readonly string[],
  nameOf: (tag: string) => string,
): { readonly likely: readonly string[]; readonly others: readonly string[] } {
  const likely = new Set<string>();
  for (const range of ranges) {
    const found = lookupOne(range, tags);
    if (found !== null) likely.add(found);
    const isWithin = (tag: string) => lower(tag).startsWith(`${lower(range)}-`);
    for (const tag of tags.filter(isWithin)) likely.add(tag);
    for (const tag of tags.filter((one) => primary(one) === primary(range))) likely.add(tag);
  }
  const others = tags.filter((tag) => !likely.has(tag));
  others.sort((one, other) => nameOf(one).localeCompare(nameOf(other), "und"));
  return { likely: [...likely], others };
}

function lookupOne(range: string, tags: readonly string[]): string | null {
  let parts = lower(range).split("-");
  while (parts.length > 0) {
    const wanted = parts.join("-");
    const found =
      tags.find((tag) => lower(tag) === wanted) ??
      tags.find((tag) => lower(tag) === otherTags.get(wanted));
    if (found !== undefined) return found;
    parts = parts.slice(0, -1);
    // A single letter begins an extension: it means nothing without what follows.
    if (parts.at(-1)?.length === 1) parts = parts.slice(0, -1);
  }
  return null;
}

function primary(tag: string): string {
  return lower(tag).split("-")[0] ?? "";
}

function lower(tag: string): string {
  return tag.toLowerCase();
}
