/** JSON with names sorted and no blanks, so that the order of names in a file does not change a version. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, held: unknown) =>
    typeof held === 'object' && held !== null && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).sort(([left], [right]) => (left < right ? -1 : 1)))
      : held,
  );
}
