/** Any one character, and any run of them; other entries are character codes. */
const ONE = -1;
const RUN = -2;

/** A LIKE pattern taken apart; undefined where the escape character ends it. */
export type LikePattern = readonly number[];

export function likePattern(text: string, escape: string | undefined): LikePattern | undefined {
  const pattern: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === escape) {
      if (++at === text.length) return undefined;
      pattern.push(text.charCodeAt(at));
    } else if (char === '_') pattern.push(ONE);
    else if (char !== '%') pattern.push(char.charCodeAt(0));
    else if (pattern.at(-1) !== RUN) pattern.push(RUN);
  }
  return pattern;
}

/**
 * Whether the whole text fits the pattern. Only the last run is ever tried again, a character longer each time: at
 * most text times pattern steps, however many runs there are.
 */
export function isLike(text: string, pattern: LikePattern): boolean {
  let at = 0;
  let place = 0;
  let runPlace = -1;
  let runEnd = 0;
  while (at < text.length) {
    const wanted = pattern[place];
    if (wanted === RUN) {
      runPlace = place++;
      runEnd = at;
    } else if (wanted === ONE || wanted === text.charCodeAt(at)) {
      at++;
      place++;
    } else if (runPlace >= 0) {
      at = ++runEnd;
      place = runPlace + 1;
    } else return false;
  }
  if (pattern[place] === RUN) place++;
  return place === pattern.length;
}
